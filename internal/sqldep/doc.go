// Package sqldep turns SQL text and row images into dependencies: what a query
// read, and what a change of rows bumps. It speaks SQLite's dialect, runs no
// SQL, and is pure but for the registry of shapes.
//
// # Dependencies
//
// A dependency is a 64-bit hash. For every table t there are
//
//   - table(t), bumped by every change of t;
//   - coarse(t), bumped when a change of t could not be described more finely:
//     row images were missing, or more rows changed than anybody keeps.
//
// Everything else belongs to a shape: a table, a list of equality columns, which
// may be empty, the columns that are watched, and possibly a column by which the
// rows are ordered, and in which direction. For a shape S and values v of its
// equality columns the set S(v) is the rows that carry these values, and its
// dependency is bumped when a row enters or leaves the set, or stays in it and a
// watched column changes. If the shape is ordered there is, in place of the one
// dependency, a handful for every range from the start of the order up to a value
// (span.go), bumped when that happens to a row in the range.
//
// A statement's sources are the occurrences of tables in it, those in views,
// subqueries and common table expressions included. A query whose answer is a
// function of the columns C of the rows in S(v), for each of its sources, depends
// on coarse(t) and on S(v) watching C. All the rest of the package is about
// finding small sets, of which that is true:
//
//   - by constants: column = value, IN, IS NULL, carried over equalities
//     (block.go);
//   - by the end of the result, for ORDER BY … LIMIT and for MIN and MAX
//     (sources.go);
//   - by the values that the result shows: a joined row that decides nothing
//     about which rows there are counts only where the result shows what it is
//     joined by; and what is only shown of a row counts only for rows that are
//     shown (follow.go);
//   - by a query of our own that finds the values by which rows are joined
//     (probe.go).
//
// Where the order in which rows are visited may decide, because ORDER BY leaves
// ties, an aggregate depends on it or LIMIT cuts a result without order, all
// columns are watched: which way SQLite takes through the tables follows from
// the schema, and the order in which it meets the rows of a set from these rows.
// A row that gets another rowid counts as another row.
//
// # Who decides
//
// What the database's authorizer reported while it prepared the statement
// ([Access]) says which tables and columns are read. The parsed text only
// narrows that. Wherever the two disagree, or the text contains something that
// the analysis does not know, the answer is table(t) for every table in the
// Access. (NATURAL and USING are the exception: of the tables that they compare
// the authorizer may say nothing, so the text has to.) Volatile functions and
// whatever is no query are not cacheable.
//
// # Life of a shape
//
// A commit computes its dependencies from the shapes it knows ([View]). A fill
// must not rely on a shape that some commit, which the fill does not see, did
// not know of. Registering a shape, which its first use does, and opening a View
// exclude each other, so a View either knows the shape or was open, or released,
// when the shape was registered. The shape is born when every View of the second
// kind was released, which happens after its commit was bumped; its birth is a
// sequence number taken then. A read whose asOf is not older than the birth began
// after all those commits were visible, so it sees them, and every later commit
// bumps the shape. A read with an older asOf, or of a shape not born yet, depends
// on table(t) as well, which every commit bumps.
package sqldep
