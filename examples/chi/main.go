// Command chi shows where the cache stands among the middlewares of a chi router:
// inside of logging and compression, outside of everything that computes the
// answer. Who asks is found by HandlerOptions.Identity from a token, and an answer that
// asked is kept for that user alone.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

func main() {
	service, closeAll, err := open(context.Background(), "chi.db")
	if err != nil {
		log.Fatal(err)
	}
	defer closeAll()
	log.Print("http://localhost:8082/greeting")
	log.Print(http.ListenAndServe("localhost:8082", service))
}

// open returns the service on a database file, and what ends it.
func open(ctx context.Context, dsn string) (http.Handler, func(), error) {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		return nil, nil, err
	}
	db, err := sqlite.Open(dsn, cache)
	if err != nil {
		return nil, nil, err
	}
	closeAll := func() { db.Close(); cache.Close() }
	if _, err := db.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY, user TEXT NOT NULL);
		CREATE TABLE IF NOT EXISTS greeting (user TEXT PRIMARY KEY, text TEXT NOT NULL)`); err != nil {
		closeAll()
		return nil, nil, err
	}
	cached, err := cache.Middleware(unstale.HandlerOptions{
		// All handlers ask unstale.Identity: what one answers without asking is for all.
		Policies: map[string]unstale.Policy{"": {Shared: true}},
		// The row is read with the request's context: when a token is revoked, what
		// was answered to it falls in the same moment.
		Identity: func(r *http.Request) (string, error) {
			token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			if !found {
				return "", nil
			}
			var user string
			err := db.QueryRowContext(r.Context(), `SELECT user FROM token WHERE token = ?`, token).Scan(&user)
			if errors.Is(err, sql.ErrNoRows) {
				return "", nil
			}
			return user, err
		},
	})
	if err != nil {
		closeAll()
		return nil, nil, err
	}

	r := chi.NewRouter()
	r.Use(middleware.Compress(5))
	r.Use(cached)
	r.Get("/greeting", func(w http.ResponseWriter, r *http.Request) {
		user := unstale.Identity(r.Context())
		if user == "" {
			fmt.Fprint(w, "Hello, whoever you are.")
			return
		}
		var text string
		if err := db.QueryRowContext(r.Context(), `SELECT text FROM greeting WHERE user = ?`, user).Scan(&text); err != nil {
			http.Error(w, "no greeting", http.StatusNotFound)
			return
		}
		fmt.Fprint(w, text)
	})
	r.Put("/greeting", func(w http.ResponseWriter, r *http.Request) {
		user := unstale.Identity(r.Context())
		if user == "" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		_, err := db.ExecContext(r.Context(), `INSERT INTO greeting VALUES (?, ?) ON CONFLICT (user) DO UPDATE SET text = excluded.text`, user, r.FormValue("text"))
		if err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	r.Put("/token/{token}", func(w http.ResponseWriter, r *http.Request) {
		_, err := db.ExecContext(r.Context(), `INSERT INTO token VALUES (?, ?)`, chi.URLParam(r, "token"), r.FormValue("user"))
		if err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	r.Delete("/token/{token}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := db.ExecContext(r.Context(), `DELETE FROM token WHERE token = ?`, chi.URLParam(r, "token")); err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	return r, closeAll, nil
}
