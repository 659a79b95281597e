package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	live    = "live"
	standby = "standby"
	unknown = "unknown"
)

// Slot knows whether it is live: whether the Service selects its color and its revision.
type Slot struct {
	service, color, revision string
	client                   *http.Client
	current                  atomic.Value
}

func newSlot() (*Slot, error) {
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &Slot{
		service:  os.Getenv("SERVICE"),
		color:    os.Getenv("COLOR"),
		revision: os.Getenv("REVISION"),
		client:   &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
	}, nil
}

func (s *Slot) role() string {
	if role, ok := s.current.Load().(string); ok {
		return role
	}
	return unknown
}

// follow keeps the last role while the API server does not answer. Each watch begins with the current Service. It lasts ten
// seconds at most, so that a broken connection is noticed.
func (s *Slot) follow(stopping context.Context) {
	for stopping.Err() == nil {
		if err := s.watch(stopping); err != nil && stopping.Err() == nil {
			log.Printf("cannot watch the Service %s: %v", s.service, err)
			time.Sleep(time.Second)
		}
	}
}

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func (s *Slot) watch(stopping context.Context) error {
	limited, cancel := context.WithTimeout(stopping, 12*time.Second)
	defer cancel()
	namespace, err := os.ReadFile(account + "namespace")
	if err != nil {
		return err
	}
	// Read it each time, because the kubelet rotates it.
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	url := fmt.Sprintf("https://%s/api/v1/namespaces/%s/services?watch=1&timeoutSeconds=10&fieldSelector=metadata.name=%s",
		net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")), namespace, s.service)
	request, err := http.NewRequestWithContext(limited, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the API server answers %s", response.Status)
	}
	return s.read(json.NewDecoder(response.Body))
}

// Event is one line of a watch. Only the selector of the Service matters.
type Event struct {
	Type   string
	Object struct {
		Spec struct{ Selector map[string]string }
	}
}

func (s *Slot) read(events *json.Decoder) error {
	for {
		var event Event
		if err := events.Decode(&event); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if event.Type != "ADDED" && event.Type != "MODIFIED" {
			return fmt.Errorf("unexpected watch event %s", event.Type)
		}
		role := standby
		selector := event.Object.Spec.Selector
		if selector["shopctl.dev/color"] == s.color && selector["shopctl.dev/revision"] == s.revision {
			role = live
		}
		s.current.Store(role)
	}
}
