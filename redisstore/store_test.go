package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/valkey-io/valkey-go"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/redisstore"
	"github.com/unstale/unstale/storetest"
)

// TestStore is the contract, of a store that has a client of its own, and of one that was
// given one.
func TestStore(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	t.Run("opened", func(t *testing.T) {
		storetest.TestShared(t, func(t *testing.T) unstale.SharedStore {
			server.Do("FLUSHALL")
			return open(t, server)
		})
	})
	t.Run("with a client", func(t *testing.T) {
		client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{strings.TrimPrefix(server.URL(), "redis://")}, DisableCache: true})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		storetest.TestShared(t, func(t *testing.T) unstale.SharedStore {
			server.Do("FLUSHALL")
			s := redisstore.New(client)
			t.Cleanup(func() { _ = s.Close() })
			return s
		})
		if err := client.Do(t.Context(), client.B().Ping().Build()).Error(); err != nil {
			t.Errorf("the client was closed: %v", err)
		}
	})
}

// open returns a store that answers.
func open(t *testing.T, server *testenv.Redis) *redisstore.Store {
	t.Helper()
	s, err := redisstore.Open(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	answers(t, s)
	return s
}

// answers waits until a store answers.
func answers(t *testing.T, s *redisstore.Store) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := s.Get(t.Context(), "none"); err == nil {
			return
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// TestServerFails: a store fails as long as its server is away, refuses, or has lost what it
// had, and no longer. It can be opened before there is a server.
func TestServerFails(t *testing.T) {
	t.Parallel()
	server := testenv.StartRedis(t)
	server.Kill()
	s, err := redisstore.Open(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if _, err := s.Get(t.Context(), "a"); err == nil {
		t.Error("it answers before there is a server")
	}
	server.Start()
	answers(t, s)
	set := func() error { return s.Set(t.Context(), "a", []byte("x"), time.Hour) }
	if err := set(); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	if _, err := s.Get(t.Context(), "a"); err == nil {
		t.Error("it answers when the server is gone")
	}
	server.Start()
	answers(t, s)
	if b, err := s.Get(t.Context(), "a"); b != nil || err != nil {
		t.Errorf("of a server that has lost everything: %q, %v", b, err)
	}
	server.Do("CONFIG SET maxmemory 1")
	if err := set(); err == nil {
		t.Error("a full server takes something")
	}
	server.Do("CONFIG SET maxmemory 0")
	server.Do("LPUSH a x")
	if b, err := s.Get(t.Context(), "a"); b != nil || err != nil {
		t.Errorf("of what is no string: %q, %v", b, err)
	}
	if err := set(); err != nil {
		t.Error(err)
	}
	server.Do("REPLICAOF 127.0.0.1 1")
	if err := set(); err == nil {
		t.Error("a server that may only be read from takes something")
	}
	server.Do("REPLICAOF NO ONE")
	if err := set(); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "http://a.example", "redis://a.example/x"} {
		if s, err := redisstore.Open(url); err == nil {
			_ = s.Close()
			t.Errorf("%q is opened", url)
		}
	}
}
