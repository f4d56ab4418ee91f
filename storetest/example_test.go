package storetest_test

import (
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/storetest"
)

// TestMemory is the whole test of a store: here of the one that comes with the
// library.
func ExampleTestStore() {
	_ = func(t *testing.T) {
		storetest.TestStore(t, func(t *testing.T, maxBytes int64) unstale.Store {
			store, err := unstale.NewMemory(maxBytes)
			if err != nil {
				t.Fatal(err)
			}
			return store
		})
	}
	// Output:
}
