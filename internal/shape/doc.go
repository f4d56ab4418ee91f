// Package shape turns changed rows, and runs of queries whose plans are known,
// into dependencies: what a change bumps, and what a run read. It knows rows and
// values but no SQL, and is pure but for the registry of shapes.
//
// # Dependencies
//
// A dependency is a 64-bit hash. For every table t there are
//
//   - table(t), bumped by every change of t;
//   - coarse(t), bumped when a change of t could not be described more finely: row
//     images were missing, or there was more of them, or of what they touch, than
//     anybody keeps. All that depends on a part of t depends on it.
//
// Everything else belongs to a shape: a table, a list of equality columns, which
// may be empty, the columns that are watched, and possibly a column by which the
// rows are ordered, and in which direction. For a shape S and values v of its
// equality columns the set S(v) is the rows that carry these values, and its
// dependency is bumped when a row enters or leaves the set, or stays in it and a
// watched column changes. If the shape is ordered there is, in place of the one
// dependency, a handful for every range from the start of the order up to a value
// (span.go), or between two values (range.go), bumped when that happens to a row in
// the range.
//
// A source is an occurrence of a table in a query. A query whose answer is a
// function of the columns C of the rows in S(v), for each of its sources, depends
// on coarse(t) and on S(v) watching C. A [Plan] says which sets these are, as far
// as they do not follow from the arguments of a run and the rows that it returns;
// a [Query] and its [Run] know the rest.
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
//
// A table has a bounded number of shapes. Where there are many, a family, the shapes
// that differ in what they watch alone, gets a member that watches every column, and
// no further ones. Where there is no room, those leave that nothing has used for
// long; then coarse(t) is bumped, and whoever still has such a shape finds it not
// born.
package shape
