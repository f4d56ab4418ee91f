package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale/sqlite/internal/dialect"
	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// An analysis is a connection of its own on which statements are compiled, never
// run, while SQLite's authorizer tells what they would read. It is not one of
// the pool's because an authorizer slows down every compilation on its
// connection, and expires all its statements when it comes or goes.
//
// It also keeps what the database needs to stay: the wal-index that the watch
// looks at, or the database itself if it is in memory. All methods may be called
// concurrently.
type analysis struct {
	deterministic []string

	mu         sync.Mutex
	conn       innerConn
	native     native
	collecting *dialect.Access // nil while our own statements are compiled
}

// patience is for how long the first connection is tried while others have the
// file locked. SQLite itself does not wait, whatever the busy_timeout, where two
// put a new file into WAL mode at once and neither would give way.
const patience = 5 * time.Second

func openAnalysis(c *Connector, memory bool, deterministic []string) (*analysis, error) {
	inner, err := c.open()
	for end := time.Now().Add(patience); busy(err) && time.Now().Before(end); inner, err = c.open() {
		time.Sleep(10 * time.Millisecond) // the other one may be another process
	}
	if err != nil {
		return nil, fmt.Errorf("unstale/sqlite: open: %w", err)
	}
	a := &analysis{conn: inner, deterministic: deterministic}
	if err := a.prepare(memory); err != nil {
		_ = inner.Close()
		return nil, err
	}
	return a, nil
}

// busy reports whether others had locked what was needed.
func busy(err error) bool {
	var e *modernc.Error
	return errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY // extended codes lie above
}

func (a *analysis) prepare(memory bool) (err error) {
	if a.native, err = nativeOf(a.conn); err != nil {
		return err
	}
	if a.native.sharable() {
		return errors.New("unstale/sqlite: in shared-cache mode connections may see what others have not committed; " +
			"take cache=shared out of the data source name")
	}
	if memory {
		// In memory a writer keeps readers out. An analysis that waited for it
		// could wait for its own caller.
		if err := a.exec("PRAGMA busy_timeout = 0"); err != nil {
			return err
		}
	} else if err := a.wantWAL(); err != nil {
		return err
	}
	// A first read opens the write-ahead log.
	if err := a.exec("SELECT 1 FROM sqlite_schema"); err != nil {
		return fmt.Errorf("unstale/sqlite: read the schema: %w", err)
	}
	return a.conn.RegisterAuthorizer(a.authorize)
}

// wantWAL returns an error unless the database is in WAL mode.
func (a *analysis) wantWAL() error {
	rows, err := a.query("PRAGMA journal_mode")
	if err != nil {
		return fmt.Errorf("unstale/sqlite: journal mode: %w", err)
	}
	if mode := text1(rows); !strings.EqualFold(mode, "wal") {
		return fmt.Errorf("unstale/sqlite: the database is in journal mode %q, not WAL, so commits of others could not be noticed; "+
			"take journal_mode out of the data source name, and do not open the file read-only or immutable", mode)
	}
	return nil
}

func text1(rows [][]driver.Value) string {
	if len(rows) != 1 || len(rows[0]) != 1 {
		return ""
	}
	s, _ := rows[0][0].(string)
	return s
}

// close ends the connection.
func (a *analysis) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn == nil {
		return nil
	}
	err := a.conn.Close()
	a.conn = nil
	return err
}

var errClosed = errors.New("unstale/sqlite: database closed")

// authorize notes what the statement under analysis reads. What might take
// effect when it is compiled is denied, which makes the analysis fail.
func (a *analysis) authorize(action modernc.AuthorizerActionCode, arg1, arg2, database, _ string) modernc.AuthorizerReturnCode {
	c := a.collecting
	if c == nil {
		return modernc.AuthorizerOK
	}
	switch action {
	case modernc.AuthSelect, modernc.AuthRecursive:
	case modernc.AuthRead:
		c.Reads = append(c.Reads, dialect.Read{Database: database, Table: arg1, Column: arg2})
	case modernc.AuthFunction:
		c.Functions = append(c.Functions, arg2)
	case modernc.AuthPragma, modernc.AuthAttach, modernc.AuthDetach:
		return modernc.AuthorizerDeny
	default:
		c.Others = append(c.Others, fmt.Sprint("action ", int(action)))
	}
	return modernc.AuthorizerOK
}

// analyse compiles the first statement of a text and returns what it reads, and
// the schema under which it does; that is known if known is still the present
// one.
func (a *analysis) analyse(sql string, known *schema) (sch *schema, access dialect.Access, st compiled, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.snapshot(known == nil, func() (err error) {
		if sch, err = a.present(known); err != nil {
			return err
		}
		a.collecting = &access
		defer func() { a.collecting = nil }()
		st, err = a.native.compile(sql)
		return err
	})
	return sch, access, st, err
}

// schema returns the present schema; that is known if known still is.
func (a *analysis) schema(known *schema) (sch *schema, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.snapshot(known == nil, func() (err error) {
		sch, err = a.present(known)
		return err
	})
	return sch, err
}

// snapshot runs f in a read transaction. The caller holds mu. If afresh, the
// connection reads the schema again even if its version tells nothing new, as
// after PRAGMA writable_schema.
func (a *analysis) snapshot(afresh bool, f func() error) error {
	if a.conn == nil {
		return errClosed
	}
	if afresh {
		if err := a.exec("PRAGMA writable_schema = RESET"); err != nil {
			return err
		}
	}
	if err := a.exec("BEGIN"); err != nil {
		return err
	}
	defer func() { _ = a.exec("ROLLBACK") }()
	// Compiling alone does not look whether the schema changed, running does.
	if err := a.exec("SELECT 1 FROM sqlite_schema LIMIT 1"); err != nil {
		return err
	}
	return f()
}

// present returns the schema of the open transaction. The caller holds mu.
func (a *analysis) present(known *schema) (*schema, error) {
	if known != nil && known.cookie == a.native.cookie() {
		return known, nil
	}
	return a.load()
}

func (a *analysis) exec(sql string) error {
	_, err := a.conn.ExecContext(context.Background(), sql, nil)
	return err
}

// query returns all rows of a query.
func (a *analysis) query(sql string, args ...driver.Value) (all [][]driver.Value, err error) {
	rows, err := a.conn.QueryContext(context.Background(), sql, named(args))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		row := make([]driver.Value, len(rows.Columns()))
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, err
		}
		all = append(all, row)
	}
}
