package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/api"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/store"
)

// crowdServer is a notebook in this process, through the cache, to which
// requests go by way of transport.
func crowdServer(t *testing.T, transport func(http.RoundTripper) http.RoundTripper) *notebookServer {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	binding := api.NewBinding([]byte("the secret of the crowd in these tests"))
	options := binding.Options()
	options.Logger = slog.New(slog.DiscardHandler)
	cache, err := unstale.New(options)
	must(err)
	t.Cleanup(func() { must(cache.Close()) })
	data, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "notebook.db"), cache)
	must(err)
	t.Cleanup(func() { must(data.Close()) })
	uploads, err := files.Open(t.Context(), t.TempDir(), data.FileReferenced)
	must(err)
	site, err := api.New(api.Config{
		Binding: binding, Store: data, Files: uploads, Cache: cache, Logger: options.Logger, PasswordCost: bcrypt.MinCost,
	})
	must(err)
	t.Cleanup(site.Close)
	hash, err := notebook.HashPassword(benchPassword, bcrypt.MinCost)
	must(err)
	_, err = data.EnsureSuperAdmin(unstale.Outside(t.Context()), adminName, hash)
	must(err)
	return &notebookServer{base: "http://site.test", http: &http.Client{Transport: transport(inProcess{site})}}
}

// TestCrowd is a short load, in which nothing may be wrong.
func TestCrowd(t *testing.T) {
	t.Parallel()
	server := crowdServer(t, func(next http.RoundTripper) http.RoundTripper { return next })
	c, err := newCrowd(t.Context(), server, 1)
	if err != nil {
		t.Fatal(err)
	}
	const rate = 150
	if err := c.run(t.Context(), 2*time.Second, rate); err != nil {
		t.Fatal(err)
	}
	if err := c.verdict(); err != nil {
		t.Error(err)
	}
	if n := c.reads.Load() + c.writes.Load(); n < 2*rate || c.writes.Load() == 0 || c.notModified.Load() == 0 {
		t.Errorf("%d requests, %d of them writes, %d answers not modified", n, c.writes.Load(), c.notModified.Load())
	}
}

// A liar answers wrongly once it is told to.
type liar struct {
	next http.RoundTripper
	lie  func(r *http.Request, w *http.Response, body []byte) []byte

	mu    sync.Mutex
	lying bool
}

func (l *liar) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := l.next.RoundTrip(r)
	if err != nil || r.Method != http.MethodGet {
		return w, err
	}
	body, err := io.ReadAll(w.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lying {
		body = l.lie(r, w, body)
	}
	w.Body = io.NopCloser(bytes.NewReader(body))
	return w, err
}

// TestCrowdFindsOut has a notebook that is stale, that gives people what is
// another's, and that damages answers.
func TestCrowdFindsOut(t *testing.T) {
	t.Parallel()
	first := map[string][]byte{}
	mine := []byte(`{"success":true,"data":{"username":"person_00","is_muted":false}}`)
	for _, c := range []struct {
		name    string
		counted func(c *crowd) int64
		lie     func(r *http.Request, w *http.Response, body []byte) []byte
	}{
		{"stale", func(c *crowd) int64 { return c.stale.Load() }, func(r *http.Request, _ *http.Response, body []byte) []byte {
			key := r.Header.Get("Authorization") + r.URL.String()
			if first[key] == nil {
				first[key] = body
			}
			return first[key]
		}},
		{"another's", func(c *crowd) int64 { return c.leaked.Load() }, func(r *http.Request, _ *http.Response, body []byte) []byte {
			if r.URL.Path == "/api/users/me" {
				return mine
			}
			return body
		}},
		{"for nobody", func(c *crowd) int64 { return c.leaked.Load() }, func(r *http.Request, w *http.Response, body []byte) []byte {
			if w.StatusCode == http.StatusUnauthorized {
				w.StatusCode = http.StatusOK
			}
			return body
		}},
		{"cut off", func(c *crowd) int64 { return c.corrupted.Load() }, func(_ *http.Request, _ *http.Response, body []byte) []byte {
			return body[:len(body)/2]
		}},
		{"two bodies with one tag", func(c *crowd) int64 { return c.corrupted.Load() }, func(_ *http.Request, w *http.Response, body []byte) []byte {
			w.Header.Set("ETag", `"the same"`)
			return body
		}},
	} {
		t.Run(strings.ReplaceAll(c.name, "'", ""), func(t *testing.T) {
			l := &liar{lie: c.lie}
			server := crowdServer(t, func(next http.RoundTripper) http.RoundTripper {
				l.next = next
				return l
			})
			people, err := newCrowd(t.Context(), server, 1)
			if err != nil {
				t.Fatal(err)
			}
			l.mu.Lock()
			l.lying = true
			l.mu.Unlock()
			rng := rand.New(rand.NewPCG(1, 1))
			ctx := context.Background()
			for n := 0; n < 3000 && c.counted(people) == 0; n++ {
				do := people.read
				if n%3 == 0 {
					do = people.write
				}
				if err := do(ctx, rng); err != nil {
					t.Logf("somebody noticed by himself: %v", err)
				}
			}
			if c.counted(people) == 0 || people.verdict() == nil {
				t.Errorf("nobody noticed: %v", people.verdict())
			}
		})
	}
}
