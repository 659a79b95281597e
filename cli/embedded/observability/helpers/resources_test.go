package main

import (
	"strings"
	"testing"
)

// Objects and series as in the tests of kube-state-metrics 2.15.
func TestSeries(t *testing.T) {
	allowances := []string{
		"--metric-labels-allowlist=services=[shopctl.dev/pointer,app.kubernetes.io/name],deployments=[shopctl.dev/color]",
		"--metric-annotations-allowlist=services=[shopctl.dev/release]",
	}
	cases := []struct{ name, path, item, want string }{
		{
			"a pod of a ReplicaSet", podsPath,
			`{"metadata": {"name": "pod1", "namespace": "ns1", "uid": "abc", "ownerReferences": [
				{"kind": "Other", "name": "a"}, {"kind": "ReplicaSet", "name": "rs1", "controller": true}, {"kind": "Other", "name": "b"}]},
			  "spec": {"nodeName": "node1", "priorityClassName": "system-node-critical"},
			  "status": {"hostIP": "1.1.1.1", "podIP": "1.2.3.4", "phase": "Running",
			    "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "True"}],
			    "containerStatuses": [{"name": "container1", "restartCount": 3}]}}`,
			`kube_pod_info{namespace="ns1",pod="pod1",uid="abc",host_ip="1.1.1.1",pod_ip="1.2.3.4",node="node1",created_by_kind="ReplicaSet",created_by_name="rs1",priority_class="system-node-critical",host_network="false"} 1
			kube_pod_status_phase{namespace="ns1",pod="pod1",uid="abc",phase="Pending"} 0
			kube_pod_status_phase{namespace="ns1",pod="pod1",uid="abc",phase="Succeeded"} 0
			kube_pod_status_phase{namespace="ns1",pod="pod1",uid="abc",phase="Failed"} 0
			kube_pod_status_phase{namespace="ns1",pod="pod1",uid="abc",phase="Unknown"} 0
			kube_pod_status_phase{namespace="ns1",pod="pod1",uid="abc",phase="Running"} 1
			kube_pod_status_ready{namespace="ns1",pod="pod1",uid="abc",condition="true"} 1
			kube_pod_status_ready{namespace="ns1",pod="pod1",uid="abc",condition="false"} 0
			kube_pod_status_ready{namespace="ns1",pod="pod1",uid="abc",condition="unknown"} 0
			kube_pod_container_status_restarts_total{namespace="ns1",pod="pod1",uid="abc",container="container1"} 3`,
		},
		{
			"a pod that is not scheduled, with a name to escape", podsPath,
			`{"metadata": {"name": "a\"b\\c\nd"}}`,
			`kube_pod_info{namespace="",pod="a\"b\\c\nd",uid="",host_ip="",pod_ip="",node="",created_by_kind="",created_by_name="",priority_class="",host_network="false"} 1`,
		},
		{
			"a Service that was live", servicesPath,
			`{"metadata": {"name": "order", "namespace": "shop", "uid": "u", "annotations": {"shopctl.dev/release": "r-41", "other": "x"},
			  "labels": {"app.kubernetes.io/name": "order", "shopctl.dev/pointer": "stable", "other": "x"}}}`,
			`kube_service_annotations{namespace="shop",service="order",uid="u",annotation_shopctl_dev_release="r-41"} 1
			kube_service_labels{namespace="shop",service="order",uid="u",label_app_kubernetes_io_name="order",label_shopctl_dev_pointer="stable"} 1`,
		},
		{
			"a Service with none of the allowed ones", servicesPath,
			`{"metadata": {"name": "database", "namespace": "shop", "uid": "u"}}`,
			`kube_service_annotations{namespace="shop",service="database",uid="u"} 1
			kube_service_labels{namespace="shop",service="database",uid="u"} 1`,
		},
		{
			"an EndpointSlice: ready, not ready, ending, unknown", slicesPath,
			`{"metadata": {"name": "order-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "order"}},
			  "ports": [{"name": "http", "protocol": "TCP", "port": 8080}],
			  "endpoints": [
			    {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
			    {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
			    {"addresses": ["10.0.0.3"], "conditions": {"ready": false, "serving": true, "terminating": true}},
			    {"addresses": ["10.0.0.4"]},
			    {"addresses": ["10.0.0.2"], "conditions": {"ready": true}},
			    {"addresses": ["10.0.0.1"], "conditions": {"ready": false}}]}`,
			`kube_endpoint_address{namespace="shop",endpoint="order",port_protocol="TCP",port_number="8080",port_name="http",ip="10.0.0.1",ready="true"} 1
			kube_endpoint_address{namespace="shop",endpoint="order",port_protocol="TCP",port_number="8080",port_name="http",ip="10.0.0.2",ready="true"} 1
			kube_endpoint_address{namespace="shop",endpoint="order",port_protocol="TCP",port_number="8080",port_name="http",ip="10.0.0.4",ready="true"} 1`,
		},
		{
			"an address that is not ready", slicesPath,
			`{"metadata": {"name": "order-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "order"}},
			  "ports": [{"protocol": "TCP", "port": 8080}],
			  "endpoints": [{"addresses": ["10.0.0.2"], "conditions": {"ready": false}}]}`,
			`kube_endpoint_address{namespace="shop",endpoint="order",port_protocol="TCP",port_number="8080",port_name="",ip="10.0.0.2",ready="false"} 1`,
		},
		{
			"a slice of no Service", slicesPath,
			`{"metadata": {"name": "x"}, "ports": [{"port": 1}], "endpoints": [{"addresses": ["10.0.0.2"]}]}`, "",
		},
		{
			"a Deployment", "/apis/apps/v1/deployments",
			`{"metadata": {"name": "order-blue", "namespace": "shop", "labels": {"shopctl.dev/color": "blue"}},
			  "spec": {"replicas": 3}, "status": {"replicas": 3, "readyReplicas": 2, "availableReplicas": 1}}`,
			`kube_deployment_spec_replicas{namespace="shop",deployment="order-blue"} 3
			kube_deployment_status_replicas_ready{namespace="shop",deployment="order-blue"} 2
			kube_deployment_status_replicas_available{namespace="shop",deployment="order-blue"} 1
			kube_deployment_labels{namespace="shop",deployment="order-blue",label_shopctl_dev_color="blue"} 1`,
		},
		{
			"a StatefulSet without a ready pod", "/apis/apps/v1/statefulsets",
			`{"metadata": {"name": "rabbitmq", "namespace": "shop"}, "spec": {"replicas": 1}, "status": {}}`,
			`kube_statefulset_replicas{namespace="shop",statefulset="rabbitmq"} 1
			kube_statefulset_status_replicas_ready{namespace="shop",statefulset="rabbitmq"} 0`,
		},
		{
			"a Job that failed", "/apis/batch/v1/jobs",
			`{"metadata": {"name": "migrate", "namespace": "shop"}, "status": {"conditions": [
				{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}]}}`,
			`kube_job_failed{namespace="shop",job_name="migrate",condition="true"} 1
			kube_job_failed{namespace="shop",job_name="migrate",condition="false"} 0
			kube_job_failed{namespace="shop",job_name="migrate",condition="unknown"} 0`,
		},
		{"a Job that runs", "/apis/batch/v1/jobs", `{"metadata": {"name": "migrate"}, "status": {}}`, ""},
		{
			"an autoscaler", "/apis/autoscaling/v2/horizontalpodautoscalers",
			`{"metadata": {"name": "hpa1", "namespace": "ns1"}, "spec": {"minReplicas": 2, "maxReplicas": 4},
			  "status": {"currentReplicas": 2, "desiredReplicas": 3}}`,
			`kube_horizontalpodautoscaler_spec_max_replicas{namespace="ns1",horizontalpodautoscaler="hpa1"} 4
			kube_horizontalpodautoscaler_spec_min_replicas{namespace="ns1",horizontalpodautoscaler="hpa1"} 2
			kube_horizontalpodautoscaler_status_current_replicas{namespace="ns1",horizontalpodautoscaler="hpa1"} 2
			kube_horizontalpodautoscaler_status_desired_replicas{namespace="ns1",horizontalpodautoscaler="hpa1"} 3`,
		},
		{
			"a node", "/api/v1/nodes",
			`{"metadata": {"name": "n"}, "spec": {"providerID": "provider://i", "podCIDR": "172.24.10.0/24"},
			  "status": {"addresses": [{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "1.2.3.4"}],
			    "conditions": [{"type": "Ready", "status": "Unknown"}],
			    "nodeInfo": {"kernelVersion": "kernel", "kubeletVersion": "kubelet", "osImage": "osimage",
			      "containerRuntimeVersion": "rkt", "systemUUID": "6a93"}}}`,
			`kube_node_info{node="n",kernel_version="kernel",os_image="osimage",container_runtime_version="rkt",kubelet_version="kubelet",kubeproxy_version="deprecated",provider_id="provider://i",pod_cidr="172.24.10.0/24",system_uuid="6a93",internal_ip="1.2.3.4"} 1
			kube_node_status_condition{node="n",condition="Ready",status="true"} 0
			kube_node_status_condition{node="n",condition="Ready",status="false"} 0
			kube_node_status_condition{node="n",condition="Ready",status="unknown"} 1`,
		},
		{
			"a claim", "/api/v1/persistentvolumeclaims",
			`{"metadata": {"name": "data", "namespace": "shop"}, "status": {"phase": "Pending"}}`,
			`kube_persistentvolumeclaim_status_phase{namespace="shop",persistentvolumeclaim="data",phase="Lost"} 0
			kube_persistentvolumeclaim_status_phase{namespace="shop",persistentvolumeclaim="data",phase="Bound"} 0
			kube_persistentvolumeclaim_status_phase{namespace="shop",persistentvolumeclaim="data",phase="Pending"} 1`,
		},
		{
			"a namespace", namespacesPath,
			`{"metadata": {"name": "shop", "creationTimestamp": "2017-07-14T02:40:00Z"}}`,
			`kube_namespace_created{namespace="shop"} 1.5e+09`,
		},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			api := newFakeAPI(t)
			api.items[test.path] = []string{test.item}
			same(t, seriesOf(api.exporter(allowances...).scrape(t.Context())), test.want)
		})
	}
}

// seriesOf leaves out comments and the exporter's own series.
func seriesOf(text []byte) string {
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "cluster_state_") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func same(t *testing.T, got, want string) {
	t.Helper()
	got, want = strings.TrimSpace(got), strings.ReplaceAll(strings.TrimSpace(want), "\t", "")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLabelNames(t *testing.T) {
	for key, want := range map[string]string{
		"app1":                   "label_app1",
		"0_app3":                 "label_0_app3",
		"$app4":                  "label__app4",
		"_app5":                  "label__app5",
		"camelCase":              "label_camel_case",
		"FooBar":                 "label_foo_bar",
		"app.kubernetes.io/name": "label_app_kubernetes_io_name",
	} {
		labels := labelsOf("label", map[string]string{key: "v"}, []string{key})
		same(t, strings.Join(labels, "="), want+"=v")
	}
}

func TestNothingIsAllowedByDefault(t *testing.T) {
	api := newFakeAPI(t)
	api.items[servicesPath] = []string{`{"metadata": {"name": "order", "labels": {"app": "order"}}}`}
	same(t, seriesOf(api.exporter().scrape(t.Context())), "")
}
