// A consumer that works only while its slot is live. It takes items from a queue by HTTP. Use your broker instead.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const version = "version 1"

func main() {
	stopping, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	slot, err := newSlot()
	if err != nil {
		log.Fatal(err)
	}
	worker := &Worker{queue: os.Getenv("QUEUE_URL"), slot: slot}
	go slot.follow(stopping)
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		worker.run(stopping)
	}()
	server := &http.Server{Addr: ":8080", Handler: routes(slot, worker)}
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	<-stopping.Done()
	// Finish the current item first.
	<-worked
	limited, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(limited); err != nil {
		log.Fatal(err)
	}
}

// Report is the answer to GET /role.
type Report struct {
	Role      string `json:"role"`
	Consuming bool   `json:"consuming"`
	Consumers int    `json:"consumers"`
	InFlight  int32  `json:"inFlight"`
}

func routes(slot *Slot, worker *Worker) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /role", func(w http.ResponseWriter, _ *http.Request) {
		report := Report{Role: slot.role(), Consuming: worker.consuming.Load(), InFlight: worker.inFlight.Load()}
		if report.Consuming {
			report.Consumers = 1
		}
		json.NewEncoder(w).Encode(report)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]string{"version": version})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Clients must open a new connection, which the Service leads to the live slot.
		if slot.role() == standby {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}
