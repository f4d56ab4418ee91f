package unstaletest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/unstaletest"
)

// The test of a service serves it through Verify. Here the handler reads a clock
// that it has not declared, and the test would fail.
func ExampleVerify() {
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "greetings")
		fmt.Fprint(w, "It is ", time.Now().UnixNano())
	})

	t := new(failing) // in a test: the *testing.T
	srv := httptest.NewServer(unstaletest.Verify(t, cache, unstale.HandlerOptions{})(mux))
	defer srv.Close()
	for range 2 {
		res, err := http.Get(srv.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = res.Body.Close()
	}
	fmt.Println(t.failed)
	// Output: true
}

// failing stands for the *testing.T of a test.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }
