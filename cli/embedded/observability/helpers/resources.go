package main

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// resource is a list of the API server and what is reported about it. Names, labels and help are those of kube-state-metrics 2.15.
type resource struct {
	name     string
	families func(ctx context.Context, s *session, allowed allowed) ([]*family, error)
}

// allowed has the labels and annotations of each resource that become labels of series.
type allowed struct{ labels, annotations map[string][]string }

var resources = []resource{
	{"pods", of("/api/v1/pods", podFamilies)},
	{"services", of("/api/v1/services", serviceFamilies)},
	// EndpointSlices, because reading Endpoints is deprecated.
	{"endpoints", of("/apis/discovery.k8s.io/v1/endpointslices", endpointFamilies)},
	{"deployments", of("/apis/apps/v1/deployments", deploymentFamilies)},
	{"statefulsets", of("/apis/apps/v1/statefulsets", statefulSetFamilies)},
	{"jobs", of("/apis/batch/v1/jobs", jobFamilies)},
	{"horizontalpodautoscalers", of("/apis/autoscaling/v2/horizontalpodautoscalers", autoscalerFamilies)},
	{"nodes", of("/api/v1/nodes", nodeFamilies)},
	{"persistentvolumeclaims", of("/api/v1/persistentvolumeclaims", volumeClaimFamilies)},
	{"namespaces", of("/api/v1/namespaces", namespaceFamilies)},
}

func of[T any](
	path string,
	describe func(items []T, allowed allowed) []*family,
) func(context.Context, *session, allowed) ([]*family, error) {
	return func(ctx context.Context, s *session, allowed allowed) ([]*family, error) {
		items, err := list[T](ctx, s, path)
		if err != nil {
			return nil, err
		}
		return describe(items, allowed), nil
	}
}

var (
	statuses    = []string{"true", "false", "unknown"}
	podPhases   = []string{"Pending", "Succeeded", "Failed", "Unknown", "Running"}
	claimPhases = []string{"Lost", "Bound", "Pending"}
)

func podFamilies(pods []pod, _ allowed) []*family {
	info := gauge("kube_pod_info", "[STABLE] Information about pod.")
	phase := gauge("kube_pod_status_phase", "[STABLE] The pods current phase.")
	ready := gauge("kube_pod_status_ready", "[STABLE] Describes whether the pod is ready to serve requests.")
	restarts := counter("kube_pod_container_status_restarts_total", "[STABLE] The number of container restarts per container.")
	for _, pod := range pods {
		labels := []string{"namespace", pod.Metadata.Namespace, "pod", pod.Metadata.Name, "uid", pod.Metadata.UID}
		info.add(1, slices.Concat(labels, infoOf(pod))...)
		if pod.Status.Phase != "" {
			phase.addStates("phase", podPhases, pod.Status.Phase, labels...)
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == "Ready" {
				ready.addStates("condition", statuses, strings.ToLower(condition.Status), labels...)
			}
		}
		for _, container := range pod.Status.ContainerStatuses {
			restarts.add(container.RestartCount, slices.Concat(labels, []string{"container", container.Name})...)
		}
	}
	return []*family{info, phase, ready, restarts}
}

func infoOf(pod pod) []string {
	kind, name := "", ""
	for _, owner := range pod.Metadata.OwnerReferences {
		if owner.Controller {
			kind, name = owner.Kind, owner.Name
		}
	}
	return []string{
		"host_ip", pod.Status.HostIP, "pod_ip", pod.Status.PodIP, "node", pod.Spec.NodeName,
		"created_by_kind", kind, "created_by_name", name,
		"priority_class", pod.Spec.PriorityClassName, "host_network", strconv.FormatBool(pod.Spec.HostNetwork),
	}
}

func serviceFamilies(services []service, allowed allowed) []*family {
	annotations := gauge("kube_service_annotations", "Kubernetes annotations converted to Prometheus labels.")
	labels := gauge("kube_service_labels", "[STABLE] Kubernetes labels converted to Prometheus labels.")
	for _, service := range services {
		own := []string{"namespace", service.Metadata.Namespace, "service", service.Metadata.Name, "uid", service.Metadata.UID}
		annotations.addMap("annotation", service.Metadata.Annotations, allowed.annotations["services"], own)
		labels.addMap("label", service.Metadata.Labels, allowed.labels["services"], own)
	}
	return []*family{annotations, labels}
}

// addMap adds a series for each object, even if it has none of the allowed ones; and no series if none is allowed.
func (f *family) addMap(prefix string, all map[string]string, allowed, own []string) {
	if len(allowed) > 0 {
		f.add(1, slices.Concat(own, labelsOf(prefix, all, allowed))...)
	}
}

func endpointFamilies(endpointSlices []endpointSlice, _ allowed) []*family {
	addresses := gauge("kube_endpoint_address", "[STABLE] Information about Endpoint available and non available addresses.")
	found := addressesOf(endpointSlices)
	for _, one := range slices.SortedFunc(maps.Keys(found), address.compare) {
		addresses.add(1, "namespace", one.namespace, "endpoint", one.endpoint, "port_protocol", one.protocol,
			"port_number", one.port, "port_name", one.name, "ip", one.ip, "ready", strconv.FormatBool(found[one]))
	}
	return []*family{addresses}
}

func deploymentFamilies(deployments []workload, allowed allowed) []*family {
	wanted := gauge("kube_deployment_spec_replicas", "[STABLE] Number of desired pods for a deployment.")
	ready := gauge("kube_deployment_status_replicas_ready", "[STABLE] The number of ready replicas per deployment.")
	available := gauge("kube_deployment_status_replicas_available", "[STABLE] The number of available replicas per deployment.")
	labels := gauge("kube_deployment_labels", "[STABLE] Kubernetes labels converted to Prometheus labels.")
	for _, deployment := range deployments {
		own := []string{"namespace", deployment.Metadata.Namespace, "deployment", deployment.Metadata.Name}
		wanted.add(deployment.Spec.Replicas, own...)
		ready.add(deployment.Status.ReadyReplicas, own...)
		available.add(deployment.Status.AvailableReplicas, own...)
		labels.addMap("label", deployment.Metadata.Labels, allowed.labels["deployments"], own)
	}
	return []*family{wanted, ready, available, labels}
}

func statefulSetFamilies(sets []workload, _ allowed) []*family {
	wanted := gauge("kube_statefulset_replicas", "[STABLE] Number of desired pods for a StatefulSet.")
	ready := gauge("kube_statefulset_status_replicas_ready", "[STABLE] The number of ready replicas per StatefulSet.")
	for _, set := range sets {
		own := []string{"namespace", set.Metadata.Namespace, "statefulset", set.Metadata.Name}
		wanted.add(set.Spec.Replicas, own...)
		ready.add(set.Status.ReadyReplicas, own...)
	}
	return []*family{wanted, ready}
}

func jobFamilies(jobs []job, _ allowed) []*family {
	failed := gauge("kube_job_failed", "[STABLE] The job has failed its execution.")
	for _, job := range jobs {
		for _, condition := range job.Status.Conditions {
			if condition.Type == "Failed" {
				failed.addStates("condition", statuses, strings.ToLower(condition.Status),
					"namespace", job.Metadata.Namespace, "job_name", job.Metadata.Name)
			}
		}
	}
	return []*family{failed}
}

func autoscalerFamilies(autoscalers []autoscaler, _ allowed) []*family {
	most := gauge("kube_horizontalpodautoscaler_spec_max_replicas",
		"[STABLE] Upper limit for the number of pods that can be set by the autoscaler; cannot be smaller than MinReplicas.")
	least := gauge("kube_horizontalpodautoscaler_spec_min_replicas",
		"[STABLE] Lower limit for the number of pods that can be set by the autoscaler, default 1.")
	current := gauge("kube_horizontalpodautoscaler_status_current_replicas",
		"[STABLE] Current number of replicas of pods managed by this autoscaler.")
	desired := gauge("kube_horizontalpodautoscaler_status_desired_replicas",
		"[STABLE] Desired number of replicas of pods managed by this autoscaler.")
	for _, autoscaler := range autoscalers {
		own := []string{"namespace", autoscaler.Metadata.Namespace, "horizontalpodautoscaler", autoscaler.Metadata.Name}
		most.add(autoscaler.Spec.MaxReplicas, own...)
		least.add(autoscaler.Spec.MinReplicas, own...)
		current.add(autoscaler.Status.CurrentReplicas, own...)
		desired.add(autoscaler.Status.DesiredReplicas, own...)
	}
	return []*family{most, least, current, desired}
}

func nodeFamilies(nodes []node, _ allowed) []*family {
	info := gauge("kube_node_info", "[STABLE] Information about a cluster node.")
	conditions := gauge("kube_node_status_condition", "[STABLE] The condition of a cluster node.")
	for _, node := range nodes {
		internal := ""
		for _, address := range node.Status.Addresses {
			if address.Type == "InternalIP" {
				internal = address.Address
			}
		}
		has := node.Status.NodeInfo
		info.add(1, "node", node.Metadata.Name, "kernel_version", has.KernelVersion, "os_image", has.OSImage,
			"container_runtime_version", has.ContainerRuntimeVersion, "kubelet_version", has.KubeletVersion,
			"kubeproxy_version", "deprecated", "provider_id", node.Spec.ProviderID, "pod_cidr", node.Spec.PodCIDR,
			"system_uuid", has.SystemUUID, "internal_ip", internal)
		for _, condition := range node.Status.Conditions {
			conditions.addStates("status", statuses, strings.ToLower(condition.Status),
				"node", node.Metadata.Name, "condition", condition.Type)
		}
	}
	return []*family{info, conditions}
}

func volumeClaimFamilies(claims []volumeClaim, _ allowed) []*family {
	phase := gauge("kube_persistentvolumeclaim_status_phase", "[STABLE] The phase the persistent volume claim is currently in.")
	for _, claim := range claims {
		if claim.Status.Phase != "" {
			phase.addStates("phase", claimPhases, claim.Status.Phase,
				"namespace", claim.Metadata.Namespace, "persistentvolumeclaim", claim.Metadata.Name)
		}
	}
	return []*family{phase}
}

func namespaceFamilies(namespaces []namespace, _ allowed) []*family {
	created := gauge("kube_namespace_created", "[STABLE] Unix creation timestamp")
	for _, namespace := range namespaces {
		created.add(float64(namespace.Metadata.CreationTimestamp.Unix()), "namespace", namespace.Metadata.Name)
	}
	return []*family{created}
}
