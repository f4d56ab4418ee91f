package unstale_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// TestFieldOptions: which fields select is for the application to say, but for
// those that say who asks.
func TestFieldOptions(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{
		SelectFields: []string{"user-agent"}, IgnoreFields: []string{"x-device", "X-Acme-*"}, Credentials: []string{"x-tenant"},
	})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		db.get(r.Context(), "x")
		if r.URL.Path == "/vary" {
			w.Header().Set("Vary", "X-Device")
		}
		write(w, r.Header.Get("User-Agent")+r.Header.Get("X-Device"))
	}))
	for _, step := range []struct {
		path, field, body string
		hit, passes       bool
	}{
		{path: "/", body: ""},
		{path: "/", hit: true},
		{path: "/", field: "User-Agent: a", body: "a"},
		{path: "/", field: "User-Agent: b", body: "b"},
		{path: "/", field: "User-Agent: a", body: "a", hit: true},
		{path: "/", field: "User_agent: c", body: ""}, // is a field of its own
		{path: "/", field: "X-Device: d", hit: true},  // and nobody answers by it
		{path: "/", field: "X_device: d", hit: true},
		{path: "/", field: "X-Acme-Version: 2", hit: true},
		{path: "/", field: "X-Acme: 2"},
		{path: "/vary", field: "X-Device: d", body: "d"},
		{path: "/vary", field: "X-Device: e", body: "e"}, // unless he says so
		{path: "/vary", field: "X-Device: d", body: "d", hit: true},
		{path: "/", field: "X-Tenant: t", passes: true},
		{path: "/", field: "X_tenant: t", passes: true},
		{path: "/", field: "X-Acme-Token: t", passes: true},
		{path: "/", field: "X-Acme-Jwt: t", passes: true},
	} {
		var fields []string
		if step.field != "" {
			fields = append(fields, step.field)
		}
		r := get(h, step.path, fields...)
		if r.want(t, step.body, step.hit); strings.Contains(r.status, "credentials") != step.passes {
			t.Errorf("%s: %s", step.field, r.status)
		}
	}
}
