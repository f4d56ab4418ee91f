// Command sessions shows a site with pages that are rendered on the server and a session
// middleware inside of the cache, as most sites have it: nothing in it knows of the
// cache. HandlerOptions.ByCredentials says which cookie says who asks, and each
// session has answers of its own.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"html/template"
	"log"
	"net/http"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

func main() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	db, err := sqlite.Open("sessions.db", cache)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	site, err := newSite(context.Background(), db)
	if err != nil {
		log.Fatal(err)
	}
	cached, err := cache.Middleware(options())
	if err != nil {
		log.Fatal(err)
	}
	log.Print("http://localhost:8086/")
	log.Print(http.ListenAndServe("localhost:8086", cached(site)))
}

// options are all that the site has to say of its sessions.
func options() unstale.HandlerOptions {
	return unstale.HandlerOptions{
		ByCredentials: []string{"session"},
		// The middleware sends the cookie again with each page. That keeps none of them out of
		// the cache, and only the one for which the handler ran has the cookie.
		Policy: unstale.Policy{DropSetCookie: []string{"session"}},
	}
}

func newSite(ctx context.Context, db *sql.DB) (http.Handler, error) {
	_, err := db.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS session (id TEXT PRIMARY KEY, user TEXT NOT NULL, ends INTEGER NOT NULL);
		CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, user TEXT NOT NULL, text TEXT NOT NULL)`)
	if err != nil {
		return nil, err
	}
	s := &site{db}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("POST /notes", s.write)
	mux.HandleFunc("POST /login", s.logIn)
	mux.HandleFunc("POST /logout", s.logOut)
	return s.sessions(mux), nil
}

type site struct{ db *sql.DB }

// sessionLife is how long a session lives that nobody uses.
const sessionLife = 24 * time.Hour

type userKey struct{}

// sessions is a session middleware like many: it finds the user, keeps the session
// alive and sends its cookie again. The session's row is written when a tenth of its
// life has passed, not with each request: a GET that writes is not stored.
func (s *site) sessions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("session")
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		var user string
		var ends int64
		err = s.db.QueryRowContext(r.Context(), `SELECT user, ends FROM session WHERE id = ?`, cookie.Value).Scan(&user, &ends)
		left := time.Until(time.Unix(ends, 0))
		if err != nil || left <= 0 {
			next.ServeHTTP(w, r)
			return
		}
		if left < sessionLife*9/10 {
			_, _ = s.db.ExecContext(r.Context(), `UPDATE session SET ends = ? WHERE id = ?`, time.Now().Add(sessionLife).Unix(), cookie.Value)
		}
		setSession(w, cookie.Value)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

func setSession(w http.ResponseWriter, id string) {
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", MaxAge: int(sessionLife.Seconds()), HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func user(r *http.Request) string {
	name, _ := r.Context().Value(userKey{}).(string)
	return name
}

var page = template.Must(template.New("").Parse(`<!DOCTYPE html>
<title>Notes</title>
{{if .User}}<p>Hello {{.User}}. <form method="post" action="/logout"><button>Log out</button></form>
<form method="post" action="/notes"><input name="text"><button>Add</button></form>
{{else}}<form method="post" action="/login"><input name="user"><button>Log in</button></form>
{{end}}<ul>{{range .Notes}}<li>{{.}}{{end}}</ul>
`))

// page shows a user's notes.
func (s *site) page(w http.ResponseWriter, r *http.Request) {
	view := struct {
		User  string
		Notes []string
	}{User: user(r)}
	rows, err := s.db.QueryContext(r.Context(), `SELECT text FROM note WHERE user = ? ORDER BY id`, view.User)
	if err != nil {
		http.Error(w, "cannot read", http.StatusInternalServerError)
		return
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			http.Error(w, "cannot read", http.StatusInternalServerError)
			return
		}
		view.Notes = append(view.Notes, text)
	}
	if err := rows.Err(); err != nil {
		http.Error(w, "cannot read", http.StatusInternalServerError)
		return
	}
	_ = page.Execute(w, view)
}

func (s *site) write(w http.ResponseWriter, r *http.Request) {
	if user(r) == "" {
		http.Error(w, "log in first", http.StatusUnauthorized)
		return
	}
	_, err := s.db.ExecContext(r.Context(), `INSERT INTO note (user, text) VALUES (?, ?)`, user(r), r.FormValue("text"))
	s.back(w, r, err)
}

// logIn asks for no password, which is not what is shown here.
func (s *site) logIn(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	_, err := s.db.ExecContext(r.Context(), `INSERT INTO session VALUES (?, ?, ?)`, id, r.FormValue("user"), time.Now().Add(sessionLife).Unix())
	if err == nil {
		setSession(w, id)
	}
	s.back(w, r, err)
}

func (s *site) logOut(w http.ResponseWriter, r *http.Request) {
	var err error
	if cookie, none := r.Cookie("session"); none == nil {
		_, err = s.db.ExecContext(r.Context(), `DELETE FROM session WHERE id = ?`, cookie.Value)
	}
	s.back(w, r, err)
}

func (*site) back(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		http.Error(w, "cannot write", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}
