// Package redisstore is an unstale.SharedStore in Redis or Valkey.
//
//	store, err := redisstore.Open("redis://cache.example:6379")
//	cache, err := unstale.New(unstale.Options{Sharing: &unstale.Sharing{Store: store, Secret: secret}})
//
// A hit is one GET, what is stored is one SET with a lifetime. There are no other commands:
// no index, no SCAN, no scripts, no messages. Whatever the server does with the keys
// (evicting them, failing over to a copy that is late, losing them) costs hits.
//
// The client is valkey-go, which speaks to both servers. Its client-side caching is not
// used: memory in front of the store is judged, and needs no messages.
package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/valkey-io/valkey-go"
)

// Store implements unstale.SharedStore.
type Store struct {
	options valkey.ClientOption
	own     bool // the client is closed with the store

	mu         sync.Mutex
	client     valkey.Client // nil: there is none yet
	connecting bool
	next       time.Time // no attempt before
	last       error
	closed     bool
	attempts   sync.WaitGroup
}

const (
	dialWithin  = time.Second
	writeWithin = time.Second
	connectPace = 100 * time.Millisecond // between attempts
)

// Open returns a store in the server that a URL names, such as
// "redis://user:password@cache.example:6379/3", or "rediss://…" for TLS; parameters are
// those of valkey.ParseURL, among them "master_set" for Sentinel, and several "addr" for a
// cluster. It neither waits for the server nor fails where that is away: the store fails as long
// as it is.
func Open(url string) (*Store, error) {
	o, err := valkey.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redisstore: %w", err)
	}
	return OpenWithOptions(o)
}

// OpenWithOptions is Open with options of the client. Client-side caching and retries are
// switched off; times to dial and to write are a second unless they are given.
func OpenWithOptions(o valkey.ClientOption) (*Store, error) {
	if len(o.InitAddress) == 0 {
		return nil, errors.New("redisstore: no address")
	}
	o.DisableCache, o.DisableRetry = true, true
	if o.Dialer.Timeout == 0 {
		o.Dialer.Timeout = dialWithin
	}
	if o.ConnWriteTimeout == 0 {
		o.ConnWriteTimeout = writeWithin
	}
	s := &Store{options: o, own: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connect()
	return s, nil
}

// New returns a store that uses a client, which stays the caller's.
func New(client valkey.Client) *Store { return &Store{client: client} }

// connect makes a client in the background. The caller holds mu.
func (s *Store) connect() {
	if s.connecting || s.closed || time.Now().Before(s.next) {
		return
	}
	s.connecting = true
	s.attempts.Go(func() {
		client, err := valkey.NewClient(s.options)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.connecting, s.next, s.last = false, time.Now().Add(connectPace), err
		switch {
		case err != nil:
		case s.closed:
			client.Close()
		default:
			s.client = client
		}
	})
}

var errClosed = errors.New("redisstore: the store is closed")

// get returns the client, or an error where there is none yet.
func (s *Store) get() (valkey.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, errClosed
	case s.client != nil:
		return s.client, nil
	}
	s.connect()
	if s.last != nil {
		return nil, fmt.Errorf("redisstore: connect: %w", s.last)
	}
	return nil, errors.New("redisstore: not connected yet")
}

// Get implements unstale.SharedStore. What is no string, because somebody else has put it
// there, is a miss.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	client, err := s.get()
	if err != nil {
		return nil, err
	}
	b, err := client.Do(ctx, client.B().Get().Key(key).Build()).AsBytes()
	switch {
	case err == nil:
		return b, nil
	case valkey.IsValkeyNil(err):
		return nil, nil
	}
	if e, ok := valkey.IsValkeyErr(err); ok && strings.HasPrefix(e.Error(), "WRONGTYPE") {
		return nil, nil
	}
	return nil, fmt.Errorf("redisstore: get: %w", err)
}

// Set implements unstale.SharedStore.
func (s *Store) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	client, err := s.get()
	if err != nil {
		return err
	}
	// A copy: where ctx ends, the client may still be about to send it.
	set := client.B().Set().Key(key).Value(string(value)).PxMilliseconds(max(1, ttl.Milliseconds())).Build()
	if err := client.Do(ctx, set).Error(); err != nil {
		return fmt.Errorf("redisstore: set: %w", err)
	}
	return nil
}

// Close implements io.Closer. Closing twice is fine.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	client := s.client
	s.mu.Unlock()
	s.attempts.Wait()
	if client != nil && s.own {
		client.Close()
	}
	return nil
}
