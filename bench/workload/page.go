package workload

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"html"
	"net/http"
	"strings"
)

// A Row is a row of a result: int64, float64, string or nil.
type Row []any

// Int returns a column as an integer, 0 for NULL.
func (r Row) Int(i int) int64 {
	n, _ := r[i].(int64)
	return n
}

// Float returns a column as a floating point number, 0 for NULL.
func (r Row) Float(i int) float64 {
	if n, ok := r[i].(int64); ok {
		return float64(n)
	}
	f, _ := r[i].(float64)
	return f
}

// Text returns a column as HTML.
func (r Row) Text(i int) string {
	s, _ := r[i].(string)
	return html.EscapeString(s)
}

// Querier is a database or a transaction.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Queries runs statements with one context. After the first error it runs none.
type Queries struct {
	ctx context.Context
	on  Querier
	err error
}

// Err returns the first error.
func (q *Queries) Err() error { return q.err }

// Rows returns the result of a query.
func (q *Queries) Rows(query string, args ...any) []Row {
	if q.err != nil {
		return nil
	}
	list, err := Collect(q.ctx, q.on, query, args...)
	if err != nil {
		q.err = fmt.Errorf("%w in %s", err, query)
	}
	return list
}

// Row returns the first row of a result, or nil.
func (q *Queries) Row(query string, args ...any) Row {
	if list := q.Rows(query, args...); len(list) > 0 {
		return list[0]
	}
	return nil
}

// Exec runs a statement that writes.
func (q *Queries) Exec(query string, args ...any) {
	if q.err != nil {
		return
	}
	if _, err := q.on.ExecContext(q.ctx, query, args...); err != nil {
		q.err = fmt.Errorf("%w in %s", err, query)
	}
}

// Collect returns the result of a query.
func Collect(ctx context.Context, on Querier, query string, args ...any) (list []Row, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row, into := make(Row, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}

// In returns the placeholders of a list of ids, "(?, ?)", and the ids as
// arguments.
func In(ids []int64) (list string, args []any) {
	for _, id := range ids {
		args = append(args, id)
	}
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ") + ")", args
}

// A Page is an answer in the making.
type Page struct {
	Queries
	bytes.Buffer
	request *http.Request
	missing bool
}

// Context returns the request's context.
func (p *Page) Context() context.Context { return p.ctx }

// Printf adds to the page.
func (p *Page) Printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// NotFound says that there is no such page.
func (p *Page) NotFound() { p.missing = true }

// Value returns a wildcard of the path or a parameter of the query.
func (p *Page) Value(name string) string {
	if v := p.request.PathValue(name); v != "" {
		return v
	}
	return p.request.URL.Query().Get(name)
}

// Show returns a handler for a page.
func Show(db *sql.DB, render func(*Page)) http.HandlerFunc {
	on := On(db)
	return func(w http.ResponseWriter, r *http.Request) {
		p := &Page{Queries: Queries{ctx: r.Context(), on: on}, request: r}
		render(p)
		switch {
		case p.err != nil:
			http.Error(w, p.err.Error(), http.StatusInternalServerError)
		case p.missing:
			http.NotFound(w, r)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(p.Bytes())
		}
	}
}

// A Change is a request that writes, in a transaction.
type Change struct {
	Queries
	*http.Request
}

// Write returns a handler for a change, which is made again if others were in its way.
func Write(db *sql.DB, change func(*Change)) http.HandlerFunc {
	d := dialectOf(db)
	attempt := func(r *http.Request) error {
		tx, err := db.BeginTx(r.Context(), nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // without effect after a commit
		c := &Change{Queries: Queries{ctx: r.Context(), on: d.on(tx)}, Request: r}
		change(c)
		if c.err != nil {
			return c.err
		}
		return tx.Commit()
	}
	return func(w http.ResponseWriter, r *http.Request) {
		err := attempt(r)
		for range attempts {
			if !inTheWay(err) {
				break
			}
			err = attempt(r)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// A Filler fills a database in one transaction, or copies tables of PostgreSQL.
type Filler struct {
	tx         *sql.Tx
	ctx        context.Context
	statements map[string]*sql.Stmt
	copies     map[string]*table // on PostgreSQL
	err        error
}

// Fill runs the schema and fill. It fails if one of its inserts did.
func Fill(ctx context.Context, db *sql.DB, schema string, fill func(*Filler)) error {
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // without effect after a commit
	f := &Filler{tx: tx, ctx: ctx, statements: make(map[string]*sql.Stmt)}
	fill(f)
	if f.err != nil {
		return f.err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "ANALYZE")
	return err
}

// Insert adds a row to a table, all columns in their order.
func (f *Filler) Insert(table string, values ...any) {
	if f.err != nil {
		return
	}
	if f.copies != nil {
		f.copy(table, values)
		return
	}
	s := f.statements[table]
	if s == nil {
		marks := strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", ")
		if s, f.err = f.tx.PrepareContext(f.ctx, "INSERT INTO "+table+" VALUES ("+marks+")"); f.err != nil {
			return
		}
		f.statements[table] = s
	}
	if _, err := s.ExecContext(f.ctx, values...); err != nil {
		f.err = fmt.Errorf("%s: %w", table, err)
	}
}
