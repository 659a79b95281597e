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
	for _, value := range []string{"services", "services=a", "services=[*]", "services=[a]deployments=[b]", "=[a]"} {
		_, err := readOptions([]string{"--metric-labels-allowlist=" + value})
		var bad badInput
		if !errors.As(err, &bad) {
			t.Errorf("%s: %v", value, err)
		}
	}
}
