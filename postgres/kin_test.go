package postgres_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/postgres"
)

// kinSchema has partitions of two levels, one of another order of columns, and tables
// that inherit, one from two.
const kinSchema = `
	CREATE TABLE parted (id int8, area text, n int, PRIMARY KEY (id, area)) PARTITION BY LIST (area);
	CREATE TABLE north PARTITION OF parted FOR VALUES IN ('n');
	CREATE TABLE south (n int, gone int, area text NOT NULL, id int8 NOT NULL, PRIMARY KEY (id, area)); ALTER TABLE south DROP COLUMN gone;
	ALTER TABLE parted ATTACH PARTITION south FOR VALUES IN ('s');
	CREATE TABLE west PARTITION OF parted FOR VALUES IN ('w1', 'w2') PARTITION BY LIST (area);
	CREATE TABLE west1 PARTITION OF west FOR VALUES IN ('w1'); CREATE TABLE west2 PARTITION OF west FOR VALUES IN ('w2');
	INSERT INTO parted SELECT i, a, i FROM unnest(ARRAY['n', 's', 'w1', 'w2']) WITH ORDINALITY u (a, i);
	CREATE TABLE city (id int8 PRIMARY KEY, name text); CREATE TABLE seat (id int8, since int);
	CREATE TABLE capital (state text) INHERITS (city, seat); CREATE TABLE old_capital (until int) INHERITS (capital);
	ALTER TABLE capital ADD PRIMARY KEY (id); ALTER TABLE old_capital ADD PRIMARY KEY (id);
	CREATE FUNCTION upper_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.state := upper(new.name); RETURN new; END $$;
	CREATE TRIGGER upper_state BEFORE UPDATE ON capital FOR EACH ROW EXECUTE FUNCTION upper_state();
	INSERT INTO city VALUES (1, 'a'); INSERT INTO capital VALUES (2, 'b', 0, 'B'); INSERT INTO old_capital VALUES (3, 'c', 0, 'C', 0); INSERT INTO seat VALUES (4, 0);`

// newKin is a service that shows each table of the schema as a whole, and rows of it.
func newKin(t *testing.T) *site {
	t.Helper()
	return newSite(t, kinSchema, func(s *site, w http.ResponseWriter, r *http.Request) error {
		table, id, one := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		sql, args := fmt.Sprintf(`SELECT coalesce(string_agg(t::text, ' ' ORDER BY t::text), '') FROM %s t`, table), []any(nil)
		if one {
			shown := map[string]string{"city": "name", "capital": "name", "seat": "since"}[table]
			if shown == "" {
				shown = "n"
			}
			sql, args = fmt.Sprintf(`SELECT coalesce(string_agg(%[1]s::text, ' ' ORDER BY %[1]s), '') FROM %[2]s WHERE id = $1`, shown, table), []any{id}
		}
		var text string
		err := s.pool.QueryRow(r.Context(), sql, args...).Scan(&text)
		fmt.Fprint(w, text)
		return err
	})
}

// TestKin: what changes in a partition, or a child, concerns each table above it, and what
// is done to a table each below it, columns by their names.
func TestKin(t *testing.T) {
	t.Parallel()
	s := newKin(t)
	paths := strings.Fields(`parted south west west2 parted/2 parted/3 south/2 west2/4 city seat old_capital city/2 city/3 capital/3`)
	for _, tt := range []struct {
		change string
		misses string // "?": whatever
	}{
		{`UPDATE parted SET n = 10; UPDATE city SET name = 'x'; UPDATE seat SET since = 1`, "?"}, // the first answers depend on whole tables
		{`UPDATE south SET n = 11`, "parted south parted/2 south/2"},
		{`UPDATE parted SET n = 12 WHERE id = 2`, "parted south west west2 parted/2 south/2"},
		{`INSERT INTO west VALUES (4, 'w1', 6)`, "parted west west2 west2/4"},
		{`UPDATE parted SET area = 'n', n = 7 WHERE id = 3`, "parted south west west2 parted/3"}, // it moves
		{`UPDATE capital SET name = 'y' WHERE id = 2`, "city old_capital city/2 seat"},           // of a table with children no key says which row became which
		{`UPDATE old_capital SET until = 7`, "old_capital"},
		{`UPDATE city SET name = 'z' WHERE id = 2`, "city old_capital capital/3 city/2 seat"}, // a trigger of the child may have done more
		{`DELETE FROM old_capital`, "city seat old_capital city/3 capital/3"},
		{"COPY parted FROM STDIN;\n7\ts\t7\n\\.\n", "?"},
		{`MERGE INTO parted p USING (VALUES (7, 's')) v (id, area) ON p.id = v.id AND p.area = v.area WHEN MATCHED THEN UPDATE SET n = 3`, "?"},
		{`TRUNCATE parted; TRUNCATE ONLY city`, "?"},
	} {
		if strings.HasPrefix(tt.change, "MERGE") && s.server.Psql("postgres", `SELECT current_setting('server_version_num')::int < 150000`) == "t" {
			continue // 14 has none
		}
		for _, p := range paths {
			s.settle("/" + p)
		}
		s.server.Psql("postgres", tt.change)
		for _, p := range paths {
			body, status := s.get("/" + p)
			if truth := s.truth("/" + p); body != truth {
				t.Errorf("%s after %s: stale: %q, is %q", p, tt.change, body, truth)
			}
			if tt.misses != "?" && strings.Contains(status, ";hit") == strings.Contains(" "+tt.misses+" ", " "+p+" ") {
				t.Errorf("%s after %s: %s", p, tt.change, status)
			}
		}
	}
}

// TestNewPartition: of a table with a partition that nobody follows nothing is stored
// until setup was run again. What strangers attach or detach is noticed.
func TestNewPartition(t *testing.T) {
	t.Parallel()
	s := newKin(t)
	s.untold()
	for i, change := range []string{
		`CREATE TABLE east PARTITION OF parted FOR VALUES IN ('e'); INSERT INTO east VALUES (%[1]d, 'e', 1)`,
		`CREATE TABLE far (id int8 NOT NULL, area text NOT NULL, n int); INSERT INTO far VALUES (%[1]d, 'f', 1); ALTER TABLE parted ATTACH PARTITION far FOR VALUES IN ('f')`,
		`ALTER TABLE parted DETACH PARTITION far; INSERT INTO far VALUES (%[1]d, 'f', 1)`,
		`DROP TABLE east /* %[1]d */`,
		`CREATE TABLE east (LIKE north); INSERT INTO east VALUES (%[1]d, 'e', 1); ALTER TABLE parted ATTACH PARTITION east DEFAULT; UPDATE east SET n = 2`,
	} {
		s.settle("/parted")
		s.settle("/north")
		s.server.Psql("postgres", fmt.Sprintf(change, 100+i))
		want := s.truth("/parted")
		s.eventually("/parted", want)
		if strings.Contains(change, "INTO east") || strings.Contains(change, "ATTACH") {
			for range 3 {
				if _, status := s.get("/parted"); strings.Contains(status, ";hit") || strings.Contains(status, ";stored") {
					t.Errorf("after %s: %s", change, status)
				}
			}
		}
		if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			s.untold()
		}
	}
	s.settle("/parted")
	s.server.Psql("postgres", `UPDATE east SET n = 3`)
	s.want("/parted", s.truth("/parted"), false)
}

// untold takes out what tells of changes of the schema, as setup does without it where
// it may not make event triggers.
func (s *site) untold() {
	s.Helper()
	s.server.Psql("postgres", `DROP EVENT TRIGGER unstale_defined; DROP EVENT TRIGGER unstale_dropped`)
}

// TestTold: what strangers do to the schema is told with their transactions, where event
// triggers may be made.
func TestTold(t *testing.T) {
	t.Parallel()
	s := newKin(t)
	s.server.Psql("postgres", `CREATE VIEW shown AS SELECT 1 AS id, count(*) AS n FROM city`)
	partition := func(i int) string {
		return fmt.Sprintf("CREATE TABLE p%[1]d PARTITION OF parted FOR VALUES IN ('%[1]d')", i)
	}
	for i := range 3 {
		if err := postgres.Setup(t.Context(), s.dsn, postgres.SetupOptions{}); err != nil {
			t.Fatal(err)
		}
		for path, change := range map[string]string{
			"/shown":  fmt.Sprintf(`CREATE OR REPLACE VIEW shown AS SELECT %d AS id, count(*) AS n FROM city`, 10+i),
			"/parted": partition(i) + fmt.Sprintf("; INSERT INTO p%[1]d VALUES (100, '%[1]d', 1)", i),
			"/south": fmt.Sprintf(`BEGIN; ALTER TABLE south DISABLE TRIGGER ALL; UPDATE south SET n = %d; ALTER TABLE south ENABLE ALWAYS TRIGGER unstale_insert;
				ALTER TABLE south ENABLE ALWAYS TRIGGER unstale_update; ALTER TABLE south ENABLE ALWAYS TRIGGER unstale_delete; ALTER TABLE south ENABLE ALWAYS TRIGGER unstale_truncate; COMMIT`, 100+i),
			"/seat": fmt.Sprintf(`SET session_replication_role = replica; ALTER TABLE seat ALTER since TYPE text USING 'v%d'`, i),
		} {
			if path == "/parted" && i > 0 {
				continue // it is not followed any more
			}
			s.settle(path)
			s.server.Psql("postgres", change)
			if got, status := s.get(path); got != s.truth(path) {
				t.Errorf("stale after %s: %q (%s), is %q", change, got, status, s.truth(path))
			}
		}
	}
	s.settle("/city")
	s.server.Psql("postgres", `CREATE TEMP TABLE passing (n int); CREATE INDEX ON passing (n); DROP TABLE passing`)
	s.want("/city", s.truth("/city"), true)
	report, err := postgres.Status(t.Context(), s.dsn)
	if err != nil || !report.Told || !strings.Contains(report.String(), "with their transactions") {
		t.Errorf("%v, %v", report, err)
	}
	if err := postgres.Remove(t.Context(), s.dsn); err != nil {
		t.Error(err)
	}
	if n := s.server.Psql("postgres", `SELECT count(*) FROM pg_event_trigger`); n != "0" {
		t.Errorf("%s event triggers are left", n)
	}
	s.server.Psql("postgres", `CREATE ROLE owner LOGIN; GRANT CREATE ON DATABASE postgres TO owner; CREATE SCHEMA theirs AUTHORIZATION owner; CREATE TABLE theirs.item (n int); ALTER TABLE theirs.item OWNER TO owner`)
	theirs := s.server.DSN("owner", "postgres")
	if err := postgres.Setup(t.Context(), theirs, postgres.SetupOptions{Schemas: []string{"theirs"}}); err != nil {
		t.Error(err)
	}
	if report, err := postgres.Status(t.Context(), theirs); err != nil || report.Told || len(report.Followed) != 1 || !strings.Contains(report.String(), "within a second") {
		t.Errorf("%v, %v", report, err)
	}
}

// eventually fails unless the service has an answer soon: what strangers do to the schema
// is noticed within a second or so.
func (s *site) eventually(path, want string) {
	s.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got, status := s.get(path)
		if got == want {
			return
		}
		if time.Now().After(end) {
			s.Fatalf("%s: %q (%s), want %q", path, got, status, want)
		}
	}
}
