package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// Open gives a *sql.DB for any code or ORM. Its writes invalidate whatever was made
// from the rows that they change.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open(filepath.Join(dir, "app.db"), cache)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	count := countsCards(db, cache)
	fmt.Println(count(), count())
	_, _ = db.Exec(`INSERT INTO card (title) VALUES ('Ann')`)
	fmt.Println(count(), count())
	// Output:
	// counts
	// 0 0
	// counts
	// 1 1
}

// A connector is for what sql.OpenDB, an ORM or a wrapper of drivers takes, and for
// a Config.
func ExampleNewConnector() {
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	connector, err := sqlite.NewConnector(":memory:", cache, sqlite.Config{Name: "cards"})
	if err != nil {
		log.Fatal(err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	count := countsCards(db, cache)
	fmt.Println(count(), count())
	// Output:
	// counts
	// 0 0
}

// One pool for the writer and one for readers are one database to the cache.
func ExampleOpen_pools() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	file := filepath.Join(dir, "app.db")

	writer, err := sqlite.Open(file, cache)
	if err != nil {
		log.Fatal(err)
	}
	defer writer.Close()
	writer.SetMaxOpenConns(1)
	readers, err := sqlite.Open(file, cache)
	if err != nil {
		log.Fatal(err)
	}
	defer readers.Close()

	if _, err := writer.Exec(`CREATE TABLE card (id INTEGER PRIMARY KEY, title TEXT)`); err != nil {
		log.Fatal(err)
	}
	title := func(id int) string {
		title, err := unstale.Load(context.Background(), cache, fmt.Sprint("title:", id), func(ctx context.Context) (title string, err error) {
			fmt.Println("reads", id)
			return title, readers.QueryRowContext(ctx, `SELECT coalesce(max(title), '') FROM card WHERE id = ?`, id).Scan(&title)
		})
		if err != nil {
			log.Fatal(err)
		}
		return title
	}
	title(1)
	if _, err := writer.Exec(`INSERT INTO card VALUES (1, 'Ann')`); err != nil {
		log.Fatal(err)
	}
	fmt.Println(title(1), title(1))
	if _, err := writer.Exec(`INSERT INTO card VALUES (2, 'Bob')`); err != nil {
		log.Fatal(err)
	}
	fmt.Println(title(1))
	// Output:
	// reads 1
	// reads 1
	// Ann Ann
	// Ann
}

// countsCards returns what counts cards, through the cache.
func countsCards(db *sql.DB, cache *unstale.Cache) func() int {
	if _, err := db.Exec(`CREATE TABLE card (id INTEGER PRIMARY KEY, title TEXT)`); err != nil {
		log.Fatal(err)
	}
	return func() int {
		n, err := unstale.Load(context.Background(), cache, "cards", func(ctx context.Context) (n int, err error) {
			fmt.Println("counts")
			return n, db.QueryRowContext(ctx, `SELECT count(*) FROM card`).Scan(&n)
		})
		if err != nil {
			log.Fatal(err)
		}
		return n
	}
}
