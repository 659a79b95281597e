package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/mail"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Older messages give way: a load test must not fill the memory.
const keptMessages = 10_000

type message struct {
	ID        int       `json:"id"`
	From      string    `json:"from"`
	To        []string  `json:"to"`
	Subject   string    `json:"subject"`
	MessageID string    `json:"messageId"`
	Date      time.Time `json:"date"`
}

type mailbox struct {
	mutex    sync.Mutex
	received int
	messages []message
}

// runMailSink takes every mail by SMTP and delivers none: GET /messages lists what came, ?to= narrows it.
func runMailSink(ctx context.Context) error {
	flags := flag.NewFlagSet("mail-sink", flag.ExitOnError)
	smtpAddress := flags.String("smtp", "", "address to take mail at")
	httpAddress := flags.String("http", "", "address to list mail at")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	box := &mailbox{}
	mails := smtp.NewServer(box)
	mails.Addr, mails.Domain = *smtpAddress, "mail-sink"
	mails.MaxMessageBytes = 1 << 20
	mails.ReadTimeout, mails.WriteTimeout = time.Minute, time.Minute
	pages := &http.Server{Addr: *httpAddress, Handler: box, ReadHeaderTimeout: 10 * time.Second}

	stopped := make(chan error, 2)
	go func() { stopped <- mails.ListenAndServe() }()
	go func() { stopped <- pages.ListenAndServe() }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return errorOf(mails.Close(), pages.Close())
	}
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (box *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{box: box}, nil }

func (box *mailbox) add(mail message) {
	box.mutex.Lock()
	defer box.mutex.Unlock()
	box.received++
	mail.ID = box.received
	if len(box.messages) == keptMessages {
		box.messages = slices.Delete(box.messages, 0, 1)
	}
	box.messages = append(box.messages, mail)
}

func (box *mailbox) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet || request.URL.Path != "/messages" {
		http.NotFound(response, request)
		return
	}
	to := request.URL.Query().Get("to")
	box.mutex.Lock()
	found := []message{}
	for _, mail := range box.messages {
		if to == "" || slices.Contains(mail.To, to) {
			found = append(found, mail)
		}
	}
	box.mutex.Unlock()
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(found)
}

type session struct {
	box  *mailbox
	from string
	to   []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error   { s.to = append(s.to, to); return nil }
func (s *session) Reset()                                      { s.from, s.to = "", nil }
func (s *session) Logout() error                               { return nil }

func (s *session) Data(body io.Reader) error {
	parsed, err := mail.ReadMessage(body)
	if err != nil {
		return &smtp.SMTPError{Code: 554, Message: "not a mail: " + err.Error()}
	}
	if _, err := io.Copy(io.Discard, parsed.Body); err != nil {
		return err
	}
	s.box.add(message{
		From:      s.from,
		To:        s.to,
		Subject:   parsed.Header.Get("Subject"),
		MessageID: parsed.Header.Get("Message-Id"),
		Date:      time.Now().UTC(),
	})
	return nil
}
