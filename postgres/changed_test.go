package postgres_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/postgres"
)

// TestTablesChange: who writes to a table that has changed since setup is not
// hindered, and what a change touches is told.
func TestTablesChange(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, a int, b int, c text, d int); INSERT INTO item VALUES (1, 1, 2, 'x', 1);
		CREATE TABLE odd (id int PRIMARY KEY, "x$unstale$y" int, "$unstale_0$" text)`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var n int
			err := s.pool.QueryRow(r.Context(), `SELECT sum(a) FROM item`).Scan(&n)
			fmt.Fprint(w, n)
			return err
		})
	conn := s.connect()
	for i, change := range []string{
		`ALTER TABLE item DROP COLUMN d`, `ALTER TABLE item RENAME COLUMN c TO e`,
		`BEGIN; ALTER TABLE item RENAME a TO t; ALTER TABLE item RENAME b TO a; ALTER TABLE item RENAME t TO b; COMMIT`,
		`ALTER TABLE item DROP CONSTRAINT item_pkey; ALTER TABLE item ALTER id DROP NOT NULL; UPDATE item SET id = NULL`,
	} {
		if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
			t.Fatal(err)
		}
		s.exec(conn, change)
		time.Sleep(1100 * time.Millisecond)
		for range 2 {
			s.settle("/")
			s.exec(conn, `UPDATE item SET a = a + 1`)
			if got, status := s.get("/"); got != s.truth("/") {
				t.Errorf("%d: %s: stale: %s (%s)", i, change, got, status)
			}
		}
		s.exec(conn, `INSERT INTO item (id, a) VALUES (77, 1); DELETE FROM item WHERE id = 77`)
	}
}

// TestOwnLocks: the server is not asked for long what a text is whose table the
// transaction itself has locked, nor is it fatal that nobody knows.
func TestOwnLocks(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	s.settle("/")
	for _, sql := range []string{`ALTER TABLE item ADD COLUMN x int`, `TRUNCATE item`, `LOCK TABLE item`} {
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
			for i := range 5 {
				if _, err := tx.Exec(ctx, fmt.Sprintf(`UPDATE item SET name = name /* %d %s */`, i, sql)); err != nil {
					return err
				}
			}
			return nil
		})
		cancel()
		if d := time.Since(start); d > 2*time.Second || err != nil {
			t.Errorf("%s: %v, %v", sql, d, err)
		}
	}
	if _, err := s.pool.Exec(t.Context(), `SELECT '`+strings.Repeat("x", 2<<20)+`'`); err != nil {
		t.Error(err)
	}
}

// TestClock: what the server makes of "now" is not stored, nor is a label that was
// renamed kept.
func TestClock(t *testing.T) {
	t.Parallel()
	queries := []string{
		`SELECT count(*)::text FROM item WHERE at < 'today'`, `SELECT count(*)::text FROM item WHERE at < $1::text::timestamptz`, `SELECT m::text FROM item`,
	}
	s := newSite(t, `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE item (id int8 PRIMARY KEY, m mood, at timestamptz); INSERT INTO item VALUES (1, 'sad', now())`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			i := int(r.URL.Path[1] - '0')
			var args []any
			if i == 1 {
				args = []any{"now"}
			}
			var text string
			err := s.pool.QueryRow(r.Context(), queries[i], args...).Scan(&text)
			fmt.Fprint(w, text)
			return err
		})
	s.settle("/2")
	for range 5 {
		for _, path := range []string{"/0", "/1"} {
			if _, status := s.get(path); strings.Contains(status, ";stored") || strings.Contains(status, ";hit") {
				t.Errorf("%s: %s", queries[path[1]-'0'], status)
			}
		}
	}
	s.settle("/2")
	s.server.Psql("postgres", `ALTER TYPE mood RENAME VALUE 'sad' TO 'unhappy'`)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if got, _ := s.get("/2"); got == "unhappy" {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a label that was renamed is not noticed")
		}
	}
}
