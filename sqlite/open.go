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
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/sqldep"
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

	// Precision bounds how finely dependencies are told apart. Default PrecisionExact.
	Precision Precision
}

// Precision is how finely the dependencies of what was read are told apart. All
// of them are safe; the coarser ones invalidate more, by a simpler argument.
type Precision = sqldep.Precision

// The precisions.
const (
	// PrecisionExact tells apart rows by any column, columns, and ranges of an order.
	PrecisionExact = sqldep.PrecisionExact
	// PrecisionRow tells apart rows by unique key, and columns.
	PrecisionRow = sqldep.PrecisionRow
	// PrecisionTable tells apart tables: every change of a table invalidates
	// whatever read it.
	PrecisionTable = sqldep.PrecisionTable
)

// Open opens a database whose reads are tracked and whose writes are captured
// by the cache. With a nil or switched off cache it opens the same database with
// the same pragmas, without any hook or wrapper. See the package documentation
// for the data source name.
//
// Unlike sql.Open it opens the file, for which it waits up to five seconds if
// others have locked it, and fails if the database cannot be in WAL mode.
//
// A file may be opened more than once, such as for a writer and readers: on one
// cache, with one driver and the same DeterministicFunctions and Precision, all
// share its capture. Closing the last *sql.DB takes the database out of the cache.
func Open(dsn string, c *unstale.Cache) (*sql.DB, error) {
	connector, err := NewConnector(dsn, c, Config{})
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// A Connector opens connections for sql.OpenDB, which takes it over: closing the
// *sql.DB closes the Connector. Several *sql.DB may take one.
type Connector struct {
	driver    *modernc.Driver
	dsn       string
	onConnect func(modernc.ExecQuerierContext, string) error
	openDB    func() (*database, error) // nil when the cache is off
	times     func(time.Time) string    // what the driver makes of a time, or nil
	anchor    driver.Conn               // keeps a database in memory alive then

	mu      sync.Mutex
	db      *database // nil when the cache is off, or nobody uses it
	used    int       // open connections
	closing bool      // Close was called
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
	conn := &Connector{driver: config.Driver, dsn: d.withDefaults(!memory), onConnect: config.OnConnect, times: d.times()}
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
	if err := tested(); err != nil {
		return nil, err
	}
	conn.openDB = func() (*database, error) { return openDatabase(conn, c, config, memory) }
	conn.db, err = conn.openDB()
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// openBare opens a connection of the driver, ready for use but for OnConnect.
func (c *Connector) openBare() (innerConn, error) {
	opened, err := c.driver.Open(c.dsn)
	if err != nil {
		return nil, err
	}
	return offered[innerConn](opened)
}

// open opens a connection of the driver, ready for use.
func (c *Connector) open() (innerConn, error) {
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
func (c *Connector) prepare(inner innerConn) error {
	if c.onConnect == nil {
		return nil
	}
	if err := c.onConnect(inner, c.dsn); err != nil {
		return fmt.Errorf("unstale/sqlite: OnConnect: %w", err)
	}
	return nil
}

// Connect opens a connection. database/sql calls it.
func (c *Connector) Connect(ctx context.Context) (conn driver.Conn, err error) {
	if c.openDB == nil {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return c.open()
	}
	db, err := c.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.Failed(ctx)
			c.left()
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return db.connect(ctx, c)
}

// enter counts a connection, and returns the database to which it is.
func (c *Connector) enter(ctx context.Context) (*database, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.db == nil {
		db, err := c.openDB()
		if err != nil {
			return nil, err
		}
		c.db = db
	}
	c.used++
	// database/sql opens nothing after it called Close, or nothing that it keeps:
	// this is for another *sql.DB, which will call Close, too.
	c.closing = c.closing && ctx.Err() != nil
	return c.db, nil
}

// left is called when a connection has ended.
func (c *Connector) left() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used--
	_ = c.end()
}

// end lets go of the database if nobody uses it any more. The caller holds mu.
func (c *Connector) end() error {
	if !c.closing || c.used > 0 || c.db == nil {
		return nil
	}
	db := c.db
	c.db = nil
	return db.release()
}

// Driver returns the driver that opens the connections.
func (c *Connector) Driver() driver.Driver { return c.driver }

// Close takes the database out of the cache, which invalidates everything stored,
// and closes the connection that analyses statements, unless another Connector
// shares the file. If there are open connections, of this *sql.DB or of another
// one that took the same Connector, it does so when the last of them is closed.
// Who connects later begins anew.
func (c *Connector) Close() (err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
	if c.anchor != nil {
		err = c.anchor.Close()
		c.anchor = nil
	}
	return errors.Join(err, c.end())
}
