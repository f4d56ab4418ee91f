package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/console"
)

func Example() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cache.Close()
	mux := http.NewServeMux()
	mux.Handle("/console/", console.Handler(cache, console.Options{}))

	from := httptest.NewRequest(http.MethodGet, "/console/", nil) // from somewhere else
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, from)
	fmt.Println(w.Code)
	// Output: 403
}
