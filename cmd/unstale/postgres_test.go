package main

import (
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/testenv"
)

// TestPostgres goes the way of somebody who sets a database up by hand.
func TestPostgres(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `CREATE TABLE a (n int); CREATE MATERIALIZED VIEW m AS SELECT * FROM a`)
	dsn := server.DSN("postgres", "postgres")
	for _, step := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"postgres"}, exitUsage, ""},
		{[]string{"postgres", "nothing", dsn}, exitUsage, ""},
		{[]string{"postgres", "setup"}, exitUsage, ""},
		{[]string{"postgres", "setup", "-nothing", dsn}, exitUsage, ""},
		{[]string{"postgres", "status", "postgres://nobody@127.0.0.1:1/x"}, exitError, ""},
		{[]string{"postgres", "status", dsn}, exitOK, "not set up"},
		{[]string{"postgres", "setup", dsn}, exitOK, "CREATE TRIGGER unstale_insert"},
		{[]string{"postgres", "status", dsn}, exitOK, "not set up"},
		{[]string{"postgres", "setup", "-run", dsn}, exitOK, "1 tables followed"},
		{[]string{"postgres", "status", dsn}, exitOK, "not followed: public.m"},
		{[]string{"postgres", "remove", dsn}, exitOK, "-run does it"},
		{[]string{"postgres", "remove", "-run", dsn}, exitOK, ""},
		{[]string{"postgres", "status", dsn}, exitOK, "not set up"},
	} {
		var stdout, stderr strings.Builder
		if code := run(t.Context(), step.args, &stdout, &stderr); code != step.code || !strings.Contains(stdout.String(), step.says) {
			t.Errorf("%q: %d\n%s\n%s", step.args, code, stdout.String(), stderr.String())
		}
	}
}
