// Command postgres shows a PostgreSQL database behind the cache, by pgx's own pool and
// by gorm. It makes its tables and sets the database up, as its owner:
//
//	createdb cards && go run ./examples/postgres postgres://localhost/cards
//
// Ask twice, and the second answer is a hit; change a row with psql, and it is not.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pg "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: postgres postgres://user@host/database")
	}
	ctx := context.Background()
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	mux, err := routes(ctx, os.Args[1], cache)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8086/cards/1 and http://localhost:8086/authors")
	log.Print(http.ListenAndServe("localhost:8086", cache.Handler(mux)))
}

type author struct {
	ID   uint   `json:"id"`
	Name string `json:"name"`
}

// routes returns the service on a database, of which its tables are made.
func routes(ctx context.Context, dsn string, cache *unstale.Cache) (http.Handler, error) {
	pool, err := postgres.NewPool(ctx, dsn, cache)
	if err != nil {
		return nil, err
	}
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS cards (id int8 PRIMARY KEY, title text NOT NULL)`); err != nil {
		return nil, err
	}
	conn, err := postgres.Open(dsn, cache) // a *sql.DB
	if err != nil {
		return nil, err
	}
	orm, err := gorm.Open(pg.New(pg.Config{Conn: conn}))
	if err != nil {
		return nil, err
	}
	if err := orm.AutoMigrate(&author{}); err != nil {
		return nil, err
	}
	// When the tables are there, and again when they have changed.
	if err := postgres.Setup(ctx, dsn, postgres.SetupOptions{}); err != nil {
		return nil, err
	}
	return handlers(pool, orm), nil
}

func handlers(pool *pgxpool.Pool, orm *gorm.DB) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cards/{id}", func(w http.ResponseWriter, r *http.Request) {
		rows, _ := pool.Query(r.Context(), `SELECT title FROM cards WHERE id = $1`, r.PathValue("id"))
		title, err := pgx.CollectOneRow(rows, pgx.RowTo[string])
		if err != nil {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"title": title})
	})
	mux.HandleFunc("PUT /cards/{id}", func(w http.ResponseWriter, r *http.Request) {
		_, err := pool.Exec(r.Context(), `INSERT INTO cards VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET title = excluded.title`, r.PathValue("id"), r.FormValue("title"))
		if err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /authors", func(w http.ResponseWriter, r *http.Request) {
		authors := []author{}
		if err := orm.WithContext(r.Context()).Order("id").Find(&authors).Error; err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(authors)
	})
	mux.HandleFunc("POST /authors", func(w http.ResponseWriter, r *http.Request) {
		if err := orm.WithContext(r.Context()).Create(&author{Name: r.FormValue("name")}).Error; err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	return mux
}
