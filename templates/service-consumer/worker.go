package main

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Worker handles one item after another.
type Worker struct {
	queue     string
	slot      *Slot
	consuming atomic.Bool
	inFlight  atomic.Int32
}

func (w *Worker) run(stopping context.Context) {
	for stopping.Err() == nil {
		if w.slot.role() != live {
			w.consuming.Store(false)
			time.Sleep(20 * time.Millisecond)
			continue
		}
		w.consuming.Store(true)
		if !w.handleNext() {
			time.Sleep(20 * time.Millisecond)
		}
	}
	w.consuming.Store(false)
}

// handleNext reports whether there was an item.
func (w *Worker) handleNext() bool {
	w.inFlight.Add(1)
	defer w.inFlight.Add(-1)
	item, err := w.ask("/take?by=" + w.slot.color)
	if err != nil || item == "" {
		return false
	}
	time.Sleep(10 * time.Millisecond) // the work
	if _, err := w.ask("/done?item=" + item); err != nil {
		log.Printf("item %s: %v", item, err)
	}
	return true
}

func (w *Worker) ask(path string) (string, error) {
	response, err := asking.Post(w.queue+path, "", nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return "", errors.New(response.Status)
	}
	body, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(body)), err
}

var asking = &http.Client{Timeout: 5 * time.Second}
