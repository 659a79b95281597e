package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// caFile is that of the API server's authority, in the folder of a ServiceAccount.
const caFile = "ca.crt"

// cluster is the API server, as a pod reaches it with the files of its ServiceAccount.
type cluster struct {
	url, folder string
	mutex       sync.Mutex
	ca          []byte
	client      *http.Client
}

// session has the credentials of one scrape.
type session struct {
	url, token string
	client     *http.Client
}

// open reads the files again, because the kubelet renews the token.
func (c *cluster) open() (*session, error) {
	token, err := os.ReadFile(filepath.Join(c.folder, "token"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(filepath.Join(c.folder, caFile))
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.client == nil || !bytes.Equal(ca, c.ca) {
		client, err := clientOf(ca)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(c.folder, caFile), err)
		}
		if c.client != nil {
			c.client.CloseIdleConnections()
		}
		c.client, c.ca = client, ca
	}
	return &session{c.url, strings.TrimSpace(string(token)), c.client}, nil
}

func clientOf(ca []byte) (*http.Client, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("no certificate in it")
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext:     (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
		// All lists of a scrape run at once, and the next scrape uses their connections again.
		MaxConnsPerHost:     len(resources),
		MaxIdleConnsPerHost: len(resources),
		IdleConnTimeout:     2 * time.Minute,
		// Unpacking would cost both sides more than the bytes on one machine.
		DisableCompression: true,
	}}, nil
}

type page[T any] struct {
	Metadata struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
	Items []T `json:"items"`
}

const pageSize = "500"

// list reads all objects, page by page. The first page may come from the API server's cache, which is cheap.
func list[T any](ctx context.Context, s *session, path string) ([]T, error) {
	var all []T
	query := url.Values{"limit": {pageSize}, "resourceVersion": {"0"}}
	for {
		var one page[T]
		if err := s.get(ctx, path+"?"+query.Encode(), &one); err != nil {
			return nil, err
		}
		all = append(all, one.Items...)
		if one.Metadata.Continue == "" {
			return all, nil
		}
		// A resourceVersion is not allowed here: the token has its own.
		query = url.Values{"limit": {pageSize}, "continue": {one.Metadata.Continue}}
	}
}

func (s *session) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "shopctl-cluster-state")
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	// Read to its end, or the connection could not be used again.
	defer io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if response.StatusCode != http.StatusOK {
		return refusalOf(response)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// refusalOf has the words of the API server.
func refusalOf(response *http.Response) error {
	var status struct {
		Message string `json:"message"`
	}
	_ = json.NewDecoder(io.LimitReader(response.Body, 4096)).Decode(&status)
	return fmt.Errorf("%s: %.200s", response.Status, status.Message)
}
