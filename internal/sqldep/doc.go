// Package sqldep turns queries into plans: what a query depends on, in the words of
// package shape. It runs no SQL and reads none: a front end hands it a [Query], a
// small tree of which all names are resolved, and what it does not understand is
// [Other]. That costs precision, never safety.
//
// # Sources
//
// A statement's sources are the occurrences of tables in it, those in views,
// subqueries and common table expressions included. For each of them the package
// finds a small set of rows, and columns, of which the answer is a function:
//
//   - by constants: column = value, IN, IS NULL, carried over equalities
//     (block.go); on each side of an OR (either.go), those that are decided by
//     arguments aside (guard.go);
//   - by the bounds between which a column lies (bound.go);
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
// columns are watched. That is enough for a database whose way through the tables
// follows from the schema, and which meets the rows of a set in an order that
// follows from these rows. A row that moves to another place counts as another row.
//
// # Who decides
//
// What the database says of the statement ([Read]) decides which tables and
// columns are read. The tree only narrows that. Wherever the two disagree, or the
// text contains something that the front end does not know, the answer is table(t)
// for every table that is read.
package sqldep
