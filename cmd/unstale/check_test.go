package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/cmd/internal/versioned"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command runs the command and returns its exit code and what it printed.
func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// stuck is a service that shows what was first written, for ever.
func stuck(t *testing.T) string {
	var first atomic.Pointer[string]
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			body, _ := io.ReadAll(r.Body)
			version := string(body)
			first.CompareAndSwap(nil, &version)
			return
		}
		if v := first.Load(); v != nil {
			w.Header().Set("Cache-Status", "other; hit; ttl=3")
			fmt.Fprint(w, "<p>version "+*v+"</p>")
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestCheckFinds(t *testing.T) {
	base, dir := stuck(t), filepath.Join(t.TempDir(), "pictures")
	code, stdout, stderr := command(t, "check", "-write", "PUT "+base+"/{key}", "-body", "{version}", "-read", base+"/{key}",
		"-version", `re:version (\d+)`, "-keys", "1", "-reads", "200", "-writes", "0.2", "-seed", "7", "-out", dir)
	if code != exitWrong {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{"seed 7", "(100.0%)", "stale after an acknowledged write", "worst age", "was acknowledged before", "not linearizable", "history.html"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	svg, err := os.ReadFile(filepath.Join(dir, "history.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "history.html"))
	if err != nil || !bytes.Contains(page, []byte("stale after an acknowledged write")) {
		t.Errorf("%v, %d bytes", err, len(page))
	}
}

func TestCheckFindsNothing(t *testing.T) {
	service, err := versioned.Open(t.Context(), versioned.Options{
		Database: filepath.Join(t.TempDir(), "items.db"), Cache: unstale.Options{Logger: slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	s := httptest.NewServer(service.Handler())
	defer s.Close()
	// Twice, because the second run finds the versions of the first.
	for range 2 {
		code, stdout, stderr := command(t, "check", "-write", "PUT "+s.URL+"/items/{key}?version={version}",
			"-read", s.URL+"/mine/{key}", "-read", s.URL+"/pairs/{key}", "-read", s.URL+"/both/{key}/{other}", "-other", "json:other", "-version", `re:"(?:version|twin)":(\d+)`, "-key", "json:key", "-owner", "json:owner",
			"-as", "alice=Bearer alice", "-as", "bob=Bearer bob", "-header", "Accept: */*", "-hits", "500", "-quiet")
		if code != exitOK || !strings.Contains(strings.Join(strings.Fields(stdout), " "), "violations 0") || stderr != "" {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
	}
}

// TestCheckNames finds each version beside the name of its key in a list of all,
// and finds out that the list goes on showing one of them as it was.
func TestCheckNames(t *testing.T) {
	for _, forgetful := range []bool{false, true} {
		var mu sync.Mutex
		versions := map[string]string{}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			if id := r.FormValue("id"); r.Method == http.MethodPut && (versions[id] == "" || id != "b." || !forgetful) {
				versions[id] = r.FormValue("v")
			}
			for _, id := range []string{"a", "b.", "c"} {
				if v := versions[id]; v != "" {
					fmt.Fprintf(w, `{"id":%q,"v":%s}`, id, v)
				}
			}
		}))
		defer s.Close()
		code, stdout, stderr := command(t, "check", "-write", "PUT "+s.URL+"/?v={version}", "-body", "id={key}", "-write-header", "Content-Type: application/x-www-form-urlencoded",
			"-name", "a", "-name", "b.", "-name", "c", "-read", s.URL+"/?of={key}", "-read", s.URL+"/?of={key}&and={other}",
			"-version", `re:"id":"{key}","v":(\d+)`, "-other", `re:"id":"{other}","v":(\d+)`, "-reads", "500", "-writes", "0.2", "-quiet")
		want := exitOK
		if forgetful {
			want = exitWrong
		}
		if code != want || stderr != "" || strings.Contains(stdout, "last failure") {
			t.Errorf("forgetful: %v: exit code %d\n%s%s", forgetful, code, stdout, stderr)
		}
	}
}

func TestCheckUsage(t *testing.T) {
	const write, read, version = "-write=PUT http://h/{key}?v={version}", "-read=http://h/{key}", "-version=json:v"
	for _, tt := range []struct {
		want string
		args []string
	}{
		{"Usage: unstale", nil},
		{"no command", []string{"prove"}},
		{"how to find the version", []string{"check"}},
		{"no read request", []string{"check", version, write}},
		{`method ""`, []string{"check", version, read}},
		{"says {version}", []string{"check", version, read, "-write=PUT http://h/{key}"}},
		{"no URL with http", []string{"check", version, read, "-write=PUT h/{key}?v={version}"}},
		{"read request: method PUT", []string{"check", version, write, "-read=PUT http://h/"}},
		{"neither json:path nor re:", []string{"check", "-version=v"}},
		{"need one group", []string{"check", "-version=re:v"}},
		{"not NAME=VALUE", []string{"check", "-as=alice"}},
		{"only if users", []string{"check", version, write, read, "-owner=json:o"}},
		{"no share", []string{"check", version, write, read, "-writes=1.5"}},
		{"not said", []string{"check", version, write, read, "-read=http://h/{key}/{other}"}},
		{"no read request names it", []string{"check", version, write, read, "-other=json:o"}},
		{"not {key}", []string{"check", version, write, read, "-read=http://h/{other}", "-other=json:o"}},
		{"writes one key", []string{"check", version, "-write=PUT http://h/{key}/{other}?v={version}", read}},
		{"{key} alone", []string{"check", version, write, "-read=http://h/{key}/{other}", "-other=json:o"}},
		{"there is one key", []string{"check", version, write, read, "-read=http://h/{key}/{other}", "-other=json:o", "-keys=1"}},
		{"keys: negative", []string{"check", version, write, read, "-keys=-1"}},
		{"Name: value", []string{"check", version, write, read, "-header=Accept"}},
		{"is no flag", []string{"check", version, write, read, "more"}},
	} {
		code, stdout, stderr := command(t, tt.args...)
		if code != exitUsage || !strings.Contains(stderr, tt.want) || stdout != "" {
			t.Errorf("%q: exit code %d, %q, want %q", tt.args, code, stderr, tt.want)
		}
	}
	if code, _, stderr := command(t, "check", "-help"); code != exitOK || !strings.Contains(stderr, "-version") {
		t.Errorf("help: exit code %d, %q", code, stderr)
	}
}

// TestCheckWithoutService says what is the matter with a service that is not
// there, refuses, answers something else, or goes away.
func TestCheckWithoutService(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer other.Close()
	var answers atomic.Int64
	vanishing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answers.Add(1) > 40 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "version %s", r.URL.Query().Get("v"))
	}))
	defer vanishing.Close()
	for _, tt := range []struct{ url, want string }{
		{gone.URL, "cannot be reached: dial tcp"},
		{refusing.URL, "status 404"},
		{other.URL, `no version at re:version (\d+): "hello"`},
		{vanishing.URL, "no answer for"},
	} {
		code, stdout, stderr := command(t, "check", "-write", "PUT "+tt.url+"/{key}?v={version}", "-read", tt.url+"/{key}?v=1",
			"-version", `re:version (\d+)`, "-keys=1", "-timeout=300ms", "-duration=20s", "-quiet")
		if code != exitError || !strings.Contains(stderr, tt.want) || stdout != "" {
			t.Errorf("exit code %d, %q, want %q\n%s", code, stderr, tt.want, stdout)
		}
	}
}

// TestCheckInterrupted reports what was found until the interrupt.
func TestCheckInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var reads atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && reads.Add(1) == 100 {
			cancel()
		}
		fmt.Fprint(w, "version 1")
	}))
	defer s.Close()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"check", "-write", "PUT " + s.URL + "/{version}", "-read", s.URL, "-version", `re:version (\d+)`,
		"-keys=1", "-writes=0.5", "-duration=1m", "-quiet"}, &out, &errs)
	if code != exitWrong || !strings.Contains(out.String(), "violations") {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
}
