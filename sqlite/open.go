package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/unstale/unstale"
	modernc "modernc.org/sqlite"
)

// Config configures a Connector. The zero value is useful.
type Config struct {
	// Driver opens the connections; nil is the driver that modernc.org/sqlite
	// registers, with all functions, collations and modules registered on it.
	Driver *modernc.Driver

	// OnConnect is called with each new connection, the one that analyses
	// statements included, before anybody uses it: for pragmas and the like that
	// every connection should have. A connection with temporary tables or
	// attached databases is never tracked, so nothing read on it is cached. The
	// pre-update, commit and rollback hooks belong to this package: those that
	// others register are replaced.
	OnConnect func(conn modernc.ExecQuerierContext, dsn string) error

	// DeterministicFunctions names the application's own SQL functions whose
	// result depends on their arguments alone. What calls any other function of
	// the application is not cached.
	DeterministicFunctions []string

	// Name stands for the database in logs and statistics. Default: the last
	// element of its file name.
	Name string

	// Precision bounds how finely dependencies are told apart. Default Exact.
	Precision Precision
}

// Precision is how finely the dependencies of what was read are told apart. All
// of them are safe; the coarser ones invalidate more, by a simpler argument.
type Precision uint8

// The precisions.
const (
	// Exact tells apart rows by any column, columns, and ranges of an order.
	Exact Precision = iota
	// RowPrecision tells apart rows by unique key, and columns.
	RowPrecision
	// TablePrecision tells apart tables: every change of a table invalidates
	// whatever read it.
	TablePrecision
)

// Open opens a database whose reads are tracked and whose writes are captured
// by the cache. With a nil or switched off cache it opens the same database with
// the same pragmas, without any hook or wrapper. See the package documentation
// for the data source name.
//
// Unlike sql.Open it opens the file, for which it waits up to five seconds if
// others have locked it, and fails if the database cannot be in WAL mode. Closing
// the *sql.DB takes the database out of the cache.
func Open(dsn string, c *unstale.Cache) (*sql.DB, error) {
	connector, err := NewConnector(dsn, c, Config{})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// A Connector opens connections for sql.OpenDB, which takes it over: closing the
// *sql.DB closes the Connector.
type Connector struct {
	driver    *modernc.Driver
	dsn       string
	onConnect func(modernc.ExecQuerierContext, string) error
	db        *database   // nil when the cache is off
	anchor    driver.Conn // keeps a database in memory alive when db is nil

	close  sync.Once
	closed error
}

var (
	_ driver.Connector = (*Connector)(nil)
	_ io.Closer        = (*Connector)(nil)
)

// NewConnector is Open for those who configure more, or want to wrap the
// Connector once more before they give it to sql.OpenDB.
func NewConnector(name string, c *unstale.Cache, config Config) (*Connector, error) {
	d, err := parseDSN(name)
	if err == nil && strings.HasPrefix(d.name, "?") {
		err = errors.New("it must not begin with '?'")
	}
	if err != nil {
		return nil, fmt.Errorf("unstale/sqlite: data source name: %w", err)
	}
	if config.Name == "" {
		config.Name = d.label()
	}
	memory := d.memory()
	if memory {
		d = d.private()
	}
	conn := &Connector{driver: config.Driver, dsn: d.withDefaults(!memory), onConnect: config.OnConnect}
	if conn.driver == nil {
		registered, err := modernc.NewConnector(conn.dsn)
		if err != nil {
			return nil, fmt.Errorf("unstale/sqlite: %w", err)
		}
		conn.driver, _ = registered.Driver().(*modernc.Driver)
		if conn.driver == nil {
			return nil, errDriver
		}
	}
	if !c.Enabled() {
		if memory {
			conn.anchor, err = conn.open()
		}
		return conn, err
	}
	if err := probed(); err != nil {
		return nil, err
	}
	conn.db, err = openDatabase(conn, c, config, memory)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// openBare opens a connection of the driver, ready for use but for OnConnect.
func (c *Connector) openBare() (driver.Conn, error) { return c.driver.Open(c.dsn) }

// open opens a connection of the driver, ready for use.
func (c *Connector) open() (driver.Conn, error) {
	inner, err := c.openBare()
	if err != nil {
		return nil, err
	}
	if err := c.prepare(inner); err != nil {
		_ = inner.Close()
		return nil, err
	}
	return inner, nil
}

// prepare calls OnConnect.
func (c *Connector) prepare(inner driver.Conn) error {
	if c.onConnect == nil {
		return nil
	}
	conn, ok := inner.(modernc.ExecQuerierContext)
	if !ok {
		return errDriver
	}
	if err := c.onConnect(conn, c.dsn); err != nil {
		return fmt.Errorf("unstale/sqlite: OnConnect: %w", err)
	}
	return nil
}

// Connect opens a connection. database/sql calls it.
func (c *Connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	if c.db != nil {
		defer func() {
			if err != nil {
				c.db.engine.Caller(ctx).Refuse(refusedFailed)
			}
		}()
	}
	switch err := ctx.Err(); {
	case err != nil:
		return nil, err
	case c.db == nil:
		return c.open()
	}
	return c.db.connect(c)
}

// Driver returns the driver that opens the connections.
func (c *Connector) Driver() driver.Driver { return c.driver }

// Close takes the database out of the cache, which invalidates everything
// stored, and closes the connection that analyses statements. Connections in use
// go on; nothing read through them is cached any longer.
func (c *Connector) Close() error {
	c.close.Do(func() {
		switch {
		case c.db != nil:
			c.closed = c.db.close()
		case c.anchor != nil:
			c.closed = c.anchor.Close()
		}
	})
	return c.closed
}
