// Package site is the notebook's pages for people, made on the server: GETs
// through the same cache as the API's, and forms that do what people can do.
//
// What everybody sees alike does not ask who asks, so one stored page serves all;
// what is somebody's own (the bar with their name, their star, the comments with
// their reactions) is a part with a URL of its own, which a script puts into the
// page and which is kept per identity. Without scripts the parts are reached by
// links.
package site

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
	"github.com/unstale/unstale/notebook/web"
)

// site is the pages of a server.
type site struct {
	*server.Server
	pages  map[notebook.Lang]*web.Pages
	assets web.Assets
}

// anyone is the role that a form needs which is for everybody.
const anyone notebook.Role = ""

// Routes registers the pages.
func Routes(to *server.Server) error {
	assets, err := web.LoadAssets()
	if err != nil {
		return err
	}
	s := &site{Server: to, assets: assets, pages: map[notebook.Lang]*web.Pages{}}
	for _, lang := range []notebook.Lang{notebook.Chinese, notebook.English} {
		if s.pages[lang], err = web.NewPages(lang, assets); err != nil {
			return err
		}
	}
	const asset, token = "GET " + web.AssetsPath + "{name}", "GET /live"
	s.Mux.HandleFunc(asset, s.asset)
	s.Mux.HandleFunc(token, s.live)
	s.Mux.Constant(asset, "GET /login", "GET /register")
	s.Mux.Uncached(token)
	for _, k := range notebook.ItemKinds() {
		i := items{s.Items(k), s}
		base, upload := "/"+string(k), "POST /upload/"+string(k)
		s.get("GET "+base, i.list)
		s.get("GET "+base+"/{id}", i.show)
		s.get("GET "+base+"/{id}/talk", i.talk)
		s.get("GET /upload/"+string(k), i.uploadForm)
		s.Mux.Limit(upload, service.MaxUpload(k))
		s.post(upload, notebook.RoleUser, i.upload)
		s.post("POST "+base+"/{id}/star", notebook.RoleUser, i.star)
		s.post("POST "+base+"/{id}/comments", notebook.RoleUser, i.comment)
		s.post("POST /review/"+string(k)+"/{id}/approve", notebook.RoleModerator, i.approve)
		s.post("POST /review/"+string(k)+"/{id}/reject", notebook.RoleModerator, i.reject)
	}
	s.get("GET /login", s.loginForm)
	s.get("GET /register", s.registerForm)
	s.get("GET /me", s.me)
	s.get("GET /me/bar", s.bar)
	s.get("GET /messages", s.messages)
	s.get("GET /review", s.review)
	s.showCache("GET /console/")
	s.post("POST /login", anyone, s.login)
	s.post("POST /logout", anyone, s.logout)
	s.post("POST /register", anyone, s.register)
	s.post("POST /register/code", anyone, s.registerCode)
	s.post("POST /comments/{id}/react", notebook.RoleUser, s.react)
	s.post("POST /messages/{id}/read", notebook.RoleUser, s.read)
	s.Home = func(w http.ResponseWriter, r *http.Request) { s.serve(w, asked(r), s.shelves) }
	s.Lost = func(w http.ResponseWriter, r *http.Request, f *server.Failure) { s.showFailure(w, asked(r), f, "") }
	return nil
}

// A view is what a page is made of, or where the browser goes instead.
type view struct {
	name   string // of the template; "" to go to next
	data   any
	status int // 200 for 0

	next   string
	cookie *http.Cookie // that the browser gets
}

// frame is what every page has.
type frame struct{ Title, Section string }

// secure sets the fields without which a page could be made to do what it is not
// meant to.
func secure(h http.Header) {
	server.Secure(h, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'")
	h.Add("Vary", "Accept-Language")
}

// asked returns the request with a context that says who the caller is.
func asked(r *http.Request) *http.Request {
	return r.WithContext(server.WithCaller(r.Context(), server.CallerFrom(r)))
}

// get registers a page.
func (s *site) get(pattern string, make func(*http.Request) (*view, error)) {
	s.Mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, asked(r), make) })
}

func (s *site) serve(w http.ResponseWriter, r *http.Request, make func(*http.Request) (*view, error)) {
	v, err := make(r)
	if err != nil {
		s.fail(w, r, err, "")
		return
	}
	s.show(w, r, v)
}

// post registers what a form does, for users with at least the role. Whatever it
// is, it is done only for a page of ours.
func (s *site) post(pattern string, least notebook.Role, do func(*http.Request) (*view, error)) {
	s.Mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r = asked(r)
		if !server.FromOurPage(r) {
			s.fail(w, r, notebook.ErrForbidden, "")
			return
		}
		if least != anyone {
			u, err := s.Accounts.Require(r.Context(), least)
			if err != nil {
				s.fail(w, r, err, "")
				return
			}
			r = r.WithContext(server.WithUser(r.Context(), u))
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), server.MultipartType) {
			most := int64(maxForm)
			if least == anyone {
				most = maxStrangersForm
			}
			r.Body = http.MaxBytesReader(w, r.Body, most)
			if err := r.ParseForm(); err != nil {
				s.fail(w, r, server.ErrBody, "")
				return
			}
			for _, values := range r.PostForm {
				if err := notebook.CheckText(values...); err != nil {
					s.fail(w, r, err, "")
					return
				}
			}
		}
		w.Header().Set("Cache-Control", "no-store")
		v, err := do(r)
		if err != nil {
			s.fail(w, r, err, r.PostForm.Get("content"))
			return
		}
		s.show(w, r, v)
	})
}

// How large forms without files may be, in bytes, of users and of anybody.
const (
	maxForm          = 1 << 20
	maxStrangersForm = 16 << 10
)

// show answers with a page, or sends the browser to another.
func (s *site) show(w http.ResponseWriter, r *http.Request, v *view) {
	if v.cookie != nil {
		http.SetCookie(w, v.cookie)
	}
	secure(w.Header())
	if v.name == "" {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Location", v.next)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	var page bytes.Buffer
	if err := s.pages[server.CallerIn(r.Context()).Lang].Render(&page, v.name, v.data); err != nil {
		panic(err) // a mistake of ours, and answered as such
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if v.status != 0 {
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(v.status)
	}
	_, _ = w.Write(page.Bytes()) // the client is gone
}

// fail answers with a page that says what is wrong and shows what somebody had
// written, so that it is not lost. Who only has to log in is sent there.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error, kept string) {
	if errors.Is(err, notebook.ErrLoginRequired) || errors.Is(err, notebook.ErrInvalidToken) {
		next := "/"
		if server.Safe(r.Method) {
			next = r.URL.RequestURI()
		} else if from, err := url.Parse(r.Referer()); err == nil {
			next = from.RequestURI()
		}
		if kept == "" {
			s.show(w, r, &view{next: "/login?next=" + url.QueryEscape(next)})
			return
		}
	}
	problem := s.Failure(r.Context(), server.CallerIn(r.Context()), err)
	s.showFailure(w, r, problem, kept)
}

func (s *site) showFailure(w http.ResponseWriter, r *http.Request, problem *server.Failure, kept string) {
	back := "/"
	if from, err := url.Parse(r.Referer()); err == nil {
		back = local(from.RequestURI())
	}
	problem.RetryAfter(w.Header().Set)
	s.show(w, r, &view{name: "error", status: problem.GetStatus(), data: struct {
		frame
		Status                         int
		Message, Kept, Back, RequestID string
	}{frame{Title: problem.Problem.Message}, problem.GetStatus(), problem.Problem.Message, kept, back, problem.Problem.RequestID}})
}

// failed answers with the form again, which says what is wrong; what is our
// fault, or the client's haste, is an error of its own.
func (s *site) failed(r *http.Request, err error) (message string, status int, other error) {
	problem := s.Failure(r.Context(), server.CallerIn(r.Context()), err)
	if problem.GetStatus() >= http.StatusInternalServerError {
		var known *notebook.Error
		if !errors.As(err, &known) {
			return "", 0, err
		}
	}
	return problem.Problem.Message, problem.GetStatus(), nil
}

// local returns a path of this site, "/" for what leads elsewhere.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// asset serves a file that pages refer to. Its URL names its version.
func (s *site) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("name")]
	if !ok {
		s.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Query().Get("v") == a.Version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.Content) // the client is gone
}

// live answers with a token for a WebSocket. It is the only secret that scripts
// of ours see, and good for nothing else.
func (s *site) live(w http.ResponseWriter, r *http.Request) {
	r = asked(r)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	u, err := s.Accounts.Require(r.Context(), notebook.RoleUser)
	var token string
	if err == nil {
		var from *notebook.Session
		presented, kind := s.Presented(r)
		if from, err = s.Accounts.Session(r.Context(), presented, kind); err == nil {
			token, err = s.Accounts.Token(u, from, service.LiveToken)
		}
	}
	if err != nil {
		s.Failure(r.Context(), server.CallerIn(r.Context()), err).Write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write([]byte(`{"token":"` + token + `"}`)); err != nil {
		s.Logger.LogAttrs(r.Context(), slog.LevelDebug, "the client is gone", slog.Any("error", err))
	}
}
