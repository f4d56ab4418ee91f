//go:build !race

package precision

// quickSize is the size of the replays in tests.
const quickSize = 0.02
