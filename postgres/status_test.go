package postgres_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

// TestStatus: who looks and when, how old the outbox is, and what keeps it so.
func TestStatus(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, name text); CREATE ROLE stranger LOGIN`,
		func(*site, http.ResponseWriter, *http.Request) error { return nil })
	status := func(dsn string) *postgres.Report {
		t.Helper()
		r, err := postgres.Status(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	s.server.SetClock(0)
	second, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	db, err := postgres.Open(s.dsn+"&application_name=shop", second)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var r *postgres.Report
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r = status(s.dsn); len(r.Nodes) == 2 && !r.Nodes[0].Looked.IsZero() && !r.Nodes[1].Looked.IsZero() {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v", r.Nodes)
		}
	}
	if names := r.Nodes[0].Name + r.Nodes[1].Name; names != "shop" {
		t.Errorf("the nodes are %q", names)
	}
	for _, n := range r.Nodes {
		if u, err := url.Parse("//" + n.Addr); err != nil || u.Hostname() != "127.0.0.1" || u.Port() == "" {
			t.Errorf("a node is at %q", n.Addr)
		}
	}
	if r.Held.Name != "" || !r.Oldest.IsZero() {
		t.Errorf("%+v", r)
	}
	s.server.Psql("postgres", `INSERT INTO item VALUES (1, 'one')`)
	s.server.Psql("postgres", `BEGIN; INSERT INTO item VALUES (2, 'two'); PREPARE TRANSACTION 'forgotten'`)
	if r = status(s.dsn); r.Held.Name != "" || !r.Oldest.IsZero() {
		t.Errorf("what has just begun holds nothing up: %+v", r)
	}
	s.server.SetClock(20 * time.Minute)
	s.server.Psql("postgres", `SELECT unstale.sweep('10 min')`)
	if r = status(s.dsn); r.Held.Name != "prepared forgotten" || r.Oldest.IsZero() {
		t.Errorf("%+v", r)
	}
	text := r.String()
	for _, want := range []string{"2 nodes look at it", "shop, last at ", "its oldest row from before ", "as long as prepared forgotten is open"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing of\n%s", want, text)
		}
	}
	s.server.Psql("postgres", `ROLLBACK PREPARED 'forgotten'`)
	s.server.SetClock(40 * time.Minute)
	s.server.Psql("postgres", `SELECT pg_current_xact_id(); SELECT unstale.sweep('10 min')`)
	s.server.SetClock(60 * time.Minute)
	s.server.Psql("postgres", `SELECT unstale.sweep('10 min')`)
	if r = status(s.dsn); r.Held.Name != "" || !r.Oldest.IsZero() {
		t.Errorf("%+v", r)
	}
	s.server.Psql("postgres", `GRANT USAGE ON SCHEMA unstale TO stranger; GRANT SELECT ON unstale.version, unstale.followed TO stranger`)
	if r = status(strings.Replace(s.dsn, "postgres@", "stranger@", 1)); len(r.Nodes) != 2 && len(r.Nodes) != 0 {
		t.Errorf("%+v", r)
	}
}
