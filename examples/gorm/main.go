// Command gorm shows gorm on the *sql.DB of package sqlite, once as its documentation
// has it, with contexts, and once as most programs do, without any. The former is
// exact however much goes on at a time; the latter is as fresh, and what is read
// meanwhile by others counts, too.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"

	"gorm.io/gorm"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

func main() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	conn, err := sqlite.Open("gorm.db", cache)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	db, err := gorm.Open(dialectOn(conn), &gorm.Config{TranslateError: true})
	if err != nil {
		log.Fatal(err)
	}
	mux, err := routes(db)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8085/authors")
	log.Print(http.ListenAndServe("localhost:8085", cache.Handler(mux)))
}

type author struct {
	ID    uint   `json:"id"`
	Name  string `json:"name" gorm:"uniqueIndex;not null"`
	Books []book `json:"books"`
}

type book struct {
	ID       uint   `json:"id"`
	AuthorID uint   `json:"-"`
	Title    string `json:"title" gorm:"not null"`
}

func routes(db *gorm.DB) (http.Handler, error) {
	if err := db.AutoMigrate(&author{}, &book{}); err != nil {
		return nil, err
	}
	list := func(w http.ResponseWriter, db *gorm.DB) {
		authors := []author{}
		if err := db.Preload("Books").Order("id").Find(&authors).Error; err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(authors)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authors", func(w http.ResponseWriter, r *http.Request) { list(w, db.WithContext(r.Context())) })
	mux.HandleFunc("GET /contextless/authors", func(w http.ResponseWriter, _ *http.Request) { list(w, db) })
	mux.HandleFunc("GET /authors/today", func(w http.ResponseWriter, _ *http.Request) {
		var n int64
		if err := db.Model(&author{}).Where("date('now') > '2026'").Count(&n).Error; err != nil { // the clock: never cached
			http.Error(w, "cannot read", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /authors", func(w http.ResponseWriter, r *http.Request) {
		a := author{Name: r.FormValue("name"), Books: []book{{Title: r.FormValue("title")}}}
		switch err := db.Create(&a).Error; {
		case errors.Is(err, gorm.ErrDuplicatedKey):
			http.Error(w, "there is one of this name", http.StatusConflict)
		case err != nil:
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("PATCH /books/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := db.Model(&book{}).Where("id = ?", r.PathValue("id")).Update("title", r.FormValue("title")).Error; err != nil {
			http.Error(w, "cannot write", http.StatusInternalServerError)
		}
	})
	return mux, nil
}
