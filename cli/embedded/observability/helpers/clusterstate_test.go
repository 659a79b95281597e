package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"
)

func namespaces(count int) []string {
	items := make([]string, count)
	for i := range items {
		items[i] = fmt.Sprintf(`{"metadata": {"name": "n%d", "creationTimestamp": "2026-01-01T00:00:00Z"}}`, i)
	}
	return items
}

func TestPages(t *testing.T) {
	api := newFakeAPI(t)
	api.pageSize = 2
	api.items[namespacesPath] = namespaces(5)
	text := string(api.exporter().scrape(t.Context()))
	if count := strings.Count(text, "\nkube_namespace_created{"); count != 5 {
		t.Errorf("%d of 5 namespaces:\n%s", count, text)
	}
}

func has(t *testing.T, text []byte, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

const oneNamespace = `kube_namespace_created{namespace="n0"} 1.7672256e+09`

func TestAListThatFails(t *testing.T) {
	api := newFakeAPI(t)
	api.items[namespacesPath] = namespaces(1)
	api.items[podsPath] = []string{`{"metadata": {"name": "p"}}`}
	api.instead[podsPath] = func(response http.ResponseWriter, _ *http.Request) {
		refuse(response, http.StatusForbidden, "pods is forbidden")
	}
	exporter := api.exporter()
	exporter.scrape(t.Context())
	text := exporter.scrape(t.Context())
	has(t, text, oneNamespace, `cluster_state_list_errors_total{resource="pods"} 2`,
		`cluster_state_list_errors_total{resource="namespaces"} 0`)
	if strings.Contains(string(text), "kube_pod_") {
		t.Errorf("pods in\n%s", text)
	}
	delete(api.instead, podsPath)
	has(t, exporter.scrape(t.Context()), `cluster_state_list_errors_total{resource="pods"} 2`, `# TYPE kube_pod_info gauge`)
}

func TestALaterPageThatFails(t *testing.T) {
	api := newFakeAPI(t)
	api.instead[namespacesPath] = func(response http.ResponseWriter, request *http.Request) {
		if request.URL.Query().Has("continue") {
			refuse(response, http.StatusGone, "the continue parameter is too old")
			return
		}
		fmt.Fprintf(response, `{"metadata": {"continue": "1"}, "items": [%s]}`, namespaces(1)[0])
	}
	text := api.exporter().scrape(t.Context())
	has(t, text, `cluster_state_list_errors_total{resource="namespaces"} 1`)
	if strings.Contains(string(text), "kube_namespace_created") {
		t.Errorf("half of a list in\n%s", text)
	}
}

func TestAListThatHangs(t *testing.T) {
	api := newFakeAPI(t)
	api.items[namespacesPath] = namespaces(1)
	api.instead[podsPath] = func(_ http.ResponseWriter, request *http.Request) { <-request.Context().Done() }
	server := httptest.NewServer(api.exporter().handler())
	defer server.Close()
	request, _ := http.NewRequest(http.MethodGet, server.URL+"/metrics", nil)
	request.Header.Set("X-Prometheus-Scrape-Timeout-Seconds", "2")
	started := time.Now()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(response.Body)
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("answered after %s", took)
	}
	has(t, text, oneNamespace, `cluster_state_list_errors_total{resource="pods"} 1`)
}

func TestRenewedFiles(t *testing.T) {
	api := newFakeAPI(t)
	api.items[namespacesPath] = namespaces(1)
	exporter := api.exporter()
	has(t, exporter.scrape(t.Context()), oneNamespace)

	api.token = "token-2"
	has(t, exporter.scrape(t.Context()), `cluster_state_list_errors_total{resource="namespaces"} 1`)
	api.write("token", api.token)
	has(t, exporter.scrape(t.Context()), oneNamespace)

	api.write(caFile, "none")
	has(t, exporter.scrape(t.Context()), `cluster_state_list_errors_total{resource="namespaces"} 2`)
	api.write(caFile, api.ca())
	has(t, exporter.scrape(t.Context()), oneNamespace)
}

func TestAnAuthorityThatIsNotTheClusters(t *testing.T) {
	api := newFakeAPI(t)
	api.write(caFile, otherAuthority)
	has(t, api.exporter().scrape(t.Context()), `cluster_state_list_errors_total{resource="pods"} 1`)
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	api := clusterOf(t, 60)
	exporter := api.exporter()
	for range 10 {
		exporter.scrape(t.Context())
	}
	if made := int(api.connections.Load()); made > len(resources) {
		t.Errorf("%d connections for %d lists", made, len(resources))
	}
}

func TestOnlyTheNamedResources(t *testing.T) {
	api := newFakeAPI(t)
	api.items[namespacesPath] = namespaces(1)
	text := string(api.exporter("--resources=namespaces,nodes").scrape(t.Context()))
	if strings.Contains(text, "kube_pod") || strings.Contains(text, `"pods"`) {
		t.Errorf("pods in\n%s", text)
	}
	has(t, []byte(text), oneNamespace, `cluster_state_list_errors_total{resource="nodes"} 0`)
}

func TestOnlyTheNamedSeries(t *testing.T) {
	api := newFakeAPI(t)
	text := string(api.exporter("--metric-allowlist=^kube_pod_(info|status_phase)$,kube_node").scrape(t.Context()))
	var kinds []string
	for line := range strings.Lines(text) {
		if name, found := strings.CutPrefix(line, "# TYPE "); found {
			kinds = append(kinds, strings.Fields(name)[0])
		}
	}
	same(t, strings.Join(kinds, " "), "kube_pod_info kube_pod_status_phase kube_node_info kube_node_status_condition cluster_state_list_errors_total")
}

// managed is like managedFields, which are most of an object's bytes.
var managed = strings.Repeat(`{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1", "time":
	"2026-01-01T00:00:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}}},`, 20) + "{}"

// clusterOf has this many pods, and as many of what comes with four of them.
func clusterOf(t testing.TB, pods int) *fakeAPI {
	api := newFakeAPI(t)
	fill := func(path string, count int, rest string) {
		for i := range count {
			api.items[path] = append(api.items[path], fmt.Sprintf(
				`{"metadata": {"name": "object-%d", "namespace": "shop", "uid": "0b5c7b3e-%d", "managedFields": [%s]}, %s}`,
				i, i, managed, rest))
		}
	}
	fill(podsPath, pods, `"spec": {"nodeName": "shopctl", "containers": [`+managed+`]}, "status": {"phase": "Running",
		"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}], "containerStatuses": [{"name": "app"}]}`)
	for _, path := range []string{
		"/api/v1/services", "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/batch/v1/jobs",
		"/api/v1/persistentvolumeclaims", namespacesPath,
	} {
		fill(path, pods/4, `"spec": {"replicas": 2}, "status": {}`)
	}
	return api
}

// BenchmarkScrape reports the processor's time of one scrape; that of the fake API server is in it.
func BenchmarkScrape(b *testing.B) {
	exporter := clusterOf(b, 60).exporter()
	exporter.scrape(context.Background())
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	for b.Loop() {
		exporter.scrape(context.Background())
	}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	spent := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(spent)/1e6/float64(b.N), "cpu-ms/scrape")
}
