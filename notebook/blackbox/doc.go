// Package blackbox holds the tests that see the notebook as its clients do: over
// HTTP, through the cache, on a real database. None of their requests asks for a
// fresh answer; the answers have to be fresh by themselves.
package blackbox
