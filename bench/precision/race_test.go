//go:build race

package precision

// The race detector makes SQLite, which has no races to find, very slow.
const quickSize = 0.006
