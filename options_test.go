package unstale_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// TestOptions: each bad one is refused by name.
func TestOptions(t *testing.T) {
	t.Parallel()
	route := func(*http.Request) string { return "" }
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
		{"Credentials", unstale.Options{Credentials: []string{"X-Api-Key:"}}},
		{"Credentials", unstale.Options{Credentials: []string{""}}},
		{"Credentials", unstale.Options{Credentials: []string{" X-Api-Key"}}},
		{"IgnoreCookies", unstale.Options{IgnoreCookies: []string{"_ga", ""}}},
		{"IgnoreCookies", unstale.Options{IgnoreCookies: []string{"a=b"}}},
		{"IgnoreCookies", unstale.Options{IgnoreCookies: []string{"*"}}},
		{"IgnoreCookies", unstale.Options{IgnoreCookies: []string{"_ga*x"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{""}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"X-Author", "cookie"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"authorization"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"X-Tenant"}, Credentials: []string{"x-tenant"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"If-None-Match"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"Upgrade"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"X-Http-Method-Override"}}},
		{"SelectFields", unstale.Options{SelectFields: []string{"Te"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"*"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"X-*-Id"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"X Foo"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"authorization"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"Cookie"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"X-My-Token"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"X-Tenant"}, Credentials: []string{"x-tenant"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"x-t*"}, Credentials: []string{"x-tenant"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"X-*"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"X-Auth-Request-*"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"Range"}}},
		{"IgnoreFields", unstale.Options{IgnoreFields: []string{"x-device"}, SelectFields: []string{"X-Device"}}},
		{"NeutralContextKeys", unstale.Options{NeutralContextKeys: []any{nil}}},
		{"NeutralContextKeys", unstale.Options{NeutralContextKeys: []any{[]int{1}}}},
		{`Policies["a"]`, unstale.Options{Route: route, Policies: map[string]unstale.Policy{"a": {Mode: 7}}}},
		{`Policies["a"].TTL`, unstale.Options{Route: route, Policies: map[string]unstale.Policy{"a": {TTL: -1}}}},
		{`Policies["a"] without Options.Route`, unstale.Options{Policies: map[string]unstale.Policy{"a": {}}}},
	} {
		for _, off := range []bool{false, true} {
			bad.Off = off // no surprise on the day it is switched on
			c, err := unstale.New(bad.Options)
			if c != nil || err == nil || !strings.Contains(err.Error(), "Options."+bad.name) {
				t.Errorf("%s: %v, %v", bad.name, c, err)
			}
		}
	}
	for _, good := range []unstale.Options{
		{}, {Prefix: "a-b.c_d~1"}, {TTL: 1}, {MaxBytes: 1}, {MaxBody: 1}, {Slots: 1}, {Store: newMemory(t)},
		{Policies: map[string]unstale.Policy{"": {Mode: unstale.Off}}},
		{SelectFields: []string{"X-Author", "Accept-Language", "X-Csrf-Token"}, IgnoreFields: []string{"X-Device-Id", "X-Acme-*", "Accept"}},
		{Credentials: []string{"X-Api-Key"}, IgnoreCookies: []string{"_ga", "_ga_*", "__utma"}, NeutralContextKeys: []any{"k", struct{}{}}},
	} {
		newCache(t, good)
	}
}

// TestOptionsAreCopied: what the caller does with his afterwards has no effect.
func TestOptionsAreCopied(t *testing.T) {
	t.Parallel()
	o := unstale.Options{
		Policies: map[string]unstale.Policy{"": {TTL: time.Minute}}, IgnoreCookies: []string{"_ga"}, NeutralContextKeys: []any{neutralKey{}},
	}
	c := newCache(t, o)
	o.Policies[""] = unstale.Policy{Mode: unstale.Off}
	o.IgnoreCookies[0] = "session"
	o.NeutralContextKeys[0] = outsideKey{}
	h := around(c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Context().Value(neutralKey{}) })))
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
