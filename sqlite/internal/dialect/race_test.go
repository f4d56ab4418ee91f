//go:build race

package dialect

// The race detector makes SQLite, which has no races to find, very slow.
const defaultPairs = 1_000
