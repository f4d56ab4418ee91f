// Command nethttp is the smallest service with a cache: net/http and
// database/sql, and three lines for unstale.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"strconv"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

func main() {
	cache, err := unstale.New(unstale.Options{}) // 1
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open("notes.db", cache) // 2
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	mux, err := routes(context.Background(), db)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8081/notes")
	log.Print(http.ListenAndServe("localhost:8081", cache.Handler(mux))) // 3
}

type note struct {
	ID   int64  `json:"id"`
	Text string `json:"text"`
}

// routes is the service. Nothing in it knows of the cache.
func routes(ctx context.Context, db *sql.DB) (http.Handler, error) {
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, r *http.Request) {
		rows, err := db.QueryContext(r.Context(), `SELECT id, text FROM note ORDER BY id`)
		if err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		defer rows.Close()
		notes := []note{}
		for rows.Next() {
			var n note
			if err := rows.Scan(&n.ID, &n.Text); err != nil {
				http.Error(w, "cannot read", http.StatusInternalServerError)
				return
			}
			notes = append(notes, n)
		}
		reply(w, rows.Err(), notes)
	})
	mux.HandleFunc("GET /notes/{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
		if err != nil {
			http.Error(w, "no such note", http.StatusNotFound)
			return
		}
		var n note
		err = db.QueryRowContext(r.Context(), `SELECT id, text FROM note WHERE id = ?`, id).Scan(&n.ID, &n.Text)
		reply(w, err, n)
	})
	mux.HandleFunc("POST /notes", func(w http.ResponseWriter, r *http.Request) {
		n := note{Text: r.FormValue("text")}
		err := db.QueryRowContext(r.Context(), `INSERT INTO note (text) VALUES (?) RETURNING id`, n.Text).Scan(&n.ID)
		reply(w, err, n)
	})
	return mux, nil
}

func reply(w http.ResponseWriter, err error, v any) {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.Error(w, "no such note", http.StatusNotFound)
	case err != nil:
		http.Error(w, "cannot read", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
}
