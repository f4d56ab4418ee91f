// Command bun shows an ORM on the *sql.DB of package sqlite. The ORM knows
// nothing of the cache, nor does the cache of the ORM: what it reads and writes is
// observed below it.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"log"
	"net/http"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

func main() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open("bun.db", cache)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	mux, err := routes(context.Background(), db)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8084/authors")
	log.Print(http.ListenAndServe("localhost:8084", cache.Handler(mux)))
}

type author struct {
	bun.BaseModel `bun:"table:authors" json:"-"`

	ID    int64  `bun:"id,pk,autoincrement" json:"id"`
	Name  string `bun:"name,notnull" json:"name"`
	Books []book `bun:"rel:has-many,join:id=author_id" json:"books"`
}

type book struct {
	bun.BaseModel `bun:"table:books" json:"-"`

	ID       int64  `bun:"id,pk,autoincrement" json:"id"`
	AuthorID int64  `bun:"author_id,notnull" json:"-"`
	Title    string `bun:"title,notnull" json:"title"`
}

func routes(ctx context.Context, sqldb *sql.DB) (http.Handler, error) {
	db := bun.NewDB(sqldb, sqlitedialect.New())
	for _, model := range []any{(*author)(nil), (*book)(nil)} {
		if _, err := db.NewCreateTable().Model(model).IfNotExists().Exec(ctx); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authors", func(w http.ResponseWriter, r *http.Request) {
		authors := []author{}
		err := db.NewSelect().Model(&authors).Relation("Books").Order("id").Scan(r.Context())
		if err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(authors)
	})
	mux.HandleFunc("POST /authors", func(w http.ResponseWriter, r *http.Request) {
		a := author{Name: r.FormValue("name")}
		err := db.RunInTx(r.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewInsert().Model(&a).Exec(ctx); err != nil {
				return err
			}
			_, err := tx.NewInsert().Model(&book{AuthorID: a.ID, Title: r.FormValue("title")}).Exec(ctx)
			return err
		})
		if err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	return mux, nil
}
