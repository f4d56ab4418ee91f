package unstale_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale"
)

// has reports whether a step of a form is among the steps.
func has(steps []step, form string) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.form == form || has(s.at, form) })
}

// A step changes the database, or tries to.
type step struct {
	form  string
	texts []string
	args  [][]any
	n     int    // decides what the form leaves open
	post  bool   // within a POST request through the cache
	at    []step // of a burst: what happens at the same time
}

func (s step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s n=%d post=%t", s.form, s.n, s.post)
	for i, text := range s.texts {
		fmt.Fprintf(&b, "\n\t\t%s", text)
		if i < len(s.args) && len(s.args[i]) > 0 {
			fmt.Fprintf(&b, "  %.60q", fmt.Sprint(s.args[i]...))
		}
	}
	for _, sub := range s.at {
		b.WriteString("\n\t  | " + strings.ReplaceAll(sub.String(), "\n", "\n\t"))
	}
	return b.String()
}

func (z *zoo) step(depth int) step {
	forms := []string{
		"exec", "exec", "exec", "exec", "several", "prepared", "kept", "returning", "returning", "returning",
		"tx", "tx", "tx", "tx", "conn", "savepoint", "deferred", "ddl", "ddl", "ddl in tx", "pragma", "attach", "foreign", "foreign", "foreign ddl",
		"unwrap", "busy", "second", "pool", "temp", "bulk", "cancelled", "clock",
	}
	if depth == 0 {
		forms = append(forms, "old", "old", "burst")
	}
	s := step{form: z.pick(forms...), n: z.IntN(1 << 20), post: z.chance(30)}
	add := func(text string) {
		s.texts, s.args = append(s.texts, text), append(s.args, z.args)
		z.args = nil
	}
	switch s.form {
	case "several", "conn", "savepoint", "attach", "unwrap":
		z.literals = true
		defer func() { z.literals = false }()
		for range 1 + z.IntN(3) {
			add(z.change())
		}
	case "ddl", "foreign ddl":
		add(z.define())
	case "ddl in tx":
		add(z.define())
		add(z.change())
	case "tx", "old", "deferred", "second", "busy", "cancelled":
		for range 1 + z.IntN(4) {
			add(z.change())
		}
	case "burst":
		for range 6 + z.IntN(20) {
			s.at = append(s.at, z.step(1))
		}
	default:
		add(z.change())
	}
	return s
}

// do runs a step. Whatever fails, fails: what counts is what is read afterwards.
func (w *world) do(s step) {
	ctx := background()
	if !s.post {
		w.run(ctx, s)
		return
	}
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://h/step", http.NoBody)
	w.handler.ServeHTTP(&response{header: make(http.Header)}, r.WithContext(context.WithValue(r.Context(), stepKey{}, s)))
}

type stepKey struct{}

func (w *world) run(ctx context.Context, s step) {
	text, args := "", []any(nil)
	if len(s.texts) > 0 {
		text, args = s.texts[0], s.args[0]
	}
	switch s.form {
	case "exec", "ddl":
		_, _ = w.db.ExecContext(ctx, text, args...)
	case "several":
		_, _ = w.db.ExecContext(ctx, strings.Join(s.texts, "; "))
	case "prepared":
		if stmt, err := w.db.PrepareContext(ctx, text); err == nil {
			for range 1 + s.n%2 {
				_, _ = stmt.ExecContext(ctx, args...)
			}
			_ = stmt.Close()
		}
	case "kept":
		if stmt, err := w.local.kept(ctx, text); err == nil {
			_, _ = stmt.ExecContext(ctx, args...)
		}
	case "returning":
		w.returning(ctx, w.db, s.n, text, args)
	case "tx", "ddl in tx":
		w.transaction(ctx, s)
	case "cancelled":
		ctx, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(time.Duration(s.n%400)*time.Microsecond, cancel).Stop()
		w.transaction(ctx, s)
		cancel()
	case "conn", "savepoint", "attach", "unwrap", "temp", "pragma", "deferred":
		if c, err := w.db.Conn(ctx); err == nil {
			w.onConn(ctx, c, s)
			_ = c.Close()
		}
	case "foreign", "foreign ddl":
		w.foreign(s.n, text, args)
	case "busy":
		w.busy(ctx, s)
	case "second":
		w.secondly(s, text, args)
	case "old":
		w.old(ctx, s)
	case "pool":
		w.db.SetMaxIdleConns(s.n % 3)
		w.db.SetConnMaxLifetime([]time.Duration{0, 1, time.Hour}[s.n%3])
		_, _ = w.db.ExecContext(ctx, text, args...)
	case "bulk":
		_, _ = w.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS bulk (i INTEGER PRIMARY KEY, v)`)
		rows := []int{3, 3, 50, 3, 3, 50, 3, 10_001}[s.n%8]
		_, _ = w.db.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT OR REPLACE INTO bulk SELECT i, ? FROM n`, rows, s.n)
	case "clock":
		w.tick(ctx, s.n)
	case "burst":
		w.burst(s)
	}
}

type runner interface {
	querier
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// returning runs a statement that commits while its rows are read.
func (w *world) returning(ctx context.Context, q runner, n int, text string, args []any) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows, err := q.QueryContext(ctx, text+" RETURNING *", args...)
	if err != nil {
		_, _ = q.ExecContext(ctx, text, args...)
		return
	}
	defer rows.Close()
	for i := 0; rows.Next(); i++ {
		switch n % 4 {
		case 1:
			return
		case 2:
			cancel()
		case 3:
			if i == 0 {
				w.peek(n)
			}
		}
	}
}

// peek makes a request in the middle of something. What it gets is checked by
// those who ask later.
func (w *world) peek(n int) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	w.get(ctx, n%len(w.pages))
}

func (w *world) transaction(ctx context.Context, s step) {
	reader := ctx
	if s.n%16 == 1 && s.form != "cancelled" {
		ctx = context.Background() // nobody knows for whom this is
	}
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	defer func() { _ = tx.Rollback() }()
	for i, text := range s.texts {
		if s.n%5 == 0 {
			w.returning(ctx, tx, s.n, text, s.args[i])
		} else if _, err := tx.ExecContext(ctx, text, s.args[i]...); err != nil && s.n%3 == 0 {
			return
		}
		if s.n%7 == i && !w.memory {
			w.peek(s.n)
		}
	}
	if s.n%4 == 1 { // what is read here must not be kept
		for n, p := range w.pages {
			_, _ = unstale.Load(reader, w.cache, loadKey(n, 0), func(ctx context.Context) (string, error) {
				return p.reads[0].rows(ctx, tx), nil
			})
		}
	}
	if s.n%3 == 1 {
		return
	}
	_ = tx.Commit()
}

func (w *world) onConn(ctx context.Context, c *sql.Conn, s step) {
	do := func(texts ...string) {
		for _, text := range texts {
			_, _ = c.ExecContext(ctx, text)
		}
	}
	end := []string{"COMMIT", "COMMIT", "ROLLBACK", "COMMIT; BEGIN; ROLLBACK"}[s.n%4]
	switch s.form {
	case "conn":
		do([]string{"BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT s"}[s.n%3])
		do(s.texts...)
		if s.n%5 == 0 {
			w.peek(s.n)
		}
		do(end, "ROLLBACK")
	case "savepoint":
		do("SAVEPOINT s", s.texts[0], "SAVEPOINT u")
		do(s.texts[1:]...)
		do([]string{"ROLLBACK TO u", "RELEASE u", "ROLLBACK TO s"}[s.n%3], s.texts[0], []string{"RELEASE s", "COMMIT", "ROLLBACK TO s; RELEASE s"}[s.n/3%3], "ROLLBACK")
	case "deferred": // fails at COMMIT, and again or not
		do("PRAGMA defer_foreign_keys = 1", "BEGIN; PRAGMA defer_foreign_keys = 1")
		for i, text := range s.texts {
			_, _ = c.ExecContext(ctx, text, s.args[i]...)
		}
		do("DELETE FROM t0", "COMMIT", "UPDATE t1 SET f = NULL", "UPDATE t2 SET f = NULL", "COMMIT", "ROLLBACK")
	case "attach":
		do("ATTACH '"+w.attached+"' AS o", "CREATE TABLE IF NOT EXISTS o.x (id INTEGER PRIMARY KEY, a)", "BEGIN", "INSERT INTO o.x (a) VALUES (1)")
		do(s.texts...)
		do(end, "ROLLBACK")
		if w.path != "" && s.n%3 == 0 {
			do("ATTACH '"+w.path+"' AS self", "UPDATE self.t0 SET a = 2", "DELETE FROM self.t1 WHERE id = 1", "DETACH self")
		}
		do("DETACH o")
	case "unwrap":
		_ = c.Raw(func(dc any) error {
			if u, ok := dc.(interface{ Unwrap() driver.Conn }); ok {
				if e, ok := u.Unwrap().(driver.ExecerContext); ok {
					_, _ = e.ExecContext(ctx, strings.Join(s.texts, ";"), nil)
				}
			}
			if s.n%2 == 0 {
				return driver.ErrBadConn
			}
			return nil
		})
	case "temp":
		do("CREATE TEMP TABLE mine (id, a)", "CREATE TEMP TRIGGER mt AFTER INSERT ON mine BEGIN UPDATE t0 SET a = new.a WHERE id = new.id; END",
			"INSERT INTO mine VALUES (1, 'a'), ('a', 3)", "DROP TABLE mine")
	case "pragma":
		do([]string{
			"PRAGMA user_version = 3", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)", "PRAGMA incremental_vacuum", "PRAGMA application_id = 4",
			"PRAGMA integrity_check", "PRAGMA shrink_memory", "PRAGMA quick_check",
		}[s.n%8])
		if s.n%3 == 0 {
			do("PRAGMA foreign_keys = 0; PRAGMA recursive_triggers = 1")
			_, _ = c.ExecContext(ctx, s.texts[0], s.args[0]...)
			do("PRAGMA foreign_keys = 1; PRAGMA recursive_triggers = 0")
		}
	}
}

// foreign writes past the cache.
func (w *world) foreign(n int, text string, args []any) {
	db := w.plain
	if db == nil {
		db = w.db
	}
	ctx := background()
	_, _ = db.ExecContext(ctx, text, args...)
	if n%6 == 0 && w.plain != nil {
		_, _ = db.ExecContext(ctx, []string{"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_checkpoint(RESTART)", "VACUUM"}[n/6%3])
	}
}

// busy writes while somebody else holds the lock.
func (w *world) busy(ctx context.Context, s step) {
	db := w.plain
	if db == nil {
		db = w.db
	}
	c, err := db.Conn(background())
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.ExecContext(background(), "BEGIN IMMEDIATE")
	_, _ = c.ExecContext(background(), s.texts[0], s.args[0]...)
	if !w.memory {
		w.run(ctx, step{form: []string{"exec", "tx", "returning", "ddl"}[s.n%4], texts: s.texts, args: s.args, n: s.n})
	}
	_, _ = c.ExecContext(background(), []string{"COMMIT", "ROLLBACK"}[s.n%2])
	_, _ = c.ExecContext(background(), "ROLLBACK")
}

// secondly writes through a second Open of the same file, on another cache.
func (w *world) secondly(s step, text string, args []any) {
	if w.other == nil {
		w.run(background(), step{form: "exec", texts: s.texts, args: s.args})
		return
	}
	_, _ = w.other.ExecContext(background(), text, args...)
}

// old makes a request that reads in a transaction which began before a change.
func (w *world) old(ctx context.Context, s step) {
	if w.memory {
		return // a writer would wait for it
	}
	tx, err := w.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: s.n%2 == 0})
	if err != nil {
		return
	}
	defer func() { _ = tx.Rollback() }()
	var n int
	_ = tx.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n)
	for i, text := range s.texts {
		_, _ = w.db.ExecContext(ctx, text, s.args[i]...)
	}
	w.tx.Store(tx)
	for n := range w.pages {
		w.get(context.Background(), n)
	}
	w.tx.Store(nil)
}
