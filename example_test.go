package unstale_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// The whole of it: a cache, a database that tells it what is read and written, and
// a handler that is cached. Nothing in the handler knows of it.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open(filepath.Join(dir, "app.db"), cache) // a *sql.DB like any other
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TABLE card (id INTEGER PRIMARY KEY, title TEXT); INSERT INTO card VALUES (1, 'Ann'), (2, 'Bob')`); err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /cards/{id}", func(w http.ResponseWriter, r *http.Request) {
		var title string
		if err := db.QueryRowContext(r.Context(), `SELECT title FROM card WHERE id = ?`, r.PathValue("id")).Scan(&title); err != nil {
			http.NotFound(w, r)
			return
		}
		fmt.Fprintln(w, title)
	})
	mux.HandleFunc("PUT /cards/{id}", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = db.ExecContext(r.Context(), `UPDATE card SET title = ? WHERE id = ?`, r.FormValue("title"), r.PathValue("id"))
	})
	service := cache.Handler(mux)

	show(service, "GET /cards/1")
	show(service, "GET /cards/1")
	show(service, "PUT /cards/2?title=Bea")
	show(service, "GET /cards/1")
	show(service, "PUT /cards/1?title=Amy")
	show(service, "GET /cards/1")
	// Output:
	// GET /cards/1: Ann, unstale;fwd=uri-miss;stored;detail="cold"
	// GET /cards/1: Ann, unstale;hit;ttl=299
	// PUT /cards/2?title=Bea: , unstale;fwd=method
	// GET /cards/1: Ann, unstale;hit;ttl=299
	// PUT /cards/1?title=Amy: , unstale;fwd=method
	// GET /cards/1: Amy, unstale;fwd=stale;stored;detail="changed"
}

// Three lines are added to a service.
func Example_threeLines() {
	addr, mux := "localhost:8080", http.NewServeMux()

	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	db, err := sqlite.Open("app.db", cache)
	if err != nil {
		log.Fatal(err)
	}
	mux.HandleFunc("GET /cards", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = db.QueryContext(r.Context(), `SELECT title FROM card`)
	})
	log.Fatal(http.ListenAndServe(addr, cache.Handler(mux)))
}

// show prints what a service answers, and what the cache did.
func show(h http.Handler, request string, fields ...string) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	var target string
	if _, err := fmt.Sscan(request, &r.Method, &target); err != nil {
		log.Fatal(err)
	}
	r = httptest.NewRequest(r.Method, target, nil)
	for i := 0; i+1 < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body := w.Body.String()
	if n := len(body); n > 0 && body[n-1] == '\n' {
		body = body[:n-1]
	}
	fmt.Printf("%s: %s, %s\n", request, body, w.Header().Get("Cache-Status"))
}

// newExample returns a cache and a database in memory with two cards.
func newExample() (*unstale.Cache, *sql.DB) {
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		log.Fatal(err)
	}
	db, err := sqlite.Open("file::memory:", cache)
	if err != nil {
		log.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`
		CREATE TABLE card (id INTEGER PRIMARY KEY, title TEXT, owner TEXT);
		INSERT INTO card VALUES (1, 'Ann', 'alice'), (2, 'Bob', 'bob');
		CREATE TABLE session (token TEXT PRIMARY KEY, user TEXT);
		INSERT INTO session VALUES ('t1', 'alice'), ('t2', 'bob')`); err != nil {
		log.Fatal(err)
	}
	return cache, db
}

// An answer that depends on who asks is kept for that identity alone, and falls
// when what the identity was found from changes.
func ExampleCache_Middleware() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	cached, err := cache.Middleware(unstale.HandlerOptions{
		Identity: func(r *http.Request) (user string, err error) {
			err = db.QueryRowContext(r.Context(), `SELECT user FROM session WHERE token = ?`, r.Header.Get("Authorization")).Scan(&user)
			if errors.Is(err, sql.ErrNoRows) {
				return "", nil // nobody
			}
			return user, err
		},
		Route: func(r *http.Request) string { return r.URL.Path },
		Policies: map[string]unstale.Policy{
			"/":    {Shared: true}, // what is said without asking who asks is for all
			"/now": {Mode: unstale.ModeOff},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	service := cached(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello %q.", unstale.Identity(r.Context()))
	}))
	show(service, "GET /", "Authorization", "t1")
	show(service, "GET /", "Authorization", "t1")
	show(service, "GET /", "Authorization", "t2")
	if _, err := db.Exec(`DELETE FROM session WHERE token = 't1'`); err != nil {
		log.Fatal(err)
	}
	show(service, "GET /", "Authorization", "t1")
	show(service, "GET /now")
	// Output:
	// GET /: Hello "alice"., unstale;fwd=uri-miss;stored;detail="cold"
	// GET /: Hello "alice"., unstale;hit;ttl=299
	// GET /: Hello "bob"., unstale;fwd=vary-miss;stored;detail="none for this identity"
	// GET /: Hello ""., unstale;fwd=vary-miss;stored;detail="none for this identity"
	// GET /now: Hello ""., unstale;fwd=bypass;detail="route off"
}

// A result of Load is kept as an answer is, and whatever uses it falls with it.
func ExampleLoad() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	title := func(ctx context.Context, id string) (string, error) {
		return unstale.Load(ctx, cache, "card:"+unstale.Escape(id), func(ctx context.Context) (title string, err error) {
			fmt.Println("reads", id)
			err = db.QueryRowContext(ctx, `SELECT title FROM card WHERE id = ?`, id).Scan(&title)
			return title, err
		})
	}
	for range 2 {
		fmt.Println(title(context.Background(), "1"))
	}
	if _, err := db.Exec(`UPDATE card SET title = 'Amy' WHERE id = 1`); err != nil {
		log.Fatal(err)
	}
	fmt.Println(title(context.Background(), "1"))
	// Output:
	// reads 1
	// Ann <nil>
	// Ann <nil>
	// reads 1
	// Amy <nil>
}

// What no captured database holds is declared, and invalidated by the same name.
func ExampleDependOn() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	price := 5
	service := cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "prices")
		fmt.Fprint(w, price)
	}))
	show(service, "GET /price")
	show(service, "GET /price")
	price = 6
	if err := cache.Invalidate(context.Background(), unstale.Tag("prices")); err != nil {
		log.Fatal(err)
	}
	show(service, "GET /price")
	// Output:
	// GET /price: 5, unstale;fwd=uri-miss;stored;detail="cold"
	// GET /price: 5, unstale;hit;ttl=299
	// GET /price: 6, unstale;fwd=stale;stored;detail="changed"
}

// An answer that changes by the clock says when.
func ExampleExpireAt() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	service := cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "open now")
		unstale.ExpireAt(r.Context(), time.Now().Add(time.Minute)) // when the shop closes
	}))
	show(service, "GET /open")
	show(service, "GET /open")
	// Output:
	// GET /open: open now, unstale;fwd=uri-miss;stored;detail="cold"
	// GET /open: open now, unstale;hit;ttl=59
}

// Explain names the write that made an answer fall.
func ExampleCache_Explain() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	service := cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var title string
		_ = db.QueryRowContext(r.Context(), `SELECT title FROM card WHERE id = 1`).Scan(&title)
		fmt.Fprint(w, title)
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	service.ServeHTTP(httptest.NewRecorder(), r)
	if _, err := db.Exec(`UPDATE card SET title = 'Amy' WHERE id = 1`); err != nil {
		log.Fatal(err)
	}
	for _, x := range cache.Explain(cache.RequestKey(r)) {
		fmt.Println(x.Key, "made of", x.Dependencies[0].Source)
		fmt.Println(x.Reason, "by", x.Change.Rows[0].Operation, x.Change.Rows[0].Table, x.Change.Rows[0].Key, x.Change.Rows[0].Columns)
	}
	// Output:
	// unstale:http:GET example.com / made of card[id=1]{id title}
	// changed by update card 1 [title]
}

// On its first day a cache serves nothing: every handler runs as ever, what would have
// been a hit is counted and compared, and Advice says what stands in the way.
func ExampleCache_Advice() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cards", func(w http.ResponseWriter, r *http.Request) {
		var n int
		_ = db.QueryRowContext(r.Context(), `SELECT count(*) FROM card`).Scan(&n)
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("GET /today", func(w http.ResponseWriter, r *http.Request) {
		var today string
		_ = db.QueryRowContext(r.Context(), `SELECT date('now')`).Scan(&today)
	})
	cached, err := cache.Middleware(unstale.HandlerOptions{
		Policy: unstale.Policy{Mode: unstale.ModeReportOnly},
		Route:  func(r *http.Request) string { _, route := mux.Handler(r); return route },
	})
	if err != nil {
		log.Fatal(err)
	}
	service := cached(mux)
	for range 3 {
		show(service, "GET /cards")
		show(service, "GET /today")
	}
	cards := cache.Stats().Routes["GET /cards"]
	fmt.Println(cards.WouldHit, "would have been hits,", cards.WouldDiffer, "differed")
	for _, a := range cache.Advice() {
		fmt.Printf("%s: %s, in %d requests: %s\n%s\n", a.Route, a.Reason, a.Count, a.Remedy, a.At)
	}
	// Output:
	// GET /cards: 2, unstale;fwd=bypass;detail="report only: cold"
	// GET /today: , unstale;fwd=bypass;detail="report only: cold"
	// GET /cards: 2, unstale;fwd=bypass;detail="report only: would hit"
	// GET /today: , unstale;fwd=bypass;detail="report only: cold"
	// GET /cards: 2, unstale;fwd=bypass;detail="report only: would hit"
	// GET /today: , unstale;fwd=bypass;detail="report only: cold"
	// 2 would have been hits, 0 differed
	// GET /today: volatile function, in 3 requests: give the time as an argument, and say ExpireAt if the answer goes by it
	// SELECT date('now')
}

// Handlers that read a session's cookie need no change: it is named, and answers are
// kept for exactly that.
func ExampleHandlerOptions_byCredentials() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	cached, err := cache.Middleware(unstale.HandlerOptions{
		ByCredentials: []string{"session"},
		Policy:        unstale.Policy{DropSetCookie: []string{"session"}}, // it is sent again with each page
	})
	if err != nil {
		log.Fatal(err)
	}
	service := cached(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := "whoever you are"
		if cookie, err := r.Cookie("session"); err == nil {
			_ = db.QueryRowContext(r.Context(), `SELECT user FROM session WHERE token = ?`, cookie.Value).Scan(&user)
			http.SetCookie(w, cookie)
		}
		fmt.Fprintf(w, "Hello %s.", user)
		unstale.DependOn(r.Context(), "greeting")
	}))
	show(service, "GET /", "Cookie", "session=t1")
	show(service, "GET /", "Cookie", "session=t1")
	show(service, "GET /", "Cookie", "session=t2")
	show(service, "GET /")
	// Output:
	// GET /: Hello alice., unstale;fwd=uri-miss;stored;detail="cold"
	// GET /: Hello alice., unstale;hit;ttl=59
	// GET /: Hello bob., unstale;fwd=uri-miss;stored;detail="cold"
	// GET /: Hello whoever you are., unstale;fwd=uri-miss;stored;detail="cold"
}

// A job of which no answer is made marks its context. Code that passes none at all has
// its reads attributed by the goroutine that runs it, where the service says so.
func ExampleOutside() {
	cache, err := unstale.New(unstale.Options{AttributeByGoroutine: true})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open("file::memory:", cache)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	ctx := unstale.Outside(context.Background())
	if _, err := db.ExecContext(ctx, `CREATE TABLE visit (day TEXT, n INTEGER)`); err != nil {
		log.Fatal(err)
	}
	if _, err := db.ExecContext(ctx, `INSERT INTO visit VALUES (date('now'), 1)`); err != nil {
		log.Fatal(err)
	}
	fmt.Println(cache.Stats().UnmarkedReads, "statements without a mark")
	// Output: 0 statements without a mark
}

// What was forgotten is found where it runs: one hit in a hundred is recomputed beside.
func ExampleHandlerOptions_verifyShare() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	cached, err := cache.Middleware(unstale.HandlerOptions{VerifyShare: 0.01})
	if err != nil {
		log.Fatal(err)
	}
	service := cached(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "nothing")
	}))
	show(service, "GET /")
	// Output: GET /: , unstale;fwd=uri-miss;stored;detail="cold"
}

// Keys, patterns and tags are for what no database holds, and for people.
func ExampleCache_Invalidate() {
	cache, db := newExample()
	defer cache.Close()
	defer db.Close()
	service := cache.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		unstale.DependOn(r.Context(), "elsewhere")
		fmt.Println("made")
	}))
	ctx, id := context.Background(), "12"
	for _, target := range []unstale.Target{
		unstale.Key("http:GET example.com /cards/12"),
		unstale.Pattern("http:*cards/{id}*", id),
		unstale.Tag("elsewhere"),
	} {
		for range 2 {
			service.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/cards/12", nil))
		}
		if err := cache.Invalidate(ctx, target); err != nil {
			log.Fatal(err)
		}
		fmt.Println("invalidated")
	}
	// Output:
	// made
	// invalidated
	// made
	// invalidated
	// made
	// invalidated
}
