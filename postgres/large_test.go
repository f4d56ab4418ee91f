package postgres_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestLargeValues: a statement that changes a column beside a value of megabytes does not
// have that value read, which takes a hundred times as long as the statement.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE file (id int8 PRIMARY KEY, n int8 NOT NULL, body bytea);
		ALTER TABLE file ALTER body SET STORAGE EXTERNAL;
		INSERT INTO file SELECT 1, 0, decode(repeat('ab', 10000000), 'hex')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var n, length int64
			err := s.pool.QueryRow(r.Context(), `SELECT n, length(body) FROM file WHERE id = 1`).Scan(&n, &length)
			fmt.Fprint(w, n, " ", length)
			return err
		})
	blocks := func() int {
		n, err := strconv.Atoi(s.server.Psql("postgres", `SELECT pg_stat_clear_snapshot(); SELECT toast_blks_hit + toast_blks_read FROM pg_statio_user_tables WHERE relname = 'file'`))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	conn := s.connect()
	step := func(sql string) (read int) {
		t.Helper()
		s.exec(conn, `SELECT pg_stat_force_next_flush()`)
		before := blocks()
		s.exec(conn, sql)
		s.exec(conn, `SELECT pg_stat_force_next_flush()`)
		return blocks() - before
	}
	s.settle("/")
	if n := step(`UPDATE file SET n = n + 1`); n > 100 {
		t.Errorf("an UPDATE beside the value read %d blocks of it", n)
	}
	s.fresh("1 10000000")
	s.settle("/")
	if n := step(`SELECT md5(body) FROM file`); n < 1000 {
		t.Errorf("who reads the value reads %d blocks: the test shows nothing", n)
	}
	s.exec(conn, `UPDATE file SET body = substr(body, 2)`)
	s.fresh("1 9999999")
	s.settle("/")
	s.exec(conn, `UPDATE file SET body = NULL`)
	s.exec(conn, `UPDATE file SET body = 'ab'`)
	s.fresh("1 2")
}

// TestImportedSnapshot: a transaction that takes the snapshot of one that began before a
// change reads what was, which is not stored.
func TestImportedSnapshot(t *testing.T) {
	t.Parallel()
	var imported string
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'old')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			return pgx.BeginTxFunc(r.Context(), s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
				if imported != "" {
					if _, err := tx.Exec(r.Context(), `SET TRANSACTION SNAPSHOT '`+imported+`'`); err != nil {
						return err
					}
				}
				var name string
				err := tx.QueryRow(r.Context(), `SELECT name FROM item WHERE id = 1`).Scan(&name)
				fmt.Fprint(w, name)
				return err
			})
		})
	s.settle("/")
	exporter := s.connect()
	s.exec(exporter, `BEGIN ISOLATION LEVEL REPEATABLE READ`)
	var snapshot string
	if err := exporter.QueryRow(context.Background(), `SELECT pg_export_snapshot()`).Scan(&snapshot); err != nil {
		t.Fatal(err)
	}
	s.server.Psql("postgres", `UPDATE item SET name = 'new'`)
	imported = snapshot
	for range 3 {
		if body, status := s.get("/"); body != "old" {
			t.Errorf("the snapshot shows %q (%s): the test shows nothing", body, status)
		}
	}
	imported = ""
	s.fresh("new")
	s.exec(exporter, `COMMIT`)
	s.fresh("new")
}
