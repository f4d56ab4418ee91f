//go:build !race

package main

// quickSize is the size of the replays in tests.
const quickSize = 0.02
