package unchanged

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	driver "modernc.org/sqlite"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/unstaletest"
)

var (
	seed  = flag.Uint64("unchanged.seed", 1, "of the random walks")
	steps = flag.Int("unchanged.steps", 20, "writes of a walk")
)

// An application is one that runs.
type application struct {
	handler http.Handler
	stop    func()         // ends its jobs and closes its database
	cache   *unstale.Cache // nil as it was
}

// A walk is an application with what its users do and ask for.
type walk struct {
	name        string
	startPlain  func(path string) *application
	startCached func(path string, options unstale.Options) *application
	enter       func(*user)          // signs up, or logs in
	asks        func(*user) []string // what they GET after each write
	writes      []func(*user)
	alive       func(*user) bool // whether they are still logged in
}

// names are those of the users; besides there is somebody who never logs in.
var names = []string{"ann", "bob", "cid"}

// A user has a cookie and a token, as their browser and their program have.
type user struct {
	*testing.T
	*rand.Rand
	name    string
	token   string
	cookies []*http.Cookie
	app     *application
}

// secret is part of what nobody else is shown.
func (u *user) secret() string { return "secret-" + u.name }

func (u *user) one(of ...string) string { return of[u.IntN(len(of))] }

func (u *user) cookie() string {
	if len(u.cookies) == 0 {
		return ""
	}
	return u.cookies[0].Value
}

// An answer is what a client notices of one.
type answer struct {
	status   int
	body     string
	kind     string
	location string
}

func (a answer) shows(s string) bool { return strings.Contains(a.body, s) }

// ask sends a request of the user to any application.
func (u *user) ask(app *application, method, target string) (answer, http.Header) {
	r := httptest.NewRequest(method, target, nil)
	for _, c := range u.cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	if u.token != "" {
		r.Header.Set("Authorization", u.token)
	}
	w := httptest.NewRecorder()
	app.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Body.String(), w.Header().Get("Content-Type"), w.Header().Get("Location")}, w.Header()
}

// do sends a request to the cached application and keeps the cookies that it sets. A
// GET that sets another value than the user has takes their session away.
func (u *user) do(method, target string, status int) answer {
	u.Helper()
	a, header := u.ask(u.app, method, target)
	if status != 0 && a.status != status {
		u.Errorf("%s: %s %s is answered %d %q, want %d", u.name, method, target, a.status, a.body, status)
	}
	u.keep(method+" "+target, method == http.MethodGet, header)
	return a
}

func (u *user) keep(what string, read bool, header http.Header) {
	u.Helper()
	cookies := (&http.Response{Header: header}).Cookies()
	if len(cookies) == 0 {
		return
	}
	if read && u.cookie() != "" && cookies[0].Value != u.cookie() {
		u.Errorf("%s: %s takes the session away", u.name, what)
	}
	u.cookies = cookies
}

// TestUnchanged: after each write of a random walk each user asks for everything twice.
// Each answer is what the application as it was gives on a copy of the data; at least 95 % of those that are the
// same twice there come from the cache the second time; sessions live.
func TestUnchanged(t *testing.T) {
	for _, w := range []walk{articlesWalk, bookmarksWalk} {
		t.Run(w.name, func(t *testing.T) {
			t.Run("one at a time", func(t *testing.T) { w.run(t, unstale.Options{}, false, 95) })
			t.Run("at once", func(t *testing.T) { w.run(t, unstale.Options{AttributeByGoroutine: true}, true, 95) })
			// What others read and write meanwhile counts here, so that hits are a matter of timing.
			t.Run("at once, attributed to all", func(t *testing.T) { w.run(t, unstale.Options{}, true, 0) })
		})
	}
}

// figures are what a walk has seen.
type figures struct {
	asked, cacheable, hits int
	missed                 map[string]int // of those that could be hits, by reason
}

// run walks, one user at a time or all at once, and wants that many of a hundred
// answers that could be hits to be some.
func (w walk) run(t *testing.T, options unstale.Options, atOnce bool, share int) {
	options.Logger = slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	path := filepath.Join(dir, "data.db")
	app := w.startCached(path, options)
	defer func() {
		app.stop()
		must(0, app.cache.Close())
	}()
	var users []*user
	for i, name := range append([]string{""}, names...) {
		u := &user{T: t, Rand: rand.New(rand.NewPCG(*seed, uint64(i))), name: name, app: app} // #nosec: a test
		if name == "" {
			u.do(http.MethodGet, w.asks(u)[0], http.StatusOK) // as a browser that comes has its cookie from then on
		} else {
			w.enter(u)
		}
		users = append(users, u)
	}
	var total figures
	total.missed = map[string]int{}
	for step := range *steps {
		u := users[1+step%len(names)]
		w.writes[u.IntN(len(w.writes))](u)
		original := must(sql.Open("sqlite", path))
		copied := filepath.Join(dir, fmt.Sprintf("copy%d.db", step))
		backUp(t, original, copied)
		must(0, original.Close())
		w.compare(t, step, users, copied, atOnce, &total)
		if t.Failed() {
			break
		}
	}
	for _, u := range users[1:] {
		if !w.alive(u) {
			t.Errorf("%s is no longer logged in", u.name)
		}
	}
	stats := app.cache.Stats()
	t.Logf("of %d GETs that were asked twice %d could be hits the second time, and %d were; %d reads without a context, %d fills took over dependencies; no hits: %v",
		total.asked, total.cacheable, total.hits, stats.UnmarkedReads, stats.TookOver, total.missed)
	if total.cacheable < total.asked/3 || 100*total.hits < share*total.cacheable {
		t.Errorf("%d hits of %d that could be, of %d; the others: %v; advice: %v", total.hits, total.cacheable, total.asked, total.missed, app.cache.Advice())
	}
}

// compare asks for everything twice, of the application as it was on a copy of the
// data and of the one with the cache.
func (w walk) compare(t *testing.T, step int, users []*user, copied string, atOnce bool, total *figures) {
	plain := w.startPlain(copied)
	truth := make([][][2]answer, len(users))
	for i, u := range users {
		for _, target := range w.asks(u) {
			first, _ := u.ask(plain, http.MethodGet, target)
			second, _ := u.ask(plain, http.MethodGet, target)
			truth[i] = append(truth[i], [2]answer{first, second})
		}
	}
	plain.stop()

	var mu sync.Mutex
	one := func(i int) {
		u := users[i]
		for j, target := range w.asks(u) {
			var reason string
			hit := false
			for k, want := range truth[i][j] {
				got, header := u.ask(u.app, http.MethodGet, target)
				u.keep("GET "+target, true, header)
				if got != want {
					t.Errorf("step %d: %q, GET %s, time %d (%s):\n got %+v\nwant %+v", step, u.name, target, k+1, header.Get("Cache-Status"), got, want)
				}
				for _, name := range names {
					if name != u.name && got.shows("secret-"+name) {
						t.Errorf("step %d: GET %s shows %q what is %s's", step, target, u.name, name)
					}
				}
				hit, reason = unstaletest.Hit(header), header.Get("Cache-Status")
			}
			mu.Lock()
			total.asked++
			if truth[i][j][0] == truth[i][j][1] && truth[i][j][0].status == http.StatusOK {
				total.cacheable++
				if hit {
					total.hits++
				} else {
					total.missed[target+" "+reason]++
				}
			}
			mu.Unlock()
		}
	}
	var all sync.WaitGroup
	for i := range users {
		if atOnce {
			all.Go(func() { one(i) })
		} else {
			one(i)
		}
	}
	all.Wait()
}

// backUp copies a database as it is now, page by page, so that rows lie in the same
// order.
func backUp(t *testing.T, db *sql.DB, to string) {
	t.Helper()
	conn := must(db.Conn(context.Background()))
	defer conn.Close()
	must(0, conn.Raw(func(c any) error {
		b, err := c.(interface {
			NewBackup(string) (*driver.Backup, error)
		}).NewBackup(to)
		if err != nil {
			return err
		}
		if _, err := b.Step(-1); err != nil {
			return err
		}
		return b.Finish()
	}))
}

// must is what a program's start has for errors that it cannot do without.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
