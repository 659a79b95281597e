package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

const (
	podsPath       = "/api/v1/pods"
	servicesPath   = "/api/v1/services"
	namespacesPath = "/api/v1/namespaces"
	slicesPath     = "/apis/discovery.k8s.io/v1/endpointslices"
)

// fakeAPI is an API server that asks for a token and serves lists in pages.
type fakeAPI struct {
	t        testing.TB
	server   *httptest.Server
	folder   string
	token    string
	pageSize int
	items    map[string][]string
	// What happens in place of an answer, by path.
	instead     map[string]http.HandlerFunc
	connections atomic.Int32
}

func newFakeAPI(t testing.TB) *fakeAPI {
	api := &fakeAPI{
		t: t, folder: t.TempDir(), token: "token-1", pageSize: 500,
		items: map[string][]string{}, instead: map[string]http.HandlerFunc{},
	}
	api.server = httptest.NewUnstartedServer(api)
	api.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	api.server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			api.connections.Add(1)
		}
	}
	api.server.StartTLS()
	t.Cleanup(api.server.Close)
	api.write("token", api.token+"\n")
	api.write(caFile, api.ca())
	return api
}

func (api *fakeAPI) ca() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.server.Certificate().Raw}))
}

func (api *fakeAPI) write(name, text string) {
	if err := os.WriteFile(filepath.Join(api.folder, name), []byte(text), 0o600); err != nil {
		api.t.Fatal(err)
	}
}

func (api *fakeAPI) exporter(args ...string) *exporter {
	options, err := readOptions(append(args, "--service-account="+api.folder))
	if err != nil {
		api.t.Fatal(err)
	}
	return newExporter(api.server.URL, options)
}

func refuse(response http.ResponseWriter, status int, message string) {
	response.WriteHeader(status)
	fmt.Fprintf(response, `{"kind": "Status", "message": %q}`, message)
}

func (api *fakeAPI) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	start, err := strconv.Atoi("0" + query.Get("continue"))
	if request.Header.Get("Authorization") != "Bearer "+api.token {
		refuse(response, http.StatusUnauthorized, "Unauthorized")
		return
	}
	// The same refusal as that of the real API server.
	if err != nil || query.Has("continue") && query.Has("resourceVersion") {
		refuse(response, http.StatusBadRequest, "specifying resource version is not allowed when using continue")
		return
	}
	if instead := api.instead[request.URL.Path]; instead != nil {
		instead(response, request)
		return
	}
	items := api.items[request.URL.Path]
	end, next := min(start+api.pageSize, len(items)), ""
	if end < len(items) {
		next = strconv.Itoa(end)
	}
	fmt.Fprintf(response, `{"metadata": {"resourceVersion": "7", "continue": %q}, "items": [%s]}`,
		next, strings.Join(items[start:end], ","))
}
