package main

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/testenv"
)

// The demo in PostgreSQL, as a role with a password: what it says and logs shows where the
// data is, and not the password. Its data directory is that database's alone.
func TestPostgres(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-hunter2"
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `CREATE ROLE ann LOGIN PASSWORD '`+secret+`'; CREATE DATABASE notes OWNER ann; CREATE DATABASE others OWNER ann`)
	at := func(database string) string {
		u, err := url.Parse(server.DSN("ann", database))
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("ann", secret)
		return u.String()
	}
	dir := filepath.Join(t.TempDir(), "data")
	notes, others := []string{"NOTEBOOK_DATABASE=" + at("notes")}, []string{"NOTEBOOK_DATABASE=" + at("others")}
	var said string
	for _, database := range [][]string{notes, notes} { // the second time everything is there
		p := spawn(t, database, "--addr=127.0.0.1:0", "--data", dir, "--demo").started()
		if _, err := p.logIn(demoAdmin, demoPassword); err != nil {
			t.Error(err)
		}
		for range 2 {
			if status, body := p.get("/api/persona/public", ""); status != 200 || !strings.Contains(body, "alice") {
				t.Errorf("GET /api/persona/public: %d %s", status, body)
			}
		}
		p.stop()
		stdout, stderr := p.outputs()
		said += stdout + stderr
	}
	for _, want := range []string{"tier P", "postgres://ann@127.0.0.1:", "/notes", dir} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	for _, wrong := range []struct {
		env  []string
		args []string
		want string
	}{
		{others, []string{"--data", dir}, "belongs to a notebook in another database"},
		{nil, []string{"--data", dir}, "though the directory holds"},
		{notes, []string{"--demo"}, "needs --data"},
		{nil, []string{"--data", dir, "--redis=redis://127.0.0.1:1"}, "--redis needs a --database"},
		{notes, []string{"--data", dir, "--redis=http://ann:" + secret + "@127.0.0.1:1"}, "--redis will not do"},
		{[]string{"NOTEBOOK_DATABASE=mysql://ann:" + secret + "@localhost/notes"}, []string{"--data", dir}, "postgres://USER@HOST:PORT/NAME"},
		{[]string{"NOTEBOOK_DATABASE=postgres://ann:" + secret + "@127.0.0.1:1/notes"}, []string{"--data", dir}, "cannot open the database postgres://ann@127.0.0.1:1/notes"},
	} {
		p := spawn(t, wrong.env, append(wrong.args, "--addr=127.0.0.1:0")...)
		<-p.exited
		stdout, stderr := p.outputs()
		if p.err == nil || !strings.Contains(stderr, wrong.want) {
			t.Errorf("%v: %v, %q, want %q", wrong.args, p.err, stderr, wrong.want)
		}
		said += stdout + stderr
	}
	if strings.Contains(said, secret) {
		t.Errorf("the password is shown:\n%s", said)
	}
}
