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
// A shape is a table and a list of equality columns; the empty list stands for
// the whole table. For a shape S and values v for its columns, the set S(v) is
// the rows that carry these values, and there are
//
//   - member(S, v), bumped when a row enters or leaves the set;
//   - column(S, v, c), bumped when a row stays in the set and its column c changes;
//   - touch(S, v), bumped with any of these.
//
// A query whose answer is a function of the columns C of the rows in S(v)
// depends on coarse(t), member(S, v) and column(S, v, c) for every c in C, or, if C
// is all columns, on coarse(t) and touch(S, v). A query whose answer depends on anything else about the table, such as the
// order in which its rows happen to be visited, depends on table(t) instead.
//
// # Who decides
//
// What the database's authorizer reported while it prepared the statement
// ([Access]) says which tables and columns are read. The parsed text only
// narrows that. Wherever the two disagree, or the text contains something that
// the analysis does not know, the answer is table(t) for every table in the
// Access. Volatile functions and whatever is no query are not cacheable.
//
// # Life of a shape
//
// A commit computes its dependencies from the shapes it knows ([View]). A fill
// must not rely on a shape that some commit, which the fill does not see, did
// not know of. Registering a shape ([Shapes.Use]) and opening a View exclude
// each other, so a View either knows the shape or was open, or released, when
// the shape was registered. The shape is born when every View of the second kind was
// released, which happens after its commit was bumped; its birth is a sequence
// number taken then. A read whose asOf is not older than the birth began after
// all those commits were visible, so it sees them, and every later commit bumps
// the shape. A read with an older asOf, or of a shape not born yet, depends on
// table(t) as well ([Query.Dependencies] adds it), which every commit bumps.
package sqldep
