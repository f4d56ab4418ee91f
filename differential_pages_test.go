package unstale_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"

	"github.com/unstale/unstale"
)

// A page is what a handler answers: some reads, each in its own way.
type page struct{ reads []pageRead }

type pageRead struct {
	query string
	args  []any
	way   string
	part  string // how much of the rows is read
}

func (p page) String() string {
	var b strings.Builder
	for _, r := range p.reads {
		fmt.Fprintf(&b, "\n\t\t%s %s: %s  %.60q", r.way, r.part, r.query, fmt.Sprintf("%#v", r.args))
	}
	return b.String()
}

func (z *zoo) page() (p page) {
	for range 1 + max(0, z.IntN(5)-2) {
		r := pageRead{query: z.query(), way: z.pick("db", "db", "db", "conn", "tx", "read-only tx", "statement", "kept statement", "load", "context of tx"),
			part: z.pick("all", "all", "all", "all", "first row", "closed early", "errors swallowed")}
		r.args, z.args = z.args, nil
		p.reads = append(p.reads, r)
	}
	return p
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

// A source is where pages are read from: the cached database or another handle
// of the same file.
type source struct {
	db    *sql.DB
	cache *unstale.Cache // nil: without Load

	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

// kept returns a statement that is prepared once.
func (s *source) kept(ctx context.Context, text string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.db.PrepareContext(ctx, text)
	if err == nil {
		if s.stmts == nil {
			s.stmts = make(map[string]*sql.Stmt)
		}
		s.stmts[text] = stmt
	}
	return stmt, err
}

func (s *source) close() {
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
}

// prepared queries a statement, whatever the text.
type prepared struct{ *sql.Stmt }

func (p prepared) QueryContext(ctx context.Context, _ string, args ...any) (*sql.Rows, error) {
	return p.Stmt.QueryContext(ctx, args...)
}

// markless queries without the context of the request.
type markless struct{ *sql.Tx }

func (m markless) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	return m.Tx.QueryContext(context.Background(), query, args...)
}

// render makes page number n. Where there is an old transaction, it reads in
// that.
func (s *source) render(ctx context.Context, n int, p page, old *sql.Tx) string {
	var b strings.Builder
	for i, r := range p.reads {
		if old != nil {
			b.WriteString(r.rows(ctx, old))
			continue
		}
		b.WriteString(s.read(ctx, loadKey(n, i), r))
	}
	return b.String()
}

// loadKey is the key of read i of page n.
func loadKey(n, i int) string { return fmt.Sprintf("page:%d:%d", n, i) }

func (s *source) read(ctx context.Context, key string, r pageRead) string {
	switch r.way {
	case "conn":
		c, err := s.db.Conn(ctx)
		if err != nil {
			return r.failed(err)
		}
		defer c.Close()
		return r.rows(ctx, c)
	case "tx", "read-only tx", "context of tx":
		tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: r.way == "read-only tx"})
		if err != nil {
			return r.failed(err)
		}
		defer func() { _ = tx.Rollback() }()
		if r.way == "context of tx" {
			return r.rows(ctx, markless{tx})
		}
		return r.rows(ctx, tx)
	case "statement":
		stmt, err := s.db.PrepareContext(ctx, r.query)
		if err != nil {
			return r.failed(err)
		}
		defer stmt.Close()
		return r.rows(ctx, prepared{stmt})
	case "kept statement":
		stmt, err := s.kept(ctx, r.query)
		if err != nil {
			return r.failed(err)
		}
		return r.rows(ctx, prepared{stmt})
	case "load":
		if s.cache == nil {
			return r.rows(ctx, s.db)
		}
		text, err := unstale.Load(ctx, s.cache, key, func(ctx context.Context) (string, error) { return r.rows(ctx, s.db), nil })
		if err != nil {
			return r.failed(err)
		}
		return text
	}
	return r.rows(ctx, s.db)
}

func (r pageRead) failed(err error) string {
	if r.part == "errors swallowed" {
		return "nothing\n"
	}
	return err.Error() + "\n"
}

// rows returns what the query returns, as text.
func (r pageRead) rows(ctx context.Context, q querier) string {
	rows, err := q.QueryContext(ctx, r.query, r.args...)
	if err != nil {
		return r.failed(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return r.failed(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%q\n", columns)
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			return r.failed(err)
		}
		for _, v := range values {
			fmt.Fprintf(&b, "%#v ", *v.(*any))
		}
		b.WriteString("\n")
		if r.part == "first row" {
			break
		}
		if r.part == "closed early" {
			_ = rows.Close()
		}
	}
	if err := rows.Err(); err != nil {
		return r.failed(err)
	}
	return strings.ToValidUTF8(b.String(), "?") // Load travels as JSON
}
