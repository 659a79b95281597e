package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// exporter answers each scrape with what the API server says at that time. It keeps no copy of the cluster.
type exporter struct {
	cluster *cluster
	options options
	mutex   sync.Mutex
	failed  map[string]float64
	said    map[string]string
}

func runClusterState(ctx context.Context, args []string) error {
	options, err := readOptions(args)
	if err != nil {
		return err
	}
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return badInput{
			"this is no pod: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set",
			"Run it in a pod, or set both to the address of an API server.",
		}
	}
	return serve(ctx, options.address, newExporter("https://"+net.JoinHostPort(host, port), options).handler())
}

func newExporter(url string, options options) *exporter {
	return &exporter{
		cluster: &cluster{url: url, folder: options.folder},
		options: options,
		failed:  map[string]float64{},
		said:    map[string]string{},
	}
}

func (e *exporter) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(response http.ResponseWriter, request *http.Request) {
		ctx, cancel := context.WithTimeout(request.Context(), patienceOf(request))
		defer cancel()
		response.Header().Set(contentTypeHeader, "text/plain; version=0.0.4; charset=utf-8")
		_, _ = response.Write(e.scrape(ctx))
	})
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /livez", healthy)
	return mux
}

// patienceOf leaves time to answer before Prometheus gives up, so that a list that hangs does not hide the others.
func patienceOf(request *http.Request) time.Duration {
	seconds, err := strconv.ParseFloat(request.Header.Get("X-Prometheus-Scrape-Timeout-Seconds"), 64)
	if err != nil || seconds <= 0 || seconds > 10 {
		seconds = 5
	}
	return time.Duration(seconds * 0.8 * float64(time.Second))
}

func (e *exporter) scrape(ctx context.Context) []byte {
	found := make([][]*family, len(resources))
	session, err := e.cluster.open()
	var group sync.WaitGroup
	for i, resource := range resources {
		if !e.options.wants(resource.name) {
			continue
		}
		if err != nil {
			e.note(resource.name, err)
			continue
		}
		group.Add(1)
		go func() {
			defer group.Done()
			families, err := resource.families(ctx, session, e.options.allowed)
			e.note(resource.name, err)
			found[i] = families
		}()
	}
	group.Wait()
	var text []byte
	for _, family := range slices.Concat(found...) {
		if e.options.wantsSeries(family.name) {
			text = family.appendTo(text)
		}
	}
	return e.failures().appendTo(text)
}

// note counts a failure. It is logged when its words change, and not with every scrape.
func (e *exporter) note(resource string, err error) {
	words := ""
	e.mutex.Lock()
	defer e.mutex.Unlock()
	if err != nil {
		words = err.Error()
		e.failed[resource]++
	}
	if words != "" && words != e.said[resource] {
		fmt.Fprintf(os.Stderr, "%s cannot be listed: %s\n", resource, words)
	}
	e.said[resource] = words
}

func (e *exporter) failures() *family {
	failures := counter("cluster_state_list_errors_total", "Lists of the API server that failed. Their series are missing.")
	e.mutex.Lock()
	defer e.mutex.Unlock()
	for _, resource := range resources {
		if e.options.wants(resource.name) {
			failures.add(e.failed[resource.name], "resource", resource.name)
		}
	}
	return failures
}
