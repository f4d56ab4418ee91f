package sqlite

import (
	"errors"
	"reflect"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// native is a connection of the driver seen from below: its SQLite handle, and
// the thread state with which the transpiled library is called.
//
// The driver offers no way to ask whether a transaction is open, what a
// transaction has written, or what exactly a row image holds, so these are asked
// of the library, and of its structures where the C API has no question for
// them. The structures are the library's own exported Go types: a release that
// renames a field does not compile, instead of reading something else. The two
// fields of the driver's connection are found by name and type, and selftest
// proves at the first Open that all of it means what it should.
//
// Like the connection itself a native must not be used concurrently, nor after
// the connection was closed.
type native struct {
	tls *libc.TLS
	db  uintptr // *sqlite3
}

var errDriver = errors.New("unstale/sqlite: this release of modernc.org/sqlite is not understood")

// nativeOf returns the native connection below a connection of the driver.
func nativeOf(c innerConn) (native, error) {
	v := reflect.ValueOf(c)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return native{}, errDriver
	}
	db, tls := v.Elem().FieldByName("db"), v.Elem().FieldByName("tls")
	if !db.IsValid() || db.Kind() != reflect.Uintptr || db.Uint() == 0 ||
		!tls.IsValid() || tls.Type() != reflect.TypeFor[*libc.TLS]() || tls.IsNil() {
		return native{}, errDriver
	}
	return native{tls: (*libc.TLS)(tls.UnsafePointer()), db: uintptr(db.Uint())}, nil
}

// at returns the address p of memory that the library allocated, outside of
// Go's heap.
func at(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func (n native) handle() *lib.Tsqlite3 { return (*lib.Tsqlite3)(at(n.db)) }

// schemaDB returns what the connection knows of its i-th database: 0 is main,
// 1 is temp, the others are attached.
func (n native) schemaDB(i int) *lib.TDb {
	return (*lib.TDb)(at(n.handle().FaDb + uintptr(i)*unsafe.Sizeof(lib.TDb{})))
}

// autocommit reports whether no explicit transaction is open.
func (n native) autocommit() bool { return lib.Xsqlite3_get_autocommit(n.tls, n.db) != 0 }

// reading reports whether a transaction is open in any database, be it explicit,
// or held open by a statement that has not finished.
func (n native) reading() bool {
	return lib.Xsqlite3_txn_state(n.tls, n.db, 0) != lib.SQLITE_TXN_NONE
}

// attached reports whether other databases are attached.
func (n native) attached() bool { return n.handle().FnDb > 2 }

// temporary reports whether there are temporary tables, views or triggers. The
// temp database alone is no sign: PRAGMA quick_check opens it, too. Its schema
// lists a table of its own, and nothing while it is not loaded.
func (n native) temporary() bool {
	temp := n.schemaDB(1)
	if temp.FpBt == 0 {
		return false
	}
	schema := (*lib.TSchema)(at(temp.FpSchema))
	return schema.FschemaFlags&lib.DB_SchemaLoaded == 0 || schema.FtblHash.Fcount > 1 || schema.FtrigHash.Fcount > 0
}

// sharable reports whether main's pages may be shared with other connections of
// this process, in SQLite's shared-cache mode.
func (n native) sharable() bool {
	bt := n.schemaDB(0).FpBt
	return bt != 0 && (*lib.TBtree)(at(bt)).Fsharable != 0
}

// writing reports whether the i-th database is in a write transaction.
func (n native) writing(i int) bool {
	bt := n.schemaDB(i).FpBt
	return bt != 0 && (*lib.TBtree)(at(bt)).FinTrans == lib.TRANS_WRITE
}

// writingAttached reports whether an attached database is in a write transaction.
func (n native) writingAttached() bool {
	for i := 2; i < int(n.handle().FnDb); i++ {
		if n.writing(i) {
			return true
		}
	}
	return false
}

// schemaChanging reports whether the open transaction changed a schema.
func (n native) schemaChanging() bool {
	return n.handle().FmDbFlags&lib.DBFLAG_SchemaChange != 0
}

// cookie returns the version of main's schema that the running statement was
// compiled for.
func (n native) cookie() int32 {
	return (*lib.TSchema)(at(n.schemaDB(0).FpSchema)).Fschema_cookie
}

func (n native) pager() *lib.TPager {
	bt := (*lib.TBtree)(at(n.schemaDB(0).FpBt))
	return (*lib.TPager)(at((*lib.TBtShared)(at(bt.FpBt)).FpPager))
}

// foreignKeys reports whether the connection enforces foreign keys.
func (n native) foreignKeys() bool { return n.handle().Fflags&lib.SQLITE_ForeignKeys != 0 }

// dirty reports whether the open transaction has made a page of main writable.
// Only then does its commit write anything.
func (n native) dirty() bool { return n.pager().FeState >= lib.PAGER_WRITER_CACHEMOD }

// clocked reports whether the last step of a statement looked at the clock. SQLite
// keeps the time in the statement then, so that it is the same throughout a step,
// and forgets it when the next one begins.
func (n native) clocked(stmt uintptr) bool { return (*lib.TVdbe)(at(stmt)).FiCurrentTime != 0 }

// ownChange returns the address of the change counter in this connection's own
// copy of the wal-index header. It counts up just before the connection
// publishes a commit. The address is good until the connection is closed; it is
// 0 if the connection has left the write-ahead log.
func (n native) ownChange() uintptr {
	if n.pager().FpWal == 0 {
		return 0
	}
	wal := (*lib.TWal)(at(n.pager().FpWal))
	return uintptr(unsafe.Pointer(&wal.Fhdr.FiChange))
}

// sharedChange returns the address of the change counter in the first copy of
// the wal-index header that all connections of all processes share, in the
// library's own mapping of it. The connection must have read in WAL mode; the
// address is good until it is closed.
//
// The library's mapping is used, not one of our own, because closing a file
// descriptor of the -shm file would drop every lock that SQLite holds on it for
// this process.
func (n native) sharedChange() (uintptr, error) {
	if n.pager().FpWal == 0 {
		return 0, errors.New("unstale/sqlite: no write-ahead log is open")
	}
	p := n.tls.Alloc(16)
	defer n.tls.Free(16)
	file, region := p, p+8
	name, err := libc.CString("main")
	if err != nil {
		return 0, err
	}
	defer libc.Xfree(n.tls, name)
	if rc := lib.Xsqlite3_file_control(n.tls, n.db, name, lib.SQLITE_FCNTL_FILE_POINTER, file); rc != lib.SQLITE_OK {
		return 0, errDriver
	}
	id := *(*uintptr)(at(file))
	methods := (*lib.Tsqlite3_io_methods)(at((*lib.Tsqlite3_file)(at(id)).FpMethods))
	if methods.FiVersion < 2 || methods.FxShmMap == 0 {
		return 0, errors.New("unstale/sqlite: the file system layer shares no memory")
	}
	xShmMap := *(*func(*libc.TLS, uintptr, int32, int32, int32, uintptr) int32)(unsafe.Pointer(&struct{ uintptr }{methods.FxShmMap}))
	*(*uintptr)(at(region)) = 0
	if rc := xShmMap(n.tls, id, 0, walIndexPage, 0, region); rc != lib.SQLITE_OK {
		return 0, errors.New("unstale/sqlite: the wal-index cannot be mapped")
	}
	header := *(*uintptr)(at(region))
	if header == 0 {
		return 0, errors.New("unstale/sqlite: the wal-index is empty")
	}
	return header + unsafe.Offsetof(lib.TWalIndexHdr{}.FiChange), nil
}

// walIndexPage is the size of a page of the wal-index, fixed by its format.
const walIndexPage = 32768

var errCompile = errors.New("unstale/sqlite: cannot prepare")

// compiled is what SQLite says of a statement that it compiled.
type compiled struct {
	explain bool
	tail    string // what follows the first statement
}

// compile compiles the first statement of a text and drops it again. Nothing is
// executed.
func (n native) compile(text string) (c compiled, err error) {
	sql, err := libc.CString(text)
	if err != nil {
		return c, err
	}
	defer libc.Xfree(n.tls, sql)
	out := n.tls.Alloc(16)
	defer n.tls.Free(16)
	stmt, tail := out, out+8
	*(*uintptr)(at(stmt)), *(*uintptr)(at(tail)) = 0, 0
	if rc := lib.Xsqlite3_prepare_v2(n.tls, n.db, sql, -1, stmt, tail); rc != lib.SQLITE_OK {
		return c, errCompile
	}
	s := *(*uintptr)(at(stmt))
	if s == 0 {
		return c, errCompile
	}
	c.explain = lib.Xsqlite3_stmt_isexplain(n.tls, s) != 0
	c.tail = libc.GoString(*(*uintptr)(at(tail)))
	lib.Xsqlite3_finalize(n.tls, s)
	return c, nil
}

// rejects reports whether the first statement of a text is in error, and not only
// for the moment. It must be none that takes effect when it is compiled.
func (n native) rejects(text string) bool {
	sql, err := libc.CString(text)
	if err != nil {
		return false
	}
	defer libc.Xfree(n.tls, sql)
	stmt := n.tls.Alloc(8)
	defer n.tls.Free(8)
	*(*uintptr)(at(stmt)) = 0
	rc := lib.Xsqlite3_prepare_v2(n.tls, n.db, sql, -1, stmt, 0)
	lib.Xsqlite3_finalize(n.tls, *(*uintptr)(at(stmt)))
	return rc == lib.SQLITE_ERROR
}

// collation returns the collation of a column of main, as declared.
func (n native) collation(table, column string) (string, error) {
	names := make([]uintptr, 3)
	for i, s := range []string{"main", table, column} {
		p, err := libc.CString(s)
		if err != nil {
			return "", err
		}
		defer libc.Xfree(n.tls, p)
		names[i] = p
	}
	out := n.tls.Alloc(8)
	defer n.tls.Free(8)
	*(*uintptr)(at(out)) = 0
	if rc := lib.Xsqlite3_table_column_metadata(n.tls, n.db, names[0], names[1], names[2], 0, out, 0, 0, 0); rc != lib.SQLITE_OK {
		return "", errDriver
	}
	return libc.GoString(*(*uintptr)(at(out))), nil
}
