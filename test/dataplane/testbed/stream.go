package testbed

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Attempt is one connection of a stream.
type Attempt struct {
	// At is when it was begun, and Took how long its answer took, or was waited for.
	At   time.Time
	Took time.Duration
	// Passed says that it was answered, and Lost that a packet was sent in vain, whether or not it was.
	Passed, Lost bool
}

// Stream opens connections of one flow, each a new one, one after the other at a steady rate, whether or not they are answered.
type Stream struct {
	Flow Flow

	stop     context.CancelFunc
	finished chan struct{}

	mu       sync.Mutex
	attempts []Attempt
	errs     []error
}

// StartStream opens a connection every so often until Stop is called. One that is not answered within patience was lost.
func StartStream(ctx context.Context, flow Flow, every, patience time.Duration) *Stream {
	ctx, stop := context.WithCancel(ctx)
	s := &Stream{Flow: flow, stop: stop, finished: make(chan struct{})}
	go s.run(ctx, every, patience)
	return s
}

func (s *Stream) run(ctx context.Context, every, patience time.Duration) {
	defer close(s.finished)
	var all sync.WaitGroup
	defer all.Wait()
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			// What is under way when the stream is stopped is waited for.
			all.Go(func() { s.attempt(context.WithoutCancel(ctx), patience) })
		}
	}
}

func (s *Stream) attempt(ctx context.Context, patience time.Duration) {
	answer, err := s.Flow.Open(ctx, patience)
	passed := answer.By != ""
	a := Attempt{At: answer.Begun, Took: time.Since(answer.Begun), Passed: passed, Lost: answer.Lost || !passed}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, a)
	if err != nil {
		s.errs = append(s.errs, err)
	}
}

// SoFar returns the attempts that have ended.
func (s *Stream) SoFar() []Attempt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Attempt{}, s.attempts...)
}

// Stop ends the stream and returns all its attempts, in the order in which they ended.
func (s *Stream) Stop() ([]Attempt, error) {
	s.stop()
	<-s.finished
	return s.SoFar(), errors.Join(s.errs...)
}

// Span returns for how long connections passed: from when the first was begun that did to when the last was, and how many did.
func Span(attempts []Attempt) (span time.Duration, passed int) {
	var first, last time.Time
	for _, a := range attempts {
		if !a.Passed {
			continue
		}
		passed++
		if first.IsZero() || a.At.Before(first) {
			first = a.At
		}
		if a.At.After(last) {
			last = a.At
		}
	}
	return last.Sub(first), passed
}
