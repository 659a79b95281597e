package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Older messages give way, so that a storm of alerts does not fill the memory.
const (
	keptPosts = 1_000
	keptBytes = 4 << 20
	mostBytes = 1 << 20
)

const contentTypeHeader = "Content-Type"

// post is a request to the webhook, and how it was answered.
type post struct {
	At      time.Time       `json:"at"`
	Status  int             `json:"status"`
	Answer  string          `json:"answer"`
	Message json.RawMessage `json:"message,omitempty"`
}

// fault is how the next posts are answered.
type fault struct {
	Status     int    `json:"status"`
	Times      int    `json:"times"`
	RetryAfter string `json:"retryAfter,omitempty"`
}

// heartbeats are those of an alert that always fires.
type heartbeats struct {
	Count int        `json:"count"`
	Last  *time.Time `json:"last"`
}

type receiver struct {
	mutex sync.Mutex
	posts []post
	bytes int
	fault fault
	beats heartbeats
}

// runSlackReceiver keeps and checks what Slack would get.
func runSlackReceiver(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("slack-receiver", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	listen := flags.String("listen", ":8080", "")
	if err := flags.Parse(args); err != nil {
		return badInput{err.Error(), "The only flag is --listen=host:port."}
	}
	return serve(ctx, *listen, (&receiver{}).handler())
}

func (r *receiver) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("POST /slack", r.take)
	mux.HandleFunc("GET /messages", func(response http.ResponseWriter, request *http.Request) {
		r.show(response, request, func(one post) bool { return one.Status == http.StatusOK })
	})
	mux.HandleFunc("GET /refused", func(response http.ResponseWriter, request *http.Request) {
		r.show(response, request, func(one post) bool { return one.Status != http.StatusOK })
	})
	mux.HandleFunc("DELETE /messages", r.empty)
	mux.HandleFunc("PUT /fault", r.setFault)
	mux.HandleFunc("POST /heartbeat", r.beat)
	mux.HandleFunc("GET /heartbeat", r.showBeats)
	return mux
}

func (r *receiver) take(response http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, mostBytes))
	one := post{At: time.Now().UTC(), Status: http.StatusOK, Answer: "ok"}
	if word := refusalBySlack(request.Header.Get(contentTypeHeader), body); err != nil || word != "" {
		one.Status, one.Answer = http.StatusBadRequest, word
	}
	if err != nil {
		one.Answer = "invalid_payload"
	}
	if json.Valid(body) {
		one.Message = body
	}
	retryAfter := r.keep(&one)
	if retryAfter != "" {
		response.Header().Set("Retry-After", retryAfter)
	}
	response.Header().Set(contentTypeHeader, "text/plain; charset=utf-8")
	response.WriteHeader(one.Status)
	// Alertmanager compares the whole body with ok: no end of line.
	_, _ = io.WriteString(response, one.Answer)
}

// keep adds a post, and returns the Retry-After of its answer. A fault that is set decides the answer.
func (r *receiver) keep(one *post) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	retryAfter := ""
	if r.fault.Times > 0 {
		r.fault.Times--
		one.Status, one.Answer, retryAfter = r.fault.Status, wordOf(r.fault.Status), r.fault.RetryAfter
	}
	r.posts = append(r.posts, *one)
	r.bytes += len(one.Message)
	for len(r.posts) > keptPosts || r.bytes > keptBytes {
		r.bytes -= len(r.posts[0].Message)
		r.posts = r.posts[1:]
	}
	return retryAfter
}

func wordOf(status int) string {
	if status == http.StatusTooManyRequests {
		return "rate_limited"
	}
	return "rollup_error"
}

// show lists posts, the oldest first. ?since= is a time like 2026-01-31T12:00:00Z.
func (r *receiver) show(response http.ResponseWriter, request *http.Request, wanted func(post) bool) {
	var since time.Time
	if given := request.URL.Query().Get("since"); given != "" {
		parsed, err := time.Parse(time.RFC3339Nano, given)
		if err != nil {
			http.Error(response, "since is a time like 2026-01-31T12:00:00Z", http.StatusBadRequest)
			return
		}
		since = parsed
	}
	r.mutex.Lock()
	found := []post{}
	for _, one := range r.posts {
		if wanted(one) && !one.At.Before(since) {
			found = append(found, one)
		}
	}
	r.mutex.Unlock()
	sendJSON(response, found)
}

func (r *receiver) empty(response http.ResponseWriter, _ *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.posts, r.bytes = nil, 0
	response.WriteHeader(http.StatusNoContent)
}

// setFault: ?status=500&times=2&retryAfter=1. times=0 ends a fault.
func (r *receiver) setFault(response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	status, errStatus := strconv.Atoi(query.Get("status"))
	times, errTimes := strconv.Atoi(query.Get("times"))
	if errStatus != nil || errTimes != nil || status < 400 || status > 599 || times < 0 {
		http.Error(response, "status is 400 to 599, and times a number of posts", http.StatusBadRequest)
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.fault = fault{status, times, query.Get("retryAfter")}
	sendJSON(response, r.fault)
}

func (r *receiver) beat(response http.ResponseWriter, request *http.Request) {
	_, _ = io.Copy(io.Discard, http.MaxBytesReader(response, request.Body, mostBytes))
	now := time.Now().UTC()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.beats = heartbeats{r.beats.Count + 1, &now}
	fmt.Fprint(response, "ok")
}

func (r *receiver) showBeats(response http.ResponseWriter, _ *http.Request) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	sendJSON(response, r.beats)
}

func sendJSON(response http.ResponseWriter, document any) {
	response.Header().Set(contentTypeHeader, "application/json")
	_ = json.NewEncoder(response).Encode(document)
}
