// Package sqldep turns SQL text into plans: what a query depends on, in the words of
// package shape. It speaks SQLite's dialect and runs no SQL.
//
// # Sources
//
// A statement's sources are the occurrences of tables in it, those in views,
// subqueries and common table expressions included. For each of them the package
// finds a small set of rows, and columns, of which the answer is a function:
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
package sqldep
