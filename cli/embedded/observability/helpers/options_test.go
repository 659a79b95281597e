package main

import (
	"errors"
	"reflect"
	"testing"
)

func TestOptions(t *testing.T) {
	got, err := readOptions([]string{
		"--metric-labels-allowlist=services=[b/x,a/y],deployments=[c]", "--metric-annotations-allowlist", "services=[d]",
		"--port=9", "--host", "127.0.0.1", "--resources=pods,nodes", "--telemetry-port=8081", "--use-apiserver-cache", "-v=2",
	})
	want := options{
		address: "127.0.0.1:9", folder: "/var/run/secrets/kubernetes.io/serviceaccount", resources: []string{"pods", "nodes"},
		allowed: allowed{
			map[string][]string{"services": {"a/y", "b/x"}, "deployments": {"c"}},
			map[string][]string{"services": {"d"}},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestBadOptions(t *testing.T) {
	for _, flag := range []string{
		"--metric-labels-allowlist=services", "--metric-labels-allowlist=services=a", "--metric-labels-allowlist=services=[*]",
		"--metric-labels-allowlist=services=[a]deployments=[b]", "--metric-annotations-allowlist==[a]", "--metric-allowlist=a,(",
	} {
		_, err := readOptions([]string{flag})
		var bad badInput
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
