//go:build !race

package sqldep

const defaultPairs = 10_000
