// Package postgres makes a PostgreSQL database (14 or later) one whose answers can be
// cached, on any number of nodes, without a stale answer: whoever writes, psql, a
// migration or a service in another language included, and on whichever node it is
// read.
//
//	cache, err := unstale.New(unstale.Options{})
//	pool, err := postgres.NewPool(ctx, dsn, cache) // a *pgxpool.Pool; or postgres.Open, a *sql.DB
//	log.Fatal(http.ListenAndServe(addr, cache.Handler(mux)))
//
// Once per database, and again after its tables were changed, [Setup] is run, or
//
//	unstale postgres setup -run DSN
//
// # How it is followed
//
// Statement triggers write what changed into a table, unstale.outbox, in the writer's
// own transaction. Before a node answers from its cache it asks the database, once for
// all requests that wait: a look, which is one statement that returns a snapshot, and
// the rows of the outbox that are visible in it and were not in the snapshot of the look
// before. So a stored answer is as good as a query at some instant within the request.
// No node talks to another.
//
// A look returns what tells the database from every other, and from itself before a
// crash, a failover, a restart, or before somebody emptied the outbox; another one makes
// everything fall. Reads count only on connections that have proved that they lead to the
// database that looks see.
//
// # What a statement reads
//
// The server itself says: on a connection of ours it parses each text once, runs it
// never, and prints the tree that it rewrote it to (debug_print_rewritten), with names,
// operators, views and row-level security resolved. Answers depend on the tables and
// columns that they read, and, by conditions that compare columns with constants and
// parameters of one family of types (integers, text, boolean, uuid, date, timestamps), on
// rows.
//
// pgx is watched below its own types, where the server's protocol is plain: pools,
// transactions, batches and database/sql are used as ever.
//
// # Limits
//
// Not followed, so that answers made of them are not stored: materialized views, foreign
// and temporary tables, sequences, tables of the system, targets of a subscription, and
// tables with partitions or children that [Setup] has not seen. Nor are answers stored that call functions which
// follow from more than their arguments, now() among them, or functions of users in
// anything but C; that read on a session of which settings were changed (SET, set_config),
// from a standby, or by the simple protocol with several statements in one text.
//
// What others do to the schema or to triggers is told with their transactions where
// [Setup] may make event triggers. Else it is noticed within a second or so: until then an
// answer may be as old as that. What a statement of the
// pool's own does is noticed at once. A trigger of a user that changes settings of the
// session is not noticed.
package postgres
