package unchanged

import (
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// startBookmarks starts the site of bookmarks as it was before there was a cache.
func startBookmarks(path string) *application {
	writer := must(sql.Open("sqlite", path))
	reader := must(sql.Open("sqlite", path))
	b := newBookmarks(writer, reader)
	return &application{handler: b.routes(), stop: b.stop}
}

// startBookmarksCached starts it with the cache.
func startBookmarksCached(path string, options unstale.Options) *application {
	cache := must(unstale.New(options))
	writer := must(sqlite.Open(path, cache))
	reader := must(sqlite.Open(path, cache))
	b := newBookmarks(writer, reader)
	wrap := must(cache.Middleware(unstale.HandlerOptions{ByCredentials: []string{"session"}, Policies: map[string]unstale.Policy{"": {DropSetCookie: []string{"session"}}}}))
	return &application{handler: wrap(b.routes()), stop: b.stop, cache: cache}
}

// What follows knows of no cache.

type bookmarks struct {
	writer, reader *sql.DB
	end            chan struct{}
	jobs           sync.WaitGroup
}

const bookmarksSchema = `
	CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT NOT NULL DEFAULT '');
	CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, account INTEGER NOT NULL REFERENCES account, flash TEXT NOT NULL DEFAULT '',
		ends DATETIME NOT NULL, made DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP);
	CREATE TABLE IF NOT EXISTS bookmark (id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES account, title TEXT NOT NULL, public INTEGER NOT NULL DEFAULT 0,
		made DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, day TEXT DEFAULT (strftime('%Y-%m-%d', 'now')));
	CREATE TABLE IF NOT EXISTS label (bookmark INTEGER NOT NULL REFERENCES bookmark ON DELETE CASCADE, name TEXT NOT NULL, PRIMARY KEY (bookmark, name));
	CREATE TABLE IF NOT EXISTS feed (id INTEGER PRIMARY KEY, due INTEGER NOT NULL DEFAULT 0);
	INSERT OR IGNORE INTO feed (id) VALUES (1), (2), (3)`

// newBookmarks sets up both pools: one connection that writes, and some that read.
func newBookmarks(writer, reader *sql.DB) *bookmarks {
	writer.SetMaxOpenConns(1)
	reader.SetMaxOpenConns(4)
	for _, db := range []*sql.DB{writer, reader} {
		for _, pragma := range []string{"journal_mode = WAL", "busy_timeout = 5000", "synchronous = NORMAL", "temp_store = MEMORY", "cache_size = -2000", "foreign_keys = ON"} {
			must(db.Exec("PRAGMA " + pragma))
		}
	}
	must(writer.Exec(bookmarksSchema))
	b := &bookmarks{writer: writer, reader: reader, end: make(chan struct{})}
	b.jobs.Go(b.refresh)
	return b
}

// refresh is a job that looks every 20 ms whether a feed is due.
func (b *bookmarks) refresh() {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-b.end:
			return
		case <-ticker.C:
		}
		var due int
		must(0, b.reader.QueryRow(`SELECT due FROM feed WHERE id = ?`, 1+n%3).Scan(&due))
		var title string
		_ = b.reader.QueryRow(`SELECT title FROM bookmark WHERE id = ?`, 1+n%8).Scan(&title)
	}
}

func (b *bookmarks) stop() {
	close(b.end)
	b.jobs.Wait()
	must(0, b.reader.Close())
	must(0, b.writer.Close())
}

func (b *bookmarks) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", b.page(b.list))
	mux.HandleFunc("GET /public", b.page(b.public))
	mux.HandleFunc("GET /labels", b.page(b.labels))
	mux.HandleFunc("GET /months", b.page(b.months))
	mux.HandleFunc("GET /account", b.page(b.account))
	mux.HandleFunc("GET /bookmarks/{id}", b.page(b.show))
	mux.HandleFunc("POST /login", b.logIn)
	mux.HandleFunc("POST /logout", b.logOut)
	mux.HandleFunc("POST /account", b.note)
	mux.HandleFunc("POST /bookmarks", b.add)
	mux.HandleFunc("POST /bookmarks/{id}", b.rename)
	mux.HandleFunc("POST /bookmarks/{id}/labels", b.label)
	mux.HandleFunc("POST /bookmarks/{id}/delete", b.remove)
	return mux
}

// A session is who asks, and what the next page says at its top.
type session struct {
	id, name, flash string
	account         int64
}

// session finds a visitor's session, makes one for a newcomer, and sends the cookie
// again with each page.
func (b *bookmarks) session(w http.ResponseWriter, r *http.Request) session {
	s := session{id: rand.Text()}
	if cookie, err := r.Cookie("session"); err == nil {
		s.id = cookie.Value
	}
	var ends time.Time
	_ = b.reader.QueryRow(`SELECT account, account.name, flash, ends FROM session JOIN account ON account.id = session.account WHERE session.id = ?`, s.id).
		Scan(&s.account, &s.name, &s.flash, &ends)
	if s.account != 0 && time.Now().After(ends) {
		s = session{id: rand.Text()}
	}
	setSession(w, s.id)
	return s
}

func setSession(w http.ResponseWriter, id string) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", MaxAge: 3600, HttpOnly: true})
}

// token guards forms: it is another one for each session.
func (s session) Token() string {
	sum := sha256.Sum256([]byte("key" + s.id))
	return hex.EncodeToString(sum[:8])
}

func (s session) Name() string  { return s.name }
func (s session) Flash() string { return s.flash }

var bookmarksPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
{{with .Session}}<p>{{.Name}} {{.Flash}}<form method="post"><input type="hidden" name="token" value="{{.Token}}"></form>{{end}}
<ul>{{range .Lines}}<li>{{.}}{{end}}</ul>
`))

// page renders the lines that a handler has for a session. What the last action said is shown
// once.
func (b *bookmarks) page(lines func(*http.Request, session) ([]string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := b.session(w, r)
		all, err := lines(r, s)
		if err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		if all == nil {
			http.NotFound(w, r)
			return
		}
		if s.flash != "" {
			must(b.writer.Exec(`UPDATE session SET flash = '' WHERE id = ?`, s.id))
		}
		_ = bookmarksPage.Execute(w, map[string]any{"Session": s, "Lines": all})
	}
}

// lines returns the first columns of a query's rows, of which there may be none.
func (b *bookmarks) lines(query string, args ...any) ([]string, error) {
	rows, err := b.reader.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := []string{}
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

func (b *bookmarks) list(r *http.Request, s session) ([]string, error) {
	if name := r.FormValue("label"); name != "" {
		return b.lines(`SELECT title || ' ' || made FROM bookmark JOIN label ON label.bookmark = bookmark.id WHERE account = ? AND label.name = ? ORDER BY id`, s.account, name)
	}
	return b.lines(`SELECT title || ' ' || made || ' ' || day FROM bookmark WHERE account = ? ORDER BY made DESC, id DESC LIMIT 5`, s.account)
}

func (b *bookmarks) public(*http.Request, session) ([]string, error) {
	return b.lines(`SELECT title || ' by ' || name FROM bookmark JOIN account ON account.id = bookmark.account WHERE public = 1 ORDER BY bookmark.id DESC LIMIT 5`)
}

func (b *bookmarks) labels(_ *http.Request, s session) ([]string, error) {
	return b.lines(`SELECT name || ' ' || count(*) FROM label JOIN bookmark ON bookmark.id = label.bookmark WHERE account = ? GROUP BY name ORDER BY name`, s.account)
}

func (b *bookmarks) months(_ *http.Request, s session) ([]string, error) {
	return b.lines(`SELECT strftime('%Y-%m', made) || ' ' || count(*) FROM bookmark WHERE account = ? GROUP BY strftime('%Y-%m', made)`, s.account)
}

func (b *bookmarks) account(_ *http.Request, s session) ([]string, error) {
	return b.lines(`SELECT name || ' ' || note FROM account WHERE id = ?`, s.account)
}

// show answers 404 for a bookmark that who asks may not see.
func (b *bookmarks) show(r *http.Request, s session) ([]string, error) {
	rows, err := b.lines(`SELECT title || ' ' || made FROM bookmark WHERE id = ? AND (account = ? OR public = 1)`, r.PathValue("id"), s.account)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	labels, err := b.lines(`SELECT name FROM label WHERE bookmark = ? ORDER BY name`, r.PathValue("id"))
	return append(rows, labels...), err
}

func (b *bookmarks) logIn(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	must(b.writer.Exec(`INSERT INTO account (name, note) VALUES (?, ?) ON CONFLICT DO NOTHING`, r.FormValue("name"), r.FormValue("note")))
	must(b.writer.Exec(`INSERT INTO session (id, account, flash, ends) SELECT ?, id, 'welcome', ? FROM account WHERE name = ?`, id, time.Now().Add(time.Hour).UTC(), r.FormValue("name")))
	setSession(w, id)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (b *bookmarks) logOut(w http.ResponseWriter, r *http.Request) {
	must(b.writer.Exec(`DELETE FROM session WHERE id = ?`, b.session(w, r).id))
	setSession(w, rand.Text())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// change runs statements of who asks in a transaction, and says so on the next page.
func (b *bookmarks) change(w http.ResponseWriter, r *http.Request, query string, args ...any) {
	s := b.session(w, r)
	if s.account == 0 || r.FormValue("token") != s.Token() {
		http.Error(w, "log in first", http.StatusForbidden)
		return
	}
	tx := must(b.writer.Begin())
	defer tx.Rollback()
	must(tx.Exec(query, append(args, s.account)...))
	if r.FormValue("quietly") == "" {
		must(tx.Exec(`UPDATE session SET flash = 'done' WHERE id = ?`, s.id))
	}
	must(0, tx.Commit())
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (b *bookmarks) note(w http.ResponseWriter, r *http.Request) {
	b.change(w, r, `UPDATE account SET note = ? WHERE id = ?`, r.FormValue("note"))
}

func (b *bookmarks) add(w http.ResponseWriter, r *http.Request) {
	b.change(w, r, `INSERT INTO bookmark (title, public, account) VALUES (?, ?, ?)`, r.FormValue("title"), r.FormValue("public"))
}

func (b *bookmarks) rename(w http.ResponseWriter, r *http.Request) {
	b.change(w, r, `UPDATE bookmark SET title = ? WHERE id = ? AND account = ?`, r.FormValue("title"), r.PathValue("id"))
}

func (b *bookmarks) label(w http.ResponseWriter, r *http.Request) {
	b.change(w, r, `INSERT OR IGNORE INTO label SELECT id, ? FROM bookmark WHERE id = ? AND account = ?`, r.FormValue("label"), r.PathValue("id"))
}

func (b *bookmarks) remove(w http.ResponseWriter, r *http.Request) {
	b.change(w, r, `DELETE FROM bookmark WHERE id = ? AND account = ?`, r.PathValue("id"))
}

// post sends a form with the token of the user's session.
func post(u *user, path string, fields ...string) {
	form := url.Values{"token": {session{id: u.cookie()}.Token()}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	u.do(http.MethodPost, path+"?"+form.Encode(), http.StatusSeeOther)
}

// A bookmarksWalk is what the users of a walk do, and ask for.
var bookmarksWalk = walk{
	name:        "bookmarks",
	startPlain:  startBookmarks,
	startCached: startBookmarksCached,
	enter: func(u *user) {
		post(u, "/login", "name", u.name, "note", u.secret())
	},
	asks: func(*user) []string {
		all := []string{"/", "/?label=go", "/?label=sql", "/public", "/labels", "/months", "/account"}
		for id := 1; id <= 8; id++ {
			all = append(all, fmt.Sprintf("/bookmarks/%d", id))
		}
		return all
	},
	writes: []func(*user){
		func(u *user) {
			post(u, "/bookmarks", "title", fmt.Sprintf("%s-%d", u.secret(), u.IntN(100)), "public", "0", "quietly", "yes")
		},
		func(u *user) { post(u, "/bookmarks", "title", fmt.Sprint(u.IntN(100)), "public", "1") },
		func(u *user) {
			post(u, fmt.Sprintf("/bookmarks/%d", 1+u.IntN(8)), "title", fmt.Sprint(u.IntN(100)), "quietly", u.one("yes", ""))
		},
		func(u *user) {
			post(u, fmt.Sprintf("/bookmarks/%d/labels", 1+u.IntN(8)), "label", u.one("go", "sql", "http"), "quietly", "yes")
		},
		func(u *user) {
			post(u, fmt.Sprintf("/bookmarks/%d/delete", 1+u.IntN(8)), "quietly", u.one("yes", ""))
		},
		func(u *user) { post(u, "/account", "note", fmt.Sprintf("%s-%d", u.secret(), u.IntN(100))) },
		func(u *user) {
			post(u, "/logout")
			post(u, "/login", "name", u.name)
		},
	},
	alive: func(u *user) bool {
		return u.do(http.MethodGet, "/account", http.StatusOK).shows(u.secret())
	},
}
