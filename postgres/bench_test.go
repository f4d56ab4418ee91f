package postgres_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// BenchmarkGet compares a hit, which waits for a look, with the handler that it saves, of
// one query and of three, alone and with many clients at once. Server and clients share
// the machine.
func BenchmarkGet(b *testing.B) {
	server := testenv.StartPostgres(b)
	server.Psql("postgres", `CREATE TABLE item (id int8 PRIMARY KEY, name text); INSERT INTO item SELECT i, repeat('x', 4000) FROM generate_series(1, 100) i`)
	dsn := server.DSN("postgres", "postgres")
	if err := postgres.Setup(b.Context(), dsn, postgres.SetupOptions{}); err != nil {
		b.Fatal(err)
	}
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer cache.Close()
	pool, err := postgres.NewPool(b.Context(), dsn, cache)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	plain, err := pgxpool.New(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer plain.Close()
	service := func(pool *pgxpool.Pool, queries int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range queries {
				var name string
				if err := pool.QueryRow(r.Context(), `SELECT name FROM item WHERE id = $1`, i+1).Scan(&name); err != nil {
					b.Error(err)
				}
				fmt.Fprint(w, name)
			}
		})
	}
	// get returns whether the answer was a hit.
	get := func(h http.Handler, path string) bool {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
		return strings.Contains(w.Header().Get("Cache-Status"), ";hit")
	}
	for _, queries := range []int{1, 3} {
		path := fmt.Sprintf("/%d", queries)
		hit, uncached := cache.Handler(service(pool, queries)), service(plain, queries)
		// The first answers are not stored, and then the route is asked again after a while.
		for deadline := time.Now().Add(10 * time.Second); !get(hit, path); {
			if time.Now().After(deadline) {
				b.Fatal("nothing was stored")
			}
			time.Sleep(time.Millisecond)
		}
		for _, c := range []struct {
			name string
			h    http.Handler
			hits float64
		}{{"hit", hit, 1}, {"uncached", uncached, 0}} {
			// A figure is of what it says: nearly all have to be hits, or none.
			check := func(b *testing.B, hits int64) {
				if share := float64(hits) / float64(b.N); share < c.hits*0.99 || share > c.hits {
					b.Errorf("%.4f of %d were hits", share, b.N)
				}
			}
			b.Run(fmt.Sprintf("%d queries/%s/alone", queries, c.name), func(b *testing.B) {
				var hits int64
				for b.Loop() {
					if get(c.h, path) {
						hits++
					}
				}
				check(b, hits)
			})
			b.Run(fmt.Sprintf("%d queries/%s/64 clients", queries, c.name), func(b *testing.B) {
				var hits atomic.Int64
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if get(c.h, path) {
							hits.Add(1)
						}
					}
				})
				check(b, hits.Load())
			})
		}
	}
}

// BenchmarkWrite compares a write to a table that is followed with one to a table that
// is not.
func BenchmarkWrite(b *testing.B) {
	server := testenv.StartPostgres(b)
	const table = `CREATE TABLE %s (id int8 PRIMARY KEY, name text, n int8); INSERT INTO %[1]s SELECT i, 'name', 0 FROM generate_series(1, 1000) i;`
	server.Psql("postgres", fmt.Sprintf(table, "followed")+fmt.Sprintf(table, "plain"))
	dsn := server.DSN("postgres", "postgres")
	if err := postgres.Setup(b.Context(), dsn, postgres.SetupOptions{Exclude: []string{"public.plain"}}); err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, rows := range []int{1, 100, 1000} {
		for _, name := range []string{"plain", "followed"} {
			b.Run(fmt.Sprintf("%d rows/%s", rows, name), func(b *testing.B) {
				for b.Loop() {
					if _, err := conn.Exec(context.Background(), `UPDATE `+name+` SET n = n + 1 WHERE id <= $1`, rows); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
