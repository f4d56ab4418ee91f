package postgres_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

func TestSetup(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `
		CREATE TABLE item (id int8 PRIMARY KEY, name text, big bytea, at timestamptz DEFAULT now(), day date, ok bool, u uuid, n numeric, "odd ""name" varchar(10));
		CREATE TABLE bare (a text);
		CREATE TABLE pair (a int, b text, c int, PRIMARY KEY (a, b));
		CREATE TABLE odd (n_rows int PRIMARY KEY, table_layout text, tg_relid text, n text, o text, q text, old text, new text, differs text);`)
	for range 2 {
		if err := postgres.Setup(t.Context(), server.DSN("postgres", "postgres"), postgres.SetupOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	outbox := func(sql string) string {
		server.Psql("postgres", sql)
		s := server.Psql("postgres", `SELECT relation::regclass, operation, old, new, differs FROM unstale.outbox ORDER BY ctid`)
		server.Psql("postgres", `TRUNCATE unstale.outbox`)
		return s
	}
	for _, tt := range []struct{ sql, want string }{
		{`INSERT INTO item (id, name, ok, at, day, u) VALUES (1, 'one', true, '2020-01-01 00:00:00.5Z', 'infinity', '6ecd8c99-4036-403d-bf84-cf8400f67836')`,
			`item|i||{v1,vone,NULL,v1577836800500000,vinfinity,vtrue,v6ecd8c99-4036-403d-bf84-cf8400f67836,NULL,NULL}|`},
		{`UPDATE item SET name = 'uno', big = '\x00' WHERE id = 1`,
			`item|u|{v1,vone,NULL,v1577836800500000,vinfinity,vtrue,v6ecd8c99-4036-403d-bf84-cf8400f67836,NULL,NULL}|{v1,vuno,v00,v1577836800500000,vinfinity,vtrue,v6ecd8c99-4036-403d-bf84-cf8400f67836,NULL,NULL}|{2,3}`},
		{`UPDATE item SET name = name`, ``},
		{`UPDATE item SET name = 'x' WHERE id = 7`, ``},
		{`UPDATE item SET n = 1.0`, `{8}`},
		{`UPDATE item SET n = 1.00`, `{8}`},
		{`UPDATE item SET name = repeat('x', 300)`, `,x,`},
		{`UPDATE item SET id = 2`, `item|u|{v1,x,`},
		{`DELETE FROM item`, `item|d|{v2,`},
		{`INSERT INTO bare VALUES ('a'), (NULL); UPDATE bare SET a = 'b'`, `bare|i||{va}|`},
		{`INSERT INTO item (id) SELECT generate_series(1, 1001)`, `item|t|||`},
		{`TRUNCATE item, bare`, `item|t|||`},
		{`INSERT INTO bare VALUES ('a'); ALTER TABLE bare ADD COLUMN b int; UPDATE bare SET b = 1`, `bare|t|||`},
		{`ALTER TABLE item ADD COLUMN later text; INSERT INTO item (id) VALUES (77); UPDATE item SET later = 'x'`, "item|t|||\nitem|t|||"},
		{`INSERT INTO pair VALUES (1, 'a', 1); UPDATE pair SET c = 2`, `pair|u|{v1,va,v1}|{v1,va,v2}|{3}`},
		{`INSERT INTO odd VALUES (1, 'a', 'b', 'c'); UPDATE odd SET old = 'x', n = 'y'; DELETE FROM odd`, `odd|u|{v1,va,vb,vc,NULL,NULL,NULL,NULL,NULL}|{v1,va,vb,vy,NULL,NULL,vx,NULL,NULL}|{4,7}`},
		{`SET session_replication_role = replica; INSERT INTO pair VALUES (2, 'a', 1)`, `pair|r|||
pair|i||{v2,va,v1}|`},
	} {
		got := outbox(tt.sql)
		if !strings.Contains(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%s:\n%s\nwant\n%s", tt.sql, got, tt.want)
		}
	}
	report, err := postgres.Status(t.Context(), server.DSN("postgres", "postgres"))
	if err != nil || report.Version == 0 || len(report.Followed) != 4 || strings.Join(report.Coarse, " ") != "public.bare public.item" || len(report.Blind) != 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := postgres.Remove(t.Context(), server.DSN("postgres", "postgres")); err != nil {
		t.Fatal(err)
	}
	if n := server.Psql("postgres", `SELECT count(*) FROM pg_trigger`); n != "0" {
		t.Errorf("%s triggers are left", n)
	}
	server.Psql("postgres", `INSERT INTO item (id) VALUES (1)`)
	if report, err := postgres.Status(t.Context(), server.DSN("postgres", "postgres")); err != nil || report.Version != 0 || !strings.Contains(report.String(), "not set up") {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestSetupBesideWriters: a transaction that holds a table for long neither keeps other
// writers waiting behind setup, nor setup from the other tables; what is left is named.
func TestSetupBesideWriters(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `CREATE TABLE held (n int); CREATE TABLE zero (n int)`)
	dsn := server.DSN("postgres", "postgres")
	holder, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.Exec(t.Context(), `BEGIN; INSERT INTO held VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- postgres.Setup(t.Context(), dsn, postgres.SetupOptions{}) }()
	writes := 0
	for ended := false; !ended; {
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), "public.held") || strings.Contains(err.Error(), "public.zero") {
				t.Errorf("setup: %v", err)
			}
			ended = true
		default:
			server.Psql("postgres", `INSERT INTO held VALUES (2)`) // beside the holder, and behind setup
			writes++
		}
	}
	if writes < 2 {
		t.Errorf("%d writes went through while setup tried", writes)
	}
	if report, err := postgres.Status(t.Context(), dsn); err != nil || strings.Join(report.Followed, " ") != "public.zero" {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := holder.Exec(t.Context(), `COMMIT`); err != nil {
		t.Fatal(err)
	}
	if err := postgres.Setup(t.Context(), dsn, postgres.SetupOptions{}); err != nil {
		t.Error(err)
	}
	if report, err := postgres.Status(t.Context(), dsn); err != nil || len(report.Followed) != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestSetupPrints runs nothing where it is only to print.
func TestSetupPrints(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", `CREATE TABLE a (n int); CREATE TABLE b (n int); CREATE SCHEMA other; CREATE TABLE other.c (n int); CREATE ROLE app`)
	var printed strings.Builder
	o := postgres.SetupOptions{Schemas: []string{"public"}, Exclude: []string{"public.b"}, Grant: []string{"app"}, Print: func(sql string) { printed.WriteString(sql) }}
	dsn := server.DSN("postgres", "postgres")
	if err := postgres.Setup(t.Context(), dsn, o); err != nil {
		t.Fatal(err)
	}
	if n := server.Psql("postgres", `SELECT count(*) FROM pg_namespace WHERE nspname = 'unstale'`); n != "0" {
		t.Error("it ran something")
	}
	server.Psql("postgres", printed.String())
	report, err := postgres.Status(t.Context(), dsn)
	if err != nil || strings.Join(report.Followed, " ") != "public.a" || len(report.Blind) != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}
