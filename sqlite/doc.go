// Package sqlite is a tracked and captured SQLite for database/sql: [Open] gives
// a *sql.DB for any code or ORM, on which what a request reads is noted, and
// what a commit changes invalidates the cached answers made from it. It is built
// on modernc.org/sqlite, which needs no cgo.
//
//	db, err := sqlite.Open("app.db", cache)
//
// With a nil or switched off cache the same call opens the same database without
// any hook or wrapper.
//
// # Data source names
//
// A data source name is what modernc.org/sqlite takes: a file name or a file:
// URI, with the parameters that its Driver.Open documents. Unless it says
// otherwise, each connection gets
//
//   - journal_mode=WAL, so that readers and the writer do not wait for each other
//   - busy_timeout=5000: a writer waits 5 s for another one
//   - foreign_keys=on
//   - synchronous=normal, which in WAL mode may lose the last commits when the
//     power fails, but never consistency
//
// Another journal mode is refused, and so is SQLite's shared-cache mode, in which
// connections may see what others have not committed. Transactions begin as SQLite's own, deferred;
// one that reads before it writes then fails with SQLITE_BUSY if somebody else
// wrote in between, and busy_timeout does not help. Those who do that add
// _txlock=immediate.
//
// An empty name and :memory:, with or without file: and whatever mode and cache
// say, is a new database in memory that all connections of the *sql.DB share,
// and nobody else: who attaches it by the name that it has inside must not change
// its schema. It lives until the *sql.DB is closed. A writer keeps readers
// out there, as SQLite in memory knows no WAL mode.
//
// # What is promised
//
// A read that begins after a write was acknowledged is never answered from the
// cache as it was before, and once anybody has seen the new state, nobody is
// served the old one. This holds for every write through the *sql.DB, whatever
// SQL it consists of: triggers, cascades, upserts, REPLACE, DELETE without
// WHERE, RETURNING, several statements in one text, statements that fail after
// they have committed. Schema changes, VACUUM, ATTACH, PRAGMAs that may change
// something, of which pragma.go has a table, and whatever is not understood
// invalidate whatever was made from the database; writes into attached databases
// invalidate everything.
//
// It holds for the commits of others to the same file, too: of another process,
// of another driver in this process, and of another cache's Open of the same
// file. They are noticed before any answer is
// given from the cache, at the price of one load from shared memory, and
// invalidate whatever was made from it, since nobody knows what they changed. (One exception:
// a process that dies while it writes the shared header makes SQLite start the
// change counter anew; should it reach exactly the value known before, between
// two requests, what was committed meanwhile goes unnoticed.) Several *sql.DB of
// one cache on a file, such as one for the writer and one for readers, are one to
// the cache, be it by several Opens or by one Connector, if their drivers,
// DeterministicFunctions and Precision are the same: what one writes is captured
// for what the others read, and closing one ends nothing for the others. What goes past SQLite's locks, such as copying
// another file over the database, breaks SQLite first. If the file was removed and
// another one has its name, connections that are open go on with the former; from
// the first that opens the other one on, nothing is cached: open it anew.
//
// # Who reads
//
// A statement belongs to the request, or to the function given to unstale.Load,
// whose context it is given. In a transaction, a statement without such a
// context belongs to that of BeginTx. Jobs mark their contexts with
// unstale.Outside. A statement with no marked context at all could be anybody's:
// answers that are being computed between its start and its rows' end depend on
// what it reads. What they have to do with what it writes, docs/consistency.md
// says.
//
// An answer is not cached either if something it read
//
//   - is not determined by the database: random(), 'now', which is noticed when it
//     is looked at, 'localtime', a function of the application that Config does
//     not name
//   - saw uncommitted changes of its own transaction, or the answer wrote itself
//   - failed, or was cut off by its context, even if nobody looked at the error
//   - came from a connection with temporary tables, attached databases or a
//     PRAGMA that changes what queries return: give such settings to every
//     connection, by the data source name or Config.OnConnect
//   - was text of several statements, an EXPLAIN or a PRAGMA, or one of SQLite's
//     own tables
//
// # What an answer depends on
//
// SQLite itself says which tables and columns a statement reads, on a connection
// of its own that only compiles. A query for one row by a primary or unique key
// depends on that row, others on their tables, both on the columns that are
// read. What changed is told by row images from SQLite's pre-update hook. Images
// are decoded only of tables that cached answers read, and of at most 10,000
// rows of a table in one transaction; beyond, the whole table counts as changed.
//
// # The driver's own connection
//
// sql.Conn.Raw hands out a wrapper. It has the driver's own methods that only read
// or describe (NewBackup, Serialize, ColumnInfo, IsReadOnly, Status and the
// FileControl ones), which leave the connection in the cache, and NewRestore, which
// does not; [Limit] stands in for the driver's Limit. The wrapper's method
// Unwrap() driver.Conn gives the driver's connection, for everything else. Since
// nobody can know what is done there, nothing is served from the cache from Unwrap
// until the connection is used again or given back; then everything is
// invalidated, and nothing that is read on this connection later is cached.
//
// # Beneath the driver
//
// Some of what must be known the driver does not tell, or tells wrongly: its
// row images cut text at NUL bytes and repeat the neighbour's value for virtual
// generated columns. It is asked of the SQLite library below the driver, and
// Open proves on a database in memory that this release of the driver is
// understood; one that is not is an error.
package sqlite
