package main

import (
	"encoding/json"
	"mime"
	"unicode/utf8"
)

// Slack's limits. It cuts a longer message off; here that is an error, because the end of an alert would be lost.
const (
	mostCharacters  = 40_000
	mostTitle       = 1_024
	mostAttachments = 100
)

// slackMessage has what Alertmanager sends to an incoming webhook, as far as it is checked.
type slackMessage struct {
	Text        string            `json:"text"`
	Blocks      []json.RawMessage `json:"blocks"`
	Attachments []struct {
		Title    string `json:"title"`
		Pretext  string `json:"pretext"`
		Text     string `json:"text"`
		Fallback string `json:"fallback"`
		Footer   string `json:"footer"`
		Fields   []struct {
			Title string `json:"title"`
			Value string `json:"value"`
		} `json:"fields"`
	} `json:"attachments"`
}

// refusalBySlack returns the word with which an incoming webhook of Slack refuses this body, or "".
func refusalBySlack(contentType string, body []byte) string {
	var message slackMessage
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" || json.Unmarshal(body, &message) != nil {
		return "invalid_payload"
	}
	if len(message.Attachments) > mostAttachments {
		return "too_many_attachments"
	}
	characters, empty := utf8.RuneCountInString(message.Text), message.Text == "" && len(message.Blocks) == 0
	for _, attachment := range message.Attachments {
		fields := 0
		for _, field := range attachment.Fields {
			fields += utf8.RuneCountInString(field.Title + field.Value)
		}
		shown := attachment.Title + attachment.Pretext + attachment.Text
		if utf8.RuneCountInString(attachment.Title) > mostTitle || utf8.RuneCountInString(attachment.Fallback) > mostCharacters {
			return "msg_too_long"
		}
		characters += utf8.RuneCountInString(shown+attachment.Footer) + fields
		empty = empty && shown == "" && attachment.Fallback == "" && fields == 0
	}
	if empty {
		return "no_text"
	}
	if characters > mostCharacters {
		return "msg_too_long"
	}
	return ""
}
