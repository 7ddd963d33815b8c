package scrapeauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/apimachinery/pkg/util/cache"
)

// size is how many answers are remembered. Those who scrape are few; if there ever are more, those that were not asked for the
// longest time are forgotten, and the API server is asked again.
const size = 1024

// memory remembers what was answered, each for its time, and asks once where many want to know the same. It is safe for
// concurrent use.
//
// What was asked is kept as a hash with a random key (pkg/authentication/token/cache): a token cannot be read from it, nor looked up
// in a table that was made before.
type memory[T any] struct {
	key     []byte
	answers *cache.LRUExpireCache
	asking  singleflight.Group
}

func newMemory[T any](now func() time.Time) *memory[T] {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the program instead
	return &memory[T]{key: key, answers: cache.NewLRUExpireCacheWithClock(size, clock(now))}
}

// clock implements cache.Clock.
type clock func() time.Time

// Now implements cache.Clock.
func (c clock) Now() time.Time { return c() }

// ask finds an answer and says for how long it counts. What counts for no time and what comes with an error is not remembered.
type ask[T any] func(context.Context) (answer T, lasts time.Duration, err error)

// get returns the answer to a question: what is remembered, or what ask finds, whose context does not end with this one. Who goes
// away does not spoil the answer for others who wait for it.
func (m *memory[T]) get(ctx context.Context, question []byte, ask ask[T]) (T, error) {
	name := m.hash(question)
	found := m.asking.DoChan(name, func() (any, error) { return m.find(context.WithoutCancel(ctx), name, ask) })
	var none T
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case result := <-found:
		if answer, ok := result.Val.(T); ok {
			return answer, result.Err
		}
		return none, result.Err
	}
}

// find remembers, or asks. It runs apart from the request, so it does what net/http does for that: a panic ends nothing else.
func (m *memory[T]) find(ctx context.Context, name string, ask ask[T]) (answer T, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	value, _ := m.answers.Get(name)
	if known, ok := value.(T); ok {
		return known, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, lasts, err := ask(ctx)
	if err == nil && lasts > 0 {
		m.answers.Add(name, answer, lasts)
	}
	return answer, err
}

func (m *memory[T]) hash(question []byte) string {
	mac := hmac.New(sha256.New, m.key)
	mac.Write(question)
	return string(mac.Sum(nil))
}
