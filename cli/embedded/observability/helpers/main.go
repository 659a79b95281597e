// One program with two parts, which stand in for what no registry here has: cluster-state for kube-state-metrics, and
// slack-receiver for Slack. Its first argument, or its own name, says which part it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

var parts = map[string]func(ctx context.Context, args []string) error{
	"cluster-state": runClusterState,
	// The name of the program in the image that cluster-state replaces.
	"kube-state-metrics": runClusterState,
	"slack-receiver":     runSlackReceiver,
}

// badInput is what the caller has to change. Nothing was started.
type badInput struct{ what, hint string }

func (b badInput) Error() string { return b.what + "\n" + b.hint }

func main() {
	args := os.Args[1:]
	run, found := parts[filepath.Base(os.Args[0])]
	if !found && len(args) > 0 {
		run, found = parts[args[0]]
		args = args[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !found {
		os.Exit(report(badInput{"no part is named", "The first argument is cluster-state or slack-receiver."}))
	}
	os.Exit(report(run(ctx, args)))
}

func report(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	var bad badInput
	if errors.As(err, &bad) {
		return 2
	}
	return 1
}

// serve answers until ctx ends. It says where it listens, since port 0 is any free one.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return badInput{err.Error(), "Choose an address of this machine and a free port."}
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return server.Shutdown(grace)
	}
}

func healthy(response http.ResponseWriter, _ *http.Request) { fmt.Fprintln(response, "ok") }
