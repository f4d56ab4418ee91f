package postgres_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

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
	get := func(h http.Handler, path string) {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
	}
	for _, queries := range []int{1, 3} {
		hit, uncached := cache.Handler(service(pool, queries)), service(plain, queries)
		for range 100 {
			get(hit, "/")
		}
		for name, h := range map[string]http.Handler{"hit": hit, "uncached": uncached} {
			b.Run(fmt.Sprintf("%d queries/%s/alone", queries, name), func(b *testing.B) {
				for b.Loop() {
					get(h, "/")
				}
			})
			b.Run(fmt.Sprintf("%d queries/%s/64 clients", queries, name), func(b *testing.B) {
				b.SetParallelism(32)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						get(h, "/")
					}
				})
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
