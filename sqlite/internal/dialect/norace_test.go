//go:build !race

package dialect

const defaultPairs = 10_000
