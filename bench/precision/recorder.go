package precision

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
)

// A recorder takes down which queries run while it is on. It is for one goroutine.
type recorder struct {
	on      bool
	queries []query
}

// A query is a query with its arguments.
type query struct {
	text string
	args []any
}

// take turns the recorder off and returns each query that it took down once.
func (t *recorder) take() []query {
	list := t.queries
	t.on, t.queries = false, nil
	seen := make(map[string]bool)
	return slices.DeleteFunc(list, func(q query) bool {
		name := q.String()
		again := seen[name]
		seen[name] = true
		return again
	})
}

// String returns the text with the arguments.
func (q query) String() string { return fmt.Sprintf("%s %v", q.text, q.args) }

// record returns the connector with the recorder in it.
func (t *recorder) record(c driver.Connector) driver.Connector { return recordedConnector{c, t} }

type recordedConnector struct {
	driver.Connector
	recorder *recorder
}

// Connect implements driver.Connector.
func (c recordedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := inner.(fullConn)
	if !ok {
		_ = inner.Close()
		return nil, fmt.Errorf("a connection of another kind: %T", inner)
	}
	return recordedConn{conn, c.recorder}, nil
}

// Close implements io.Closer, by which a *sql.DB closes its connector.
func (c recordedConnector) Close() error {
	if closer, ok := c.Connector.(interface{ Close() error }); ok {
		return closer.Close()
	}
	return nil
}

// fullConn is what the connections of package sqlite are.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type recordedConn struct {
	fullConn
	recorder *recorder
}

// QueryContext implements driver.QueryerContext.
func (c recordedConn) QueryContext(ctx context.Context, text string, named []driver.NamedValue) (driver.Rows, error) {
	if c.recorder.on {
		q := query{text: text}
		for _, v := range named {
			q.args = append(q.args, v.Value)
		}
		c.recorder.queries = append(c.recorder.queries, q)
	}
	return c.fullConn.QueryContext(ctx, text, named)
}

// shape returns the text of a query with a list of any length in place of each
// list of placeholders.
func shape(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for strings.Contains(text, "?, ?, ?") {
		text = strings.ReplaceAll(text, "?, ?, ?", "?, ?")
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "IN (?, ?)", "IN (…)"), "IN (?)", "IN (…)")
}
