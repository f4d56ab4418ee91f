package sqlite

import "testing"

// What a PRAGMA does is known by its name, and whether it has an argument.
func TestPragmaEffects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want effect
	}{
		{"PRAGMA cache_size = -2000", nothing},
		{"PRAGMA Main.Synchronous(off)", nothing},
		{"PRAGMA wal_checkpoint(TRUNCATE)", nothing},
		{"PRAGMA temp_store = MEMORY", nothing},
		{"PRAGMA foreign_keys = on", nothing},

		{"PRAGMA journal_mode", nothing},
		{"PRAGMA journal_mode = WAL", nothing},
		{"pragma main.journal_mode('wal')", nothing},
		{"PRAGMA journal_mode = DELETE", answers},
		{"PRAGMA journal_mode = -wal", answers},
		{"PRAGMA locking_mode = NORMAL", nothing},
		{"PRAGMA page_size = 8192", nothing},
		{"PRAGMA encoding = 'UTF-8'", nothing},
		{"PRAGMA encoding = 'UTF-16'", answers},
		{"PRAGMA auto_vacuum = incremental", file},
		{"PRAGMA locking_mode = exclusive", answers},

		{"PRAGMA user_version", nothing},
		{"PRAGMA user_version = 7", file},
		{"PRAGMA application_id", nothing},
		{"PRAGMA application_id(7)", file},
		{"PRAGMA optimize", file},
		{"PRAGMA optimize(0x10002)", file},
		{"PRAGMA incremental_vacuum", file},

		{"PRAGMA encoding", nothing},
		{"PRAGMA writable_schema = on", answers},
		{"PRAGMA case_sensitive_like", answers}, // without an argument, it is off
		{"PRAGMA check", answers},
		{"PRAGMA unheard_of", answers},
		{"PRAGMA quick = wal", answers},
	} {
		got := textOf(test.text)
		if upsets, taints := test.want >= file, test.want >= answers; got.writes != upsets || (got.cause != "") != upsets || (got.reason != "") != taints {
			t.Errorf("%s: %+v", test.text, got)
		}
	}
}

// What does nothing leaves everything as it is: what is cached, and the
// connection.
func TestStatementsThatDoNothing(t *testing.T) {
	t.Parallel()
	const query = "SELECT name FROM users WHERE id = 1"
	for _, test := range []struct {
		text  string
		fails bool
	}{
		{"PRAGMA journal_mode = WAL", false},
		{"PRAGMA temp_store = memory", false},
		{"PRAGMA locking_mode = normal", false},
		{"PRAGMA page_size = 8192", false},
		{`PRAGMA encoding = "UTF-8"`, false},
		{"PRAGMA user_version", false},
		{"CREATE TABLE IF NOT EXISTS users (id)", false},
		{"CREATE INDEX IF NOT EXISTS notes_user ON notes (user)", false},
		{"CREATE VIEW IF NOT EXISTS spent AS SELECT 1", false},
		{"DROP TABLE IF EXISTS absent", false},
		{"DROP INDEX IF EXISTS absent; CREATE TABLE IF NOT EXISTS main.users (id)", false},
		{"BEGIN; CREATE TABLE IF NOT EXISTS users (id); COMMIT", false},
		{"SHOW TABLES", true},
		{"SHOW TABLES; DELETE FROM users", true},
		{"SELECT FROM", true},
		{"CREATE TABLE users (id)", true},
		{"CREATE TABLE (id)", true},
		{"ALTER TABLE users ADD COLUMN name", true},
		{"DROP TABLE absent", true},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t, shop, "CREATE INDEX notes_user ON notes (user)")
			e.db.SetMaxOpenConns(1)
			e.warm(query)
			for _, run := range []func() error{
				func() error { _, err := e.db.ExecContext(outside(t), test.text); return err },
				func() error { _, err := read(outside(t), e.db, test.text); return err },
			} {
				if err := run(); (err != nil) != test.fails {
					t.Fatal(err)
				}
			}
			if stmt, err := e.db.PrepareContext(outside(t), test.text); err == nil {
				_ = stmt.Close()
			}
			e.hit(query)
			e.exec("UPDATE users SET name = 'bo' WHERE id = 1")
			e.miss("bo", query)
			e.warm(query)
		})
	}
}

// IF NOT EXISTS and IF EXISTS change the schema where they do something.
func TestConditionalDDL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, query, want string }{
		{"CREATE TABLE IF NOT EXISTS fresh AS SELECT 5 AS a", "SELECT a FROM fresh", "5"},
		{"DROP VIEW IF EXISTS spent; CREATE VIEW IF NOT EXISTS spent AS SELECT body AS total FROM notes WHERE id = 1", "SELECT total FROM spent", "hi"},
		{"DROP TABLE IF EXISTS notes; CREATE TABLE IF NOT EXISTS notes AS SELECT 7 AS id", "SELECT * FROM notes", "7"},
		{"BEGIN; DROP TABLE IF EXISTS notes; CREATE TABLE IF NOT EXISTS notes AS SELECT 7 AS id; COMMIT", "SELECT * FROM notes", "7"},
		{"CREATE TABLE [if] (a)", "SELECT count(*) FROM [if]", "0"},
	} {
		for _, memory := range []bool{false, true} {
			path := t.TempDir() + "/t.db"
			if memory {
				path = ":memory:"
			}
			e := openEnv(t, newCache(t), path, Config{}, shop)
			e.warm("SELECT name FROM users WHERE id = 1")
			_, _ = read(t.Context(), e.db, test.query)
			before := total(e)
			e.exec(test.text)
			if total(e) == before {
				t.Errorf("%s: nothing fell", test.text)
			}
			e.miss(test.want, test.query)
			e.warm(test.query)
		}
	}
}
