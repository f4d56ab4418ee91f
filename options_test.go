package unstale_test

import (
	"bytes"
	"log"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// TestOptions: each bad one is refused by name.
func TestOptions(t *testing.T) {
	t.Parallel()
	for _, bad := range []struct {
		name string
		unstale.Options
	}{
		{"Prefix", unstale.Options{Prefix: "a:b"}},
		{"Prefix", unstale.Options{Prefix: "a*"}},
		{"Prefix", unstale.Options{Prefix: "http"}},
		{"TTL", unstale.Options{TTL: -1}},
		{"MaxBytes", unstale.Options{MaxBytes: -1}},
		{"MaxBytes", unstale.Options{MaxBytes: 1, Store: newMemory(t)}},
		{"MaxBody", unstale.Options{MaxBody: -1}},
		{"Slots", unstale.Options{Slots: -1}},
		{"Slots", unstale.Options{Slots: 1<<30 + 1}},
		{"History", unstale.Options{History: 1<<24 + 1}},
		{"NeutralContextKeys", unstale.Options{NeutralContextKeys: []any{nil}}},
		{"NeutralContextKeys", unstale.Options{NeutralContextKeys: []any{[]int{1}}}},
	} {
		for _, off := range []bool{false, true} {
			bad.Off = off // no surprise on the day it is switched on
			c, err := unstale.New(bad.Options)
			if c != nil || err == nil || !strings.Contains(err.Error(), " Options."+bad.name) {
				t.Errorf("%s: %v, %v", bad.name, c, err)
			}
		}
	}
	for _, good := range []unstale.Options{
		{}, {Prefix: "a-b.c_d~1"}, {TTL: 1}, {MaxBytes: 1}, {MaxBody: 1}, {Slots: 1}, {Store: newMemory(t)},
		{NeutralContextKeys: []any{"k", struct{}{}}},
	} {
		newCache(t, good)
	}
}

// TestHandlerOptions: what cannot be meant is refused, with the cache on, off, and
// without one.
func TestHandlerOptions(t *testing.T) {
	t.Parallel()
	caches := []*unstale.Cache{newCache(t, unstale.Options{}), newCache(t, unstale.Options{Off: true}), nil}
	route := func(*http.Request) string { return "" }
	for _, bad := range []struct {
		name string
		unstale.HandlerOptions
	}{
		{"Credentials", unstale.HandlerOptions{Credentials: []string{"X-Api-Key:"}}},
		{"Credentials", unstale.HandlerOptions{Credentials: []string{""}}},
		{"Credentials", unstale.HandlerOptions{Credentials: []string{" X-Api-Key"}}},
		{"IgnoreCookies", unstale.HandlerOptions{IgnoreCookies: []string{"_ga", ""}}},
		{"IgnoreCookies", unstale.HandlerOptions{IgnoreCookies: []string{"a=b"}}},
		{"IgnoreCookies", unstale.HandlerOptions{IgnoreCookies: []string{"*"}}},
		{"IgnoreCookies", unstale.HandlerOptions{IgnoreCookies: []string{"_ga*x"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{""}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"X-Author", "cookie"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"authorization"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"X-Tenant"}, Credentials: []string{"x-tenant"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"If-None-Match"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"Upgrade"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"X-Http-Method-Override"}}},
		{"SelectFields", unstale.HandlerOptions{SelectFields: []string{"Te"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"*"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"X-*-Id"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"X Foo"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"authorization"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"Cookie"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"X-My-Token"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"X-Tenant"}, Credentials: []string{"x-tenant"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"x-t*"}, Credentials: []string{"x-tenant"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"X-*"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"X-Auth-Request-*"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"Range"}}},
		{"IgnoreFields", unstale.HandlerOptions{IgnoreFields: []string{"x-device"}, SelectFields: []string{"X-Device"}}},
		{`Policies["a"]`, unstale.HandlerOptions{Route: route, Policies: map[string]unstale.Policy{"a": {Mode: 7}}}},
		{`Policy.Mode`, unstale.HandlerOptions{Policy: unstale.Policy{Mode: 7}}},
		{`Policy.DropSetCookie`, unstale.HandlerOptions{Policy: unstale.Policy{DropSetCookie: []string{"a b"}}}},
		{`Policies["a"].TTL`, unstale.HandlerOptions{Route: route, Policies: map[string]unstale.Policy{"a": {TTL: -1}}}},
		{`Policies["a"] without HandlerOptions.Route`, unstale.HandlerOptions{Policies: map[string]unstale.Policy{"a": {}}}},
		{"VerifyShare", unstale.HandlerOptions{VerifyShare: -0.1}},
		{"VerifyShare", unstale.HandlerOptions{VerifyShare: 1.1}},
		{"VerifyShare", unstale.HandlerOptions{VerifyShare: math.NaN()}},
	} {
		for _, c := range caches {
			wrap, err := c.Middleware(bad.HandlerOptions)
			if wrap != nil || err == nil || !strings.Contains(err.Error(), " HandlerOptions."+bad.name) {
				t.Errorf("%s: %v", bad.name, err)
			}
		}
	}
	for _, good := range []unstale.HandlerOptions{
		{},
		{Policies: map[string]unstale.Policy{"": {Mode: unstale.ModeOff}}},
		{SelectFields: []string{"X-Author", "Accept-Language", "X-Csrf-Token"}, IgnoreFields: []string{"X-Device-Id", "X-Acme-*", "Accept"}},
		{Credentials: []string{"X-Api-Key"}, IgnoreCookies: []string{"_ga", "_ga_*", "__utma"}},
	} {
		for _, c := range caches {
			wrap, err := c.Middleware(good)
			if err != nil {
				t.Error(err)
			}
			get(wrap(http.NotFoundHandler()), "/").want(t, "404 page not found\n", false)
		}
	}
	if _, err := caches[2].Middleware(unstale.HandlerOptions{Identity: byToken}); err == nil || !strings.Contains(err.Error(), "HandlerOptions.Identity") {
		t.Errorf("a nil cache is to tell who asks: %v", err)
	}
}

// TestOptionsAreCopied: what the caller does with his afterwards has no effect.
func TestOptionsAreCopied(t *testing.T) {
	t.Parallel()
	o := unstale.Options{NeutralContextKeys: []any{neutralKey{}}}
	ho := unstale.HandlerOptions{Policies: map[string]unstale.Policy{"": {TTL: time.Minute}}, IgnoreCookies: []string{"_ga"}}
	_, handler := newService(t, o, ho)
	ho.Policies[""] = unstale.Policy{Mode: unstale.ModeOff}
	ho.IgnoreCookies[0] = "session"
	o.NeutralContextKeys[0] = outsideKey{}
	h := around(handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Context().Value(neutralKey{}) })))
	get(h, "/", "Cookie: _ga=1").want(t, "", false)
	get(h, "/", "Cookie: _ga=1").want(t, "", true)
	if r := get(h, "/", "Cookie: session=1"); r.hit() {
		t.Error("an option was changed from outside")
	}
}

// TestPrefix is put before every key, so that two caches may share a store.
func TestPrefix(t *testing.T) {
	t.Parallel()
	store := newMemory(t)
	for _, prefix := range []string{"a", "b"} {
		c := newCache(t, unstale.Options{Prefix: prefix, Store: store})
		warm(t, c, []string{"/"}, []string{"k"})
	}
	var keys []string
	store.Range(func(key string, _ *unstale.Entry) bool {
		keys = append(keys, key)
		return true
	})
	if len(keys) != 4 {
		t.Errorf("%q", keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "a:") && !strings.HasPrefix(key, "b:") {
			t.Errorf("key %q", key)
		}
	}
}

// TestDefaultLogger: what is said reaches the default logger of then, with its level,
// although the cache was made before that was set. It is not parallel to others,
// since there is one such logger.
func TestDefaultLogger(t *testing.T) {
	before, flags, output := slog.Default(), log.Flags(), log.Writer()
	defer func() {
		slog.SetDefault(before)
		log.SetFlags(flags)
		log.SetOutput(output)
	}()
	var logged bytes.Buffer
	c := newCache(t, unstale.Options{})
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Language", "de")
	}))
	get(h, "/").want(t, "", false)
	if s := logged.String(); !strings.Contains(s, "level=WARN msg=\"unstale: ") {
		t.Errorf("logged %q", s)
	}
}
