package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"
)

// The fields in use. What is not here is skipped when an answer is read.

type meta struct {
	Name              string            `json:"name"`
	Namespace         string            `json:"namespace"`
	UID               string            `json:"uid"`
	CreationTimestamp time.Time         `json:"creationTimestamp"`
	Labels            map[string]string `json:"labels"`
	Annotations       map[string]string `json:"annotations"`
	OwnerReferences   []struct {
		Kind       string `json:"kind"`
		Name       string `json:"name"`
		Controller bool   `json:"controller"`
	} `json:"ownerReferences"`
}

type condition struct {
	Type   string `json:"type"`
	Status string `json:"status"`
}

type pod struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		NodeName          string `json:"nodeName"`
		PriorityClassName string `json:"priorityClassName"`
		HostNetwork       bool   `json:"hostNetwork"`
	} `json:"spec"`
	Status struct {
		Phase             string      `json:"phase"`
		HostIP            string      `json:"hostIP"`
		PodIP             string      `json:"podIP"`
		Conditions        []condition `json:"conditions"`
		ContainerStatuses []struct {
			Name         string  `json:"name"`
			RestartCount float64 `json:"restartCount"`
		} `json:"containerStatuses"`
	} `json:"status"`
}

type service struct {
	Metadata meta `json:"metadata"`
}

type endpointSlice struct {
	Metadata  meta `json:"metadata"`
	Endpoints []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			// Missing means ready.
			Ready       *bool `json:"ready"`
			Terminating bool  `json:"terminating"`
		} `json:"conditions"`
	} `json:"endpoints"`
	Ports []struct {
		Name     string `json:"name"`
		Protocol string `json:"protocol"`
		Port     int    `json:"port"`
	} `json:"ports"`
}

// workload is a Deployment or a StatefulSet.
type workload struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		Replicas float64 `json:"replicas"`
	} `json:"spec"`
	Status struct {
		ReadyReplicas     float64 `json:"readyReplicas"`
		AvailableReplicas float64 `json:"availableReplicas"`
	} `json:"status"`
}

type job struct {
	Metadata meta `json:"metadata"`
	Status   struct {
		Conditions []condition `json:"conditions"`
	} `json:"status"`
}

type autoscaler struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		MinReplicas float64 `json:"minReplicas"`
		MaxReplicas float64 `json:"maxReplicas"`
	} `json:"spec"`
	Status struct {
		CurrentReplicas float64 `json:"currentReplicas"`
		DesiredReplicas float64 `json:"desiredReplicas"`
	} `json:"status"`
}

type node struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		ProviderID string `json:"providerID"`
		PodCIDR    string `json:"podCIDR"`
	} `json:"spec"`
	Status struct {
		Conditions []condition `json:"conditions"`
		Addresses  []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
		NodeInfo struct {
			KernelVersion           string `json:"kernelVersion"`
			OSImage                 string `json:"osImage"`
			ContainerRuntimeVersion string `json:"containerRuntimeVersion"`
			KubeletVersion          string `json:"kubeletVersion"`
			SystemUUID              string `json:"systemUUID"`
		} `json:"nodeInfo"`
	} `json:"status"`
}

type volumeClaim struct {
	Metadata meta `json:"metadata"`
	Status   struct {
		Phase string `json:"phase"`
	} `json:"status"`
}

type namespace struct {
	Metadata meta `json:"metadata"`
}

// address is one series of kube_endpoint_address.
type address struct{ namespace, endpoint, protocol, port, name, ip string }

// addressesOf returns what the Endpoints of the same Services would have, and whether each is ready. An address can be in
// two slices while they are rewritten.
func addressesOf(slices []endpointSlice) map[address]bool {
	found := map[address]bool{}
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			ready := endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready
			// Endpoints do not have pods that end.
			if endpoint.Conditions.Terminating && !ready {
				continue
			}
			for _, key := range slice.addresses(endpoint.Addresses) {
				found[key] = found[key] || ready
			}
		}
	}
	return found
}

// addresses returns one for each port, and none if the slice has no Service.
func (slice endpointSlice) addresses(ips []string) []address {
	service := slice.Metadata.Labels["kubernetes.io/service-name"]
	if service == "" {
		return nil
	}
	var found []address
	for _, port := range slice.Ports {
		for _, ip := range ips {
			found = append(found, address{slice.Metadata.Namespace, service, port.Protocol, strconv.Itoa(port.Port), port.Name, ip})
		}
	}
	return found
}

func (one address) compare(other address) int {
	return cmp.Or(
		strings.Compare(one.namespace, other.namespace),
		strings.Compare(one.endpoint, other.endpoint),
		strings.Compare(one.port, other.port),
		strings.Compare(one.ip, other.ip),
	)
}
