package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/http"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

// Setup is run once, and again when tables have changed.
func ExampleSetup() {
	err := postgres.Setup(context.Background(), "postgres://owner@localhost/app", postgres.SetupOptions{Grant: []string{"app"}})
	if err != nil {
		log.Fatal(err)
	}
}

// The pool is pgx's own.
func ExampleNewPool() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	pool, err := postgres.NewPool(context.Background(), "postgres://app@localhost/app", cache)
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cards/{id}", func(w http.ResponseWriter, r *http.Request) {
		var title string
		if err := pool.QueryRow(r.Context(), `SELECT title FROM card WHERE id = $1`, r.PathValue("id")).Scan(&title); err != nil {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, title)
	})
	log.Fatal(http.ListenAndServe("localhost:8080", cache.Handler(mux)))
}

// What no table holds is invalidated by name, on every node, with the transaction.
func ExampleInvalidate() {
	menu := func(ctx context.Context, tx pgx.Tx) error {
		err := postgres.Invalidate(ctx, tx.Exec, unstale.Tag("menu"))
		return err
	}
	same := func(ctx context.Context, tx *sql.Tx) error {
		err := postgres.Invalidate(ctx, tx.ExecContext, unstale.Tag("menu"))
		return err
	}
	_, _ = menu, same
}

// For gorm, bun, ent, sqlx and sqlc there is a *sql.DB.
func ExampleOpen() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	db, err := postgres.Open("postgres://app@localhost/app", cache)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
}
