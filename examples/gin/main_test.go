package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
	"github.com/unstale/unstale/unstaletest"
)

func TestCached(t *testing.T) {
	gin.SetMode(gin.TestMode)
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "gin.db"), cache)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	engine, err := routes(t.Context(), db, cache)
	if err != nil {
		t.Fatal(err)
	}
	cached, err := Cached(cache, unstale.HandlerOptions{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	after := 0 // what stands after the cache does not run on a hit
	engine.GET("/counted", cached, func(c *gin.Context) {
		after++
		unstale.DependOn(c.Request.Context(), "counted")
		c.Writer.Header().Set("X-After", "yes")
		c.String(http.StatusAccepted, "counted")
	})
	engine.GET("/flushed", cached, func(c *gin.Context) {
		unstale.DependOn(c.Request.Context(), "flushed")
		c.String(http.StatusOK, "first")
		c.Writer.Flush()
	})

	do := func(method, path string, status int, want string) *http.Response {
		t.Helper()
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		if w.Code != status || w.Body.String() != want {
			t.Errorf("%s %s: %d %q, want %d %q", method, path, w.Code, w.Body, status, want)
		}
		return w.Result()
	}
	do(http.MethodGet, "/albums/1", 404, "no such album")
	unstaletest.WantHit(t, do(http.MethodGet, "/albums/1", 404, "no such album"))
	do(http.MethodPut, "/albums/1?title=Kind+of+Blue", 204, "")
	unstaletest.WantMiss(t, do(http.MethodGet, "/albums/1", 200, `{"id":1,"title":"Kind of Blue"}`))
	unstaletest.WantHit(t, do(http.MethodGet, "/albums/1", 200, `{"id":1,"title":"Kind of Blue"}`))
	do(http.MethodPut, "/albums/2?title=Blue+Train", 204, "")
	unstaletest.WantHit(t, do(http.MethodGet, "/albums/1", 200, `{"id":1,"title":"Kind of Blue"}`))

	if res := do(http.MethodGet, "/time", 200, "always now"); res.Header.Get("Cache-Status") != "" {
		t.Errorf("a route without the middleware says %q", res.Header.Get("Cache-Status"))
	}
	do(http.MethodGet, "/counted", 202, "counted")
	do(http.MethodGet, "/counted", 202, "counted")
	if after != 2 { // 202 is not stored without an explicit lifetime
		t.Errorf("the handler ran %d times", after)
	}
	do(http.MethodGet, "/flushed", 200, "first")
	unstaletest.WantMiss(t, do(http.MethodGet, "/flushed", 200, "first"))
}
