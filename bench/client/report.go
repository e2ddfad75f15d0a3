package main

import (
	"math"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/status"
)

// Report is what a run prints. bench/floor/floor.c prints the same fields.
type Report struct {
	Mode        string             `json:"mode"`
	Count       int                `json:"count"`
	Concurrency int                `json:"concurrency"`
	Seconds     float64            `json:"seconds"`
	Rate        float64            `json:"rate"`
	Errors      map[string]int     `json:"errors"`
	Messages    map[string]string  `json:"messages,omitempty"`
	Calls       map[string]Latency `json:"calls"`
	Pages       []float64          `json:"pages,omitempty"`
}

// Latency is how long the calls of one RPC took, in microseconds.
type Latency struct {
	Count int     `json:"count"`
	Mean  float64 `json:"mean"`
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
}

// Recorder gathers the durations and errors of calls that run at once.
type Recorder struct {
	mutex     sync.Mutex
	durations map[string][]float64
	errors    map[string]int
	messages  map[string]string
	startedAt time.Time
}

func newRecorder() *Recorder {
	return &Recorder{durations: map[string][]float64{}, errors: map[string]int{}, messages: map[string]string{}, startedAt: time.Now()}
}

// timed makes one call.
func (recorder *Recorder) timed(name string, call func() error) error {
	startedAt := time.Now()
	err := call()
	microseconds := float64(time.Since(startedAt).Nanoseconds()) / 1000
	recorder.mutex.Lock()
	defer recorder.mutex.Unlock()
	if err != nil {
		kind := name + " " + status.Code(err).String()
		recorder.errors[kind]++
		recorder.messages[kind] = err.Error()
		return err
	}
	recorder.durations[name] = append(recorder.durations[name], microseconds)
	return nil
}

// report ends the measurement.
func (recorder *Recorder) report(count, concurrency int) Report {
	seconds := time.Since(recorder.startedAt).Seconds()
	calls := map[string]Latency{}
	for name, durations := range recorder.durations {
		calls[name] = latencyOf(durations)
	}
	return Report{
		Count:       count,
		Concurrency: concurrency,
		Seconds:     seconds,
		Rate:        float64(count) / seconds,
		Errors:      recorder.errors,
		Messages:    recorder.messages,
		Calls:       calls,
	}
}

func latencyOf(durations []float64) Latency {
	sorted := slices.Sorted(slices.Values(durations))
	sum := 0.0
	for _, duration := range sorted {
		sum += duration
	}
	return Latency{
		Count: len(sorted),
		Mean:  rounded(sum / float64(len(sorted))),
		P50:   rounded(sorted[len(sorted)/2]),
		P99:   rounded(sorted[len(sorted)*99/100]),
	}
}

func rounded(microseconds float64) float64 {
	return math.Round(microseconds*10) / 10
}
