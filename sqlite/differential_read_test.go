package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/sqlgen"
)

// A preparing database prepares each text once.
type preparing struct {
	*sql.DB
	statements map[string]*sql.Stmt
}

func newPreparing(db *sql.DB) preparing { return preparing{db, make(map[string]*sql.Stmt)} }

func (p preparing) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt := p.statements[text]
	if stmt == nil {
		var err error
		if stmt, err = p.PrepareContext(ctx, text); err != nil {
			return nil, err
		}
		p.statements[text] = stmt
	}
	return stmt.QueryContext(ctx, args...)
}

// forget closes all statements and all connections that are not in use.
func (p preparing) forget() {
	for _, stmt := range p.statements {
		_ = stmt.Close()
	}
	clear(p.statements)
	p.SetMaxIdleConns(0)
	p.SetMaxIdleConns(2)
}

// answerOf returns what a read returns. during is called once, when something
// has been read and something may still be.
func answerOf(ctx context.Context, db preparing, r *sqlgen.Read, during func()) (string, error) {
	var q querier = db.DB
	between := false
	switch r.Way {
	case sqlgen.Prepared:
		q = db
	case sqlgen.Snapshot:
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return "", err
		}
		defer func() { _ = tx.Rollback() }()
		q, between = tx, len(r.Queries) > 1
	}
	var b strings.Builder
	var found any
	for _, s := range r.Queries {
		amid := during
		if between {
			amid = nil
		}
		if err := answerTo(ctx, q, r, s, &found, amid, &b); err != nil {
			return "", err
		}
		if between && during != nil {
			during()
		}
		during = nil
	}
	return b.String(), nil
}

// answerTo writes the answer to one query. found is the first value that the
// query before found, and then that of this one.
func answerTo(ctx context.Context, q querier, r *sqlgen.Read, s sqlgen.Statement, found *any, during func(), b *strings.Builder) (err error) {
	args := given(s.Args, *found)
	*found = nil
	rows, err := q.QueryContext(ctx, s.Text, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	values := make([]any, len(types))
	dest := make([]any, len(types))
	for i, t := range types {
		fmt.Fprintf(b, "%s %s\t", t.Name(), t.DatabaseTypeName())
		dest[i] = &values[i]
	}
	b.WriteByte('\n')
	for n := 1; ; n++ {
		more := rows.Next()
		if n == 1 && during != nil {
			during()
		}
		if !more {
			return rows.Err()
		}
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		if n == 1 {
			*found = values[0]
		}
		for _, v := range values {
			write(b, v)
		}
		b.WriteByte('\n')
		if n == r.Rows {
			return nil
		}
	}
}

// given returns arguments with the value that was found in its places.
func given(args []any, found any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
		switch a := a.(type) {
		case sqlgen.Found:
			out[i] = found
		case sql.NamedArg:
			if _, ok := a.Value.(sqlgen.Found); ok {
				out[i] = sql.Named(a.Name, found)
			}
		}
	}
	return out
}

// write writes a value with its type.
func write(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("NULL")
	case string:
		fmt.Fprintf(b, "%q", v)
	case []byte:
		fmt.Fprintf(b, "x'%x'", v)
	case time.Time:
		b.WriteString(v.String())
	case float64:
		fmt.Fprintf(b, "%g real", v)
	default:
		fmt.Fprintf(b, "%v", v)
		if _, ok := v.(int64); !ok {
			fmt.Fprintf(b, " %T", v)
		}
	}
	b.WriteByte('\t')
}
