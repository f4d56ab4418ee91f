// Command gin shows the cache on some of the routes of a gin engine.
package main

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

func main() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open("gin.db", cache)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	engine, err := routes(context.Background(), db, cache)
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8083/albums/1")
	log.Print(engine.Run("localhost:8083"))
}

type album struct {
	ID    int64  `json:"id"`
	Title string `json:"title"`
}

func routes(ctx context.Context, db *sql.DB, cache *unstale.Cache) (*gin.Engine, error) {
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS album (id INTEGER PRIMARY KEY, title TEXT NOT NULL)`); err != nil {
		return nil, err
	}
	engine := gin.New()
	engine.Use(gin.Recovery())
	engine.GET("/time", func(c *gin.Context) { c.String(http.StatusOK, "always now") }) // not cached

	through, err := Cached(cache, unstale.HandlerOptions{Name: "main"})
	if err != nil {
		return nil, err
	}
	cached := engine.Group("/", through) // everything else is
	cached.GET("/albums/:id", func(c *gin.Context) {
		id, err := strconv.ParseInt(c.Param("id"), 10, 64)
		if err != nil {
			c.String(http.StatusNotFound, "no such album")
			return
		}
		a := album{ID: id}
		err = db.QueryRowContext(c.Request.Context(), `SELECT title FROM album WHERE id = ?`, id).Scan(&a.Title)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			c.String(http.StatusNotFound, "no such album")
		case err != nil:
			c.Status(http.StatusInternalServerError)
		default:
			c.JSON(http.StatusOK, a)
		}
	})
	cached.PUT("/albums/:id", func(c *gin.Context) {
		_, err := db.ExecContext(c.Request.Context(), `INSERT OR REPLACE INTO album VALUES (CAST(? AS INTEGER), ?)`, c.Param("id"), c.Query("title"))
		if err != nil {
			c.Status(http.StatusInternalServerError)
			return
		}
		c.Status(http.StatusNoContent)
	})
	return engine, nil
}
