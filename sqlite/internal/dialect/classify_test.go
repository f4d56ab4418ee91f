package dialect

import (
	"slices"
	"strings"
	"testing"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ sql, want string }{
		{"", "empty"},
		{" ;; -- nothing\n /* at all; */ ;", "empty"},
		{"select 1", "select"},
		{"SELECT ';'; VALUES (1)", "select, select"},
		{`SELECT ";" AS [a;b], 'it''s; ok' -- ; no` + "\n; DELETE FROM t", "select, delete"},
		{"/* DELETE FROM t; */ SELECT 1 /* ; */", "select"},
		{"SELECT 1\x00; DROP TABLE t", "select"},
		{"INSERT INTO t VALUES (1); REPLACE INTO t VALUES (1)", "insert, insert"},
		{"UPDATE t SET a = 1 RETURNING a", "update"},
		{"DELETE FROM t", "delete"},
		{"WITH a AS (SELECT 1) SELECT * FROM a", "select"},
		{"WITH RECURSIVE a(x, y) AS NOT MATERIALIZED (SELECT 1), b AS (VALUES(1)) INSERT INTO t SELECT * FROM a", "insert"},
		{"WITH replace AS (SELECT 1) SELECT * FROM replace", "select"},
		{"WITH a AS (SELECT 1) REPLACE INTO t SELECT * FROM a", "insert"},
		{"WITH a AS (SELECT 1) UPDATE t SET x = 1", "update"},
		{"WITH a AS (SELECT 1) DELETE FROM t", "delete"},
		{"WITH a AS (SELECT 1)", "unknown"},
		{"WITH a", "unknown"},
		{"BEGIN", "begin"},
		{"BEGIN IMMEDIATE; COMMIT; END TRANSACTION", "begin, commit, commit"},
		{"ROLLBACK; ROLLBACK TRANSACTION", "rollback, rollback"},
		{"SAVEPOINT a; RELEASE a; ROLLBACK TO a; ROLLBACK TRANSACTION TO SAVEPOINT a", "savepoint, release, rollback to, rollback to"},
		{"PRAGMA user_version", "pragma user_version"},
		{"pragma main.User_Version = 3", "pragma user_version = 3"},
		{"PRAGMA table_info(t)", "pragma table_info = t"},
		{`PRAGMA "foreign_keys" = ON`, "pragma foreign_keys = on"},
		{`PRAGMA a = 'Wal'; PRAGMA a("wal")`, "pragma a = wal, pragma a = wal"},
		{"PRAGMA a = -wal; PRAGMA a = wal wal; PRAGMA a(wal", "pragma a =, pragma a =, pragma a ="},
		{"CREATE TABLE IF NOT EXISTS a (b); DROP VIEW if exists a", "ddl if, ddl if"},
		{"CREATE UNIQUE INDEX IF NOT EXISTS a ON b (c); CREATE TEMP TABLE IF NOT EXISTS a (b)", "ddl if, ddl temp if"},
		{"CREATE TABLE if (b); CREATE TABLE a (b CHECK (NOT EXISTS (SELECT 1))); ALTER TABLE IF EXISTS a", "ddl, ddl, ddl"},
		{"PRAGMA", "unknown"},
		{"EXPLAIN SELECT 1; EXPLAIN QUERY PLAN DELETE FROM t", "explain, explain"},
		{"CREATE TABLE t(a); CREATE TEMP TABLE t(a)", "ddl, ddl temp"},
		{"CREATE TEMPORARY VIEW v AS SELECT 1; CREATE TABLE temp.t(a); CREATE TABLE \"temp\".t(a)", "ddl temp, ddl temp, ddl temp"},
		{"DROP TABLE temp.t; DROP TABLE t", "ddl temp, ddl"},
		{"ALTER TABLE t ADD COLUMN a; REINDEX; ANALYZE; VACUUM INTO 'x'", "ddl, ddl, ddl, ddl"},
		{"ATTACH 'f' AS x; DETACH x", "attach, detach"},
		{`CREATE TRIGGER tr AFTER INSERT ON t BEGIN
			UPDATE t SET a = CASE WHEN 1 THEN 2 END;
			DELETE FROM t WHERE a IN (SELECT CASE 1 WHEN 1 THEN 2 END);
		END; SELECT 1`, "ddl, select"},
		{"CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END", "ddl temp"},
		{"EXPLAIN CREATE TRIGGER tr AFTER INSERT ON t BEGIN SELECT 1; END; SELECT 1", "explain, select"},
		{"CREATE TABLE trigger_log(a); SELECT 1", "ddl, select"},
		{"SELECT 'unterminated; DROP TABLE t", "unknown"},
		{"SELECT #; SELECT 1", "unknown, select"},
		{"FROB t", "unknown"},
		{"(SELECT 1)", "unknown"},
	} {
		var got []string
		for _, st := range Classify(test.sql) {
			s := st.Kind.String()
			if st.Pragma != "" {
				s += " " + st.Pragma
			}
			if st.HasArgument {
				s = strings.TrimSpace(s + " = " + st.Argument)
			}
			if st.Temp {
				s += " temp"
			}
			if st.If {
				s += " if"
			}
			got = append(got, s)
		}
		if s := strings.Join(got, ", "); s != test.want {
			t.Errorf("Classify(%q)\n got %s\nwant %s", test.sql, s, test.want)
		}
	}
}

func TestClassifyKeepsTheTexts(t *testing.T) {
	t.Parallel()
	var got []string
	for _, st := range Classify(" /* a */ SELECT 1 -- b\n ; ; DELETE FROM t ") {
		got = append(got, st.SQL)
	}
	if want := []string{"SELECT 1", "DELETE FROM t"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzClassify(f *testing.F) {
	for _, sql := range []string{
		"SELECT 1; DELETE FROM t", "CREATE TRIGGER a BEGIN SELECT 1; END;", "WITH a AS (SELECT 1) INSERT INTO b SELECT 2",
		"PRAGMA a.b = c", "EXPLAIN", "EXPLAIN QUERY PLAN", "'", ";;;", "ROLLBACK TO a", "\x00", "CREATE", "WITH", "--", "/*", ")",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		list := Classify(sql)
		if len(list) == 0 {
			t.Fatal("no statement")
		}
		for _, st := range list {
			if st.Kind == Empty {
				if len(list) != 1 {
					t.Fatalf("empty statement among %d", len(list))
				}
				continue
			}
			if !strings.Contains(sql, st.SQL) || st.SQL == "" {
				t.Fatalf("statement %q is not part of %q", st.SQL, sql)
			}
			// A statement alone is what it was among others.
			alone := Classify(st.SQL)
			if len(alone) != 1 || alone[0] != st {
				t.Fatalf("%q: %v in the text, %v alone", st.SQL, st, alone)
			}
		}
	})
}
