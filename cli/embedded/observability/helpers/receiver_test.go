package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// As Alertmanager 0.28 sends it.
const message = `{"channel": "#shop", "username": "Alertmanager", "attachments": [{"title": "ServiceDown", "title_link": "http://a",
	"text": "order", "fallback": "order", "callback_id": "", "footer": "", "color": "danger", "mrkdwn_in": ["text"]}]}`

const (
	slackPath     = "/slack"
	messagesPath  = "/messages"
	refusedPath   = "/refused"
	heartbeatPath = "/heartbeat"
)

func letters(count int) string { return strings.Repeat("é", count) }

func TestWhatSlackRefuses(t *testing.T) {
	const jsonType = "application/json"
	attachments := func(count int) string {
		return `{"attachments": [` + strings.TrimSuffix(strings.Repeat(`{"text": "a"},`, count), ",") + `]}`
	}
	cases := []struct{ name, contentType, body, want string }{
		{"Alertmanager's", jsonType, message, ""},
		{"with a character set", jsonType + "; charset=utf-8", message, ""},
		{"text alone", jsonType, `{"text": "a"}`, ""},
		{"blocks alone", jsonType, `{"blocks": [{"type": "divider"}]}`, ""},
		{"fields alone", jsonType, `{"attachments": [{"fields": [{"title": "a"}]}]}`, ""},
		{"another content type", "text/plain", message, "invalid_payload"},
		{"no content type", "", message, "invalid_payload"},
		{"half of JSON", jsonType, message[:40], "invalid_payload"},
		{"another type", jsonType, `{"text": 1}`, "invalid_payload"},
		{"a list", jsonType, `[]`, "invalid_payload"},
		{"nothing", jsonType, ``, "invalid_payload"},
		{"no text", jsonType, `{"channel": "#shop"}`, "no_text"},
		{"empty texts", jsonType, `{"text": "", "attachments": [{"color": "danger"}]}`, "no_text"},
		{"as many attachments as possible", jsonType, attachments(100), ""},
		{"one attachment more", jsonType, attachments(101), "too_many_attachments"},
		{"as long as possible", jsonType, `{"attachments": [{"text": "` + letters(40_000) + `"}]}`, ""},
		{"longer", jsonType, `{"attachments": [{"text": "` + letters(40_001) + `"}]}`, "msg_too_long"},
		{"longer in all", jsonType, `{"text": "a", "attachments": [{"text": "` + letters(40_000) + `"}]}`, "msg_too_long"},
		{"a long fallback", jsonType, `{"attachments": [{"fallback": "` + letters(40_001) + `"}]}`, "msg_too_long"},
		{"a long title", jsonType, `{"attachments": [{"title": "` + letters(1_025) + `"}]}`, "msg_too_long"},
		{"a long field", jsonType, `{"attachments": [{"fields": [{"value": "` + letters(40_001) + `"}]}]}`, "msg_too_long"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			if got := refusalBySlack(test.contentType, []byte(test.body)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func ask(receiver http.Handler, method, path, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set(contentTypeHeader, "application/json")
	response := httptest.NewRecorder()
	receiver.ServeHTTP(response, request)
	return response
}

func answered(t *testing.T, response *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if response.Code != status || response.Body.String() != body {
		t.Errorf("got %d %q, want %d %q", response.Code, response.Body, status, body)
	}
}

func wrong(t *testing.T, got any) {
	t.Helper()
	t.Errorf("got %+v", got)
}

func postsAt(t *testing.T, receiver http.Handler, path string) []post {
	t.Helper()
	var posts []post
	if err := json.Unmarshal(ask(receiver, "GET", path, "").Body.Bytes(), &posts); err != nil {
		t.Fatal(err)
	}
	return posts
}

func TestMessages(t *testing.T) {
	receiver := (&receiver{}).handler()
	if got := ask(receiver, "GET", messagesPath, "").Body.String(); got != "[]\n" {
		t.Errorf("got %s", got)
	}
	answered(t, ask(receiver, "POST", slackPath, message), 200, "ok")
	answered(t, ask(receiver, "POST", slackPath, "{}"), 400, "no_text")
	between := url.QueryEscape(time.Now().Format(time.RFC3339Nano))
	ask(receiver, "POST", slackPath, `{"text": "second"}`)

	if posts := postsAt(t, receiver, messagesPath); len(posts) != 2 || !strings.Contains(string(posts[0].Message), "ServiceDown") {
		wrong(t, posts)
	}
	if posts := postsAt(t, receiver, messagesPath+"?since="+between); len(posts) != 1 || !strings.Contains(string(posts[0].Message), "second") {
		wrong(t, posts)
	}
	if posts := postsAt(t, receiver, refusedPath); len(posts) != 1 || posts[0].Answer != "no_text" {
		wrong(t, posts)
	}
	if response := ask(receiver, "GET", messagesPath+"?since=yesterday", ""); response.Code != 400 {
		t.Errorf("got %d", response.Code)
	}
	ask(receiver, "DELETE", messagesPath, "")
	if left := len(postsAt(t, receiver, messagesPath)) + len(postsAt(t, receiver, refusedPath)); left != 0 {
		t.Errorf("%d left", left)
	}
}

func TestTheOldestGiveWay(t *testing.T) {
	many := &receiver{}
	for i := range keptPosts + 5 {
		ask(many.handler(), "POST", slackPath, fmt.Sprintf(`{"text": "%d"}`, i))
	}
	if posts := postsAt(t, many.handler(), messagesPath); len(posts) != keptPosts || string(posts[0].Message) != `{"text":"5"}` {
		t.Errorf("%d, the first %s", len(posts), posts[0].Message)
	}
	large := &receiver{}
	for range 200 {
		ask(large.handler(), "POST", slackPath, `{"text": "`+letters(39_000)+`"}`)
	}
	if large.bytes > keptBytes || len(large.posts) < 20 {
		t.Errorf("%d bytes in %d", large.bytes, len(large.posts))
	}
}

func TestABodyWithoutEnd(t *testing.T) {
	receiver := (&receiver{}).handler()
	response := ask(receiver, "POST", slackPath, `{"text": "`+letters(mostBytes)+`"}`)
	answered(t, response, 400, "invalid_payload")
	if posts := postsAt(t, receiver, refusedPath); len(posts) != 1 || posts[0].Message != nil {
		wrong(t, posts)
	}
}

func TestFaults(t *testing.T) {
	receiver := (&receiver{}).handler()
	ask(receiver, "PUT", "/fault?status=429&times=2&retryAfter=3", "")
	for range 2 {
		response := ask(receiver, "POST", slackPath, message)
		if response.Code != 429 || response.Header().Get("Retry-After") != "3" || response.Body.String() != "rate_limited" {
			t.Errorf("got %d %v %q", response.Code, response.Header(), response.Body)
		}
	}
	if response := ask(receiver, "POST", slackPath, message); response.Code != 200 || response.Header().Get("Retry-After") != "" {
		t.Errorf("got %d %v", response.Code, response.Header())
	}
	ask(receiver, "PUT", "/fault?status=500&times=9", "")
	ask(receiver, "PUT", "/fault?status=500&times=0", "")
	ask(receiver, "POST", slackPath, message)
	if kept, refused := len(postsAt(t, receiver, messagesPath)), len(postsAt(t, receiver, refusedPath)); kept != 2 || refused != 2 {
		t.Errorf("%d kept, %d refused", kept, refused)
	}
	for _, query := range []string{"", "status=200&times=1", "status=500", "status=500&times=-1", "status=600&times=1"} {
		if response := ask(receiver, "PUT", "/fault?"+query, ""); response.Code != 400 {
			t.Errorf("%q: %d", query, response.Code)
		}
	}
}

func TestHeartbeats(t *testing.T) {
	receiver := (&receiver{}).handler()
	if got := ask(receiver, "GET", heartbeatPath, "").Body.String(); got != `{"count":0,"last":null}`+"\n" {
		t.Errorf("got %s", got)
	}
	ask(receiver, "POST", heartbeatPath, `{"status": "firing"}`)
	ask(receiver, "POST", heartbeatPath, `{"status": "firing"}`)
	var beats heartbeats
	if err := json.Unmarshal(ask(receiver, "GET", heartbeatPath, "").Body.Bytes(), &beats); err != nil {
		t.Fatal(err)
	}
	if beats.Count != 2 || time.Since(*beats.Last) > time.Minute {
		wrong(t, beats)
	}
}
