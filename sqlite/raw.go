package sqlite

import (
	"database/sql"

	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// What the driver's own connection offers beyond database/sql/driver, for
// sql.Conn.Raw, in the driver's words. What only reads leaves the connection in the
// cache; that it reads is reported, since nobody knows for whom.

// offered returns what is the driver's as what it should also be.
func offered[T any](what any) (inner T, err error) {
	inner, ok := what.(T)
	if !ok {
		return inner, errDriver
	}
	return inner, nil
}

// NewBackup begins a backup of the database to the one that a data source name of
// the driver means.
func (c *conn) NewBackup(to string) (*modernc.Backup, error) {
	inner, err := offered[interface {
		NewBackup(string) (*modernc.Backup, error)
	}](c.inner)
	if err != nil {
		return nil, err
	}
	c.session.db.PastAdapter()
	return inner.NewBackup(to)
}

// NewRestore begins to overwrite the database, which has the consequences of Unwrap.
func (c *conn) NewRestore(from string) (*modernc.Backup, error) {
	inner, err := offered[interface {
		NewRestore(string) (*modernc.Backup, error)
	}](c.inner)
	if err != nil {
		return nil, err
	}
	c.session.unwrap()
	return inner.NewRestore(from)
}

// Serialize returns the database as the bytes of a file.
func (c *conn) Serialize() ([]byte, error) {
	inner, err := offered[interface{ Serialize() ([]byte, error) }](c.inner)
	if err != nil {
		return nil, err
	}
	c.session.db.PastAdapter()
	return inner.Serialize()
}

// ColumnInfo describes the result of a query.
func (c *conn) ColumnInfo(query string) ([]modernc.ColumnInfo, error) {
	inner, err := offered[interface {
		ColumnInfo(string) ([]modernc.ColumnInfo, error)
	}](c.inner)
	if err != nil {
		return nil, err
	}
	c.session.prepare(query)
	defer c.session.afterCall()
	c.session.db.PastAdapter()
	return inner.ColumnInfo(query)
}

// IsReadOnly reports whether a schema of the connection is read-only.
func (c *conn) IsReadOnly(schema string) (bool, error) {
	inner, err := offered[interface{ IsReadOnly(string) (bool, error) }](c.inner)
	if err != nil {
		return false, err
	}
	return inner.IsReadOnly(schema)
}

// Status returns a counter of the connection.
func (c *conn) Status(op modernc.DBStatusOp, reset bool) (current, high int, err error) {
	inner, err := offered[modernc.DBStatus](c.inner)
	if err != nil {
		return 0, 0, err
	}
	return inner.Status(op, reset)
}

// FileControlPersistWAL says whether the write-ahead log outlives its connections.
func (c *conn) FileControlPersistWAL(schema string, mode int) (int, error) {
	inner, err := offered[modernc.FileControl](c.inner)
	if err != nil {
		return 0, err
	}
	return inner.FileControlPersistWAL(schema, mode)
}

// FileControlDataVersion returns the number of what the connection has last seen.
func (c *conn) FileControlDataVersion(schema string) (uint32, error) {
	inner, err := offered[modernc.FileControl](c.inner)
	if err != nil {
		return 0, err
	}
	c.session.db.PastAdapter()
	return inner.FileControlDataVersion(schema)
}

// Limit is Limit of modernc.org/sqlite, which knows its own connections only, for
// a connection of a *sql.DB of this package: it sets a limit of the connection,
// unless the value is negative, and returns what it was. What exceeds a limit
// fails, which is never stored, so the connection stays in the cache.
func Limit(c *sql.Conn, id, value int) (before int, err error) {
	wrapped := false
	err = c.Raw(func(dc any) error {
		if w, ok := dc.(*conn); ok {
			wrapped = true
			n, err := nativeOf(w.inner)
			if err != nil {
				return err
			}
			before = int(lib.Xsqlite3_limit(n.tls, n.db, int32(id), int32(value)))
		}
		return nil
	})
	if err == nil && !wrapped {
		return modernc.Limit(c, id, value)
	}
	return before, err
}
