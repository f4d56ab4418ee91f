package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	gincache "github.com/chenyahui/gin-cache"
	"github.com/chenyahui/gin-cache/persist"
	"github.com/gin-gonic/gin"
	"github.com/go-redis/redis/v8"
	"github.com/gofiber/fiber/v3"
	fibercache "github.com/gofiber/fiber/v3/middleware/cache"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
)

// itemPattern matches the key of one item, as a service would that knows what
// the answer was made from and not under which keys it is stored.
func itemPattern(id int) (*regexp.Regexp, error) {
	return regexp.Compile("^/item/" + strconv.Itoa(id) + "(/|\\?|$)")
}

func racePath(id int) string { return "/race/" + strconv.Itoa(id) }

// ginBackend is gin with gin-cache in memory, by request URI as its readme has
// it.
func ginBackend(s settings) (*backend, error) {
	gin.SetMode(gin.ReleaseMode)
	b := newBackend(s)
	store := persist.NewMemoryStore(24 * time.Hour)
	engine := gin.New()
	engine.GET("/race/:id", gincache.CacheByRequestURI(store, s.Lifetime), gin.WrapH(b))
	engine.GET("/page", gincache.CacheByRequestURI(store, 24*time.Hour), gin.WrapH(b))
	engine.GET("/item/:id", gincache.CacheByRequestURI(store, 24*time.Hour), gin.WrapH(b))
	b.handle(engine)
	b.fall = func(id int) error { return gone(store.Delete(racePath(id))) }
	b.remove = func(id int) error { return gone(store.Delete(itemPath(id))) }
	b.match = func(id int) error {
		pattern, err := itemPattern(id)
		if err != nil {
			return err
		}
		for _, key := range store.Cache.GetKeys() {
			if pattern.MatchString(key) {
				err = errors.Join(err, gone(store.Delete(key)))
			}
		}
		return err
	}
	return b, nil
}

// gone forgives that there was nothing to delete.
func gone(err error) error {
	if err != nil && strings.Contains(err.Error(), "not found") {
		return nil
	}
	return err
}

// refreshField asks those that can for a renewed entry.
const refreshField = "X-Refresh"

// fiberBackend is Fiber with its cache middleware in memory. An entry falls by a
// request that CacheInvalidator recognises, which renews it.
func fiberBackend(s settings) (*backend, error) {
	b := newBackend(s)
	app := fiber.New()
	app.Use(fibercache.New(fibercache.Config{
		Expiration:           24 * time.Hour,
		StoreResponseHeaders: true,
		CacheInvalidator:     func(c fiber.Ctx) bool { return c.Get(refreshField) != "" },
		ExpirationGenerator: func(c fiber.Ctx, cfg *fibercache.Config) time.Duration {
			if strings.HasPrefix(c.Path(), "/race/") {
				return s.Lifetime
			}
			return cfg.Expiration
		},
	}))
	app.Get("/*", func(c fiber.Ctx) error {
		a, err := b.answer(c.Context(), strings.Clone(c.Path()))
		if err != nil {
			return err
		}
		for _, f := range a.header() {
			if f[0] != "Content-Length" { // fasthttp's own affair
				c.Set(f[0], f[1])
			}
		}
		return c.SendString(a.body)
	})
	b.serve = func(l net.Listener) error {
		return app.Listener(l, fiber.ListenConfig{DisableStartupMessage: true})
	}
	b.stop = app.Shutdown
	return b, nil
}

// redisBackend reads through Redis, as most services do by hand: what is not
// there is computed and put there.
func redisBackend(s settings) (*backend, error) {
	b := newBackend(s)
	client := redis.NewClient(&redis.Options{Addr: s.Redis})
	b.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := client.Get(r.Context(), r.URL.Path).Result()
		if errors.Is(err, redis.Nil) {
			var a said
			if a, err = b.answer(r.Context(), r.URL.Path); err == nil {
				body = a.body
				err = client.Set(r.Context(), r.URL.Path, body, time.Duration(a.maxAge)*time.Second).Err()
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write([]byte(body))
	}))
	b.fall = func(id int) error { return client.Del(context.Background(), racePath(id)).Err() }
	b.remove = func(id int) error { return client.Unlink(context.Background(), itemPath(id)).Err() }
	b.match = func(id int) error {
		for cursor := uint64(0); ; {
			keys, next, err := client.Scan(context.Background(), cursor, itemPath(id), 1000).Result()
			if err == nil && len(keys) > 0 {
				err = client.Unlink(context.Background(), keys...).Err()
			}
			if cursor = next; err != nil || cursor == 0 {
				return err
			}
		}
	}
	stop := b.stop
	b.stop = func() error { return errors.Join(stop(), client.Close()) }
	return b, nil
}

// unstaleBackend is the cache, on a captured SQLite file. Nobody tells it what
// falls.
func unstaleBackend(s settings) (*backend, error) {
	b := newBackend(s)
	db, err := harness.Capture(unstale.Options{}, nil)
	if err != nil {
		return nil, err
	}
	ctx := unstale.Outside(context.Background())
	if _, err = db.ExecContext(ctx, `CREATE TABLE value (id INTEGER PRIMARY KEY, n INTEGER NOT NULL); INSERT INTO value VALUES (1, 0)`); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	b.read = func(ctx context.Context) (v string, err error) {
		err = db.QueryRowContext(ctx, `SELECT n FROM value WHERE id = ?`, 1).Scan(&v)
		return v, err
	}
	b.write = func(v int) error {
		_, err := db.ExecContext(ctx, `UPDATE value SET n = ? WHERE id = ?`, v, 1)
		return err
	}
	b.handle(db.Cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.read(r.Context()); err != nil { // every answer is made from a row
			http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
			return
		}
		b.ServeHTTP(w, r)
	})))
	stop := b.stop
	b.stop = func() error { return errors.Join(stop(), db.Close()) }
	return b, nil
}
