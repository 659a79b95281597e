// Serves one git repository over HTTP to whoever has the password: `git http-backend` behind basic authentication.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const repository = "config.git"

// A configuration and its charts are small. What is sent in chunks is kept in memory.
const largestPush = 32 << 20

// They are the server's, so that a new version of it has them for a repository that exists.
var settings = []string{
	"http.receivepack=true",
	"uploadpack.allowFilter=true",
	"uploadpack.allowAnySHA1InWant=true",
	"receive.denyNonFastForwards=false",
	// In the background, it would become a child of this program, which waits for none.
	"gc.autoDetach=false",
}

func main() {
	listen := flag.String("listen", ":8080", "address and port")
	root := flag.String("root", "", "folder of the repository, which is made in it")
	user := flag.String("user", "shopctl", "user name; the password is in GIT_PASSWORD")
	flag.Parse()
	password := os.Getenv("GIT_PASSWORD")
	if *root == "" || password == "" {
		fmt.Fprintln(os.Stderr, "--root and GIT_PASSWORD are needed")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *root, *user, password); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, root, user, password string) error {
	// Leaves one that exists as it is.
	initialize := exec.CommandContext(ctx, "git", "-c", "init.defaultBranch=main", "init", "--quiet", "--bare", filepath.Join(root, repository))
	initialize.Stderr = os.Stderr
	if err := initialize.Run(); err != nil {
		return fmt.Errorf("git init: %w", err)
	}
	backend, err := backend(ctx, root)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /healthz", func(response http.ResponseWriter, _ *http.Request) { fmt.Fprintln(response, "ok") })
	routes.Handle("/"+repository+"/", authenticated(user, password, whole(backend)))
	return serve(ctx, listen, routes)
}

func backend(ctx context.Context, root string) (http.Handler, error) {
	programs, err := exec.CommandContext(ctx, "git", "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("git --exec-path: %w", err)
	}
	env := []string{
		"GIT_PROJECT_ROOT=" + root,
		"GIT_HTTP_EXPORT_ALL=1",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)),
	}
	for index, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", index, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", index, value))
	}
	return &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(programs)), "git-http-backend"),
		Root:   "/",
		Dir:    root,
		Env:    env,
		Stderr: os.Stderr,
	}, nil
}

func authenticated(user, password string, next http.Handler) http.Handler {
	wanted := sha256.Sum256([]byte(user + ":" + password))
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		name, secret, _ := request.BasicAuth()
		// Hashes are of one length, and so take the same time to compare.
		given := sha256.Sum256([]byte(name + ":" + secret))
		if subtle.ConstantTimeCompare(given[:], wanted[:]) != 1 {
			response.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(response, "the user or the password is wrong", http.StatusUnauthorized)
			return
		}
		// A CGI program gets the headers in its environment.
		request.Header.Del("Authorization")
		next.ServeHTTP(response, request)
	})
}

// whole gives a body in chunks, as git sends a pack of more than 1 MB, a length: CGI has no chunks.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.ContentLength < 0 {
			body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, largestPush))
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				http.Error(response, fmt.Sprintf("a push has at most %d bytes", largestPush), http.StatusRequestEntityTooLarge)
				return
			}
			if err != nil {
				http.Error(response, err.Error(), http.StatusBadRequest)
				return
			}
			request.Body = io.NopCloser(bytes.NewReader(body))
			request.ContentLength = int64(len(body))
			request.TransferEncoding = nil
		}
		next.ServeHTTP(response, request)
	})
}

// serve answers until ctx ends. It says where it listens, since port 0 is any free one.
func serve(ctx context.Context, address string, handler http.Handler) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening on", listener.Addr())
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       2 * time.Minute,
		WriteTimeout:      2 * time.Minute,
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
