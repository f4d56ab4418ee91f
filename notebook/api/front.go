package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/web"
)

// The front is pages for people, made on the server: GETs through the same cache
// as the API's, and forms that end in the API's operations. What everybody sees
// alike does not ask who asks, so one stored page serves all; what is somebody's
// own (the bar with his name, his star, the comments with his reactions) is a
// part with a URL of its own, which a script puts into the page and which is
// kept per identity. Without scripts the parts are reached by links.
type front struct {
	*server
	pages  map[notebook.Lang]*web.Pages
	assets web.Assets
}

// frontRoutes adds the front to the mux.
func (s *server) frontRoutes() error {
	assets, err := web.LoadAssets()
	if err != nil {
		return err
	}
	f := &front{server: s, assets: assets, pages: map[notebook.Lang]*web.Pages{}}
	for _, lang := range []notebook.Lang{notebook.Chinese, notebook.English} {
		if f.pages[lang], err = web.NewPages(lang, assets); err != nil {
			return err
		}
	}
	s.front = f
	s.mux.HandleFunc(assetRoute, f.asset)
	for _, k := range notebook.ItemKinds() {
		i := items{s, k}
		base := "/" + string(k)
		f.get("GET "+base, f.list(i))
		f.get("GET "+base+"/{id}", f.item(i))
		f.get("GET "+base+"/{id}/talk", f.talk(i))
		f.get("GET /upload/"+string(k), f.uploadForm(i))
		f.post(frontUpload(k), users, f.upload(i))
		f.post("POST "+base+"/{id}/star", users, f.star(i))
		f.post("POST "+base+"/{id}/comments", users, f.comment(i))
		f.post("POST /review/"+string(k)+"/{id}/approve", moderators, f.approve(i))
		f.post("POST /review/"+string(k)+"/{id}/reject", moderators, f.reject(i))
	}
	f.get("GET /login", f.loginForm)
	f.get("GET /register", f.registerForm)
	f.get("GET /me", f.me)
	f.get("GET /me/bar", f.bar)
	f.get("GET /messages", f.messages)
	f.get("GET /review", f.review)
	s.mux.HandleFunc(liveRoute, f.live)
	f.post("POST /login", anyone, f.login)
	f.post("POST /logout", anyone, f.logout)
	f.post("POST /register", anyone, f.register)
	f.post("POST /register/code", anyone, f.registerCode)
	f.post("POST /comments/{id}/react", users, f.react)
	f.post("POST /messages/{id}/read", users, f.read)
	return nil
}

// frontUpload returns the pattern of the form with which items of the kind are
// uploaded.
func frontUpload(k notebook.ItemKind) string { return "POST /upload/" + string(k) }

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
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Add("Vary", "Accept-Language")
}

// asked returns the request with a context that says what callerIn returns.
func asked(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, callerFrom(r)))
}

// get registers a page.
func (f *front) get(pattern string, make func(*http.Request) (*view, error)) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { f.serve(w, asked(r), make) })
}

func (f *front) serve(w http.ResponseWriter, r *http.Request, make func(*http.Request) (*view, error)) {
	v, err := make(r)
	if err != nil {
		f.fail(w, r, err, "")
		return
	}
	f.show(w, r, v)
}

// post registers what a form does, for users with at least the role that access
// names. Whatever it is, it is done only for a page of ours.
func (f *front) post(pattern string, a access, do func(*http.Request) (*view, error)) {
	f.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r = asked(r)
		if !fromOurPage(r) {
			f.fail(w, r, notebook.ErrForbidden, "")
			return
		}
		if a != anyone {
			u, err := f.who(r.Context())
			switch {
			case err != nil:
			case u == nil:
				err = notebook.ErrLoginRequired
			case !u.Role.Includes(a.least):
				err = notebook.ErrForbidden
			}
			if err != nil {
				f.fail(w, r, err, "")
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), userKey{}, u))
		}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), multipartType) {
			r.Body = http.MaxBytesReader(w, r.Body, maxJSON)
			if err := r.ParseForm(); err != nil {
				f.fail(w, r, errCredentialsFormat, "")
				return
			}
		}
		w.Header().Set("Cache-Control", "no-store")
		v, err := do(r)
		if err != nil {
			f.fail(w, r, err, r.PostForm.Get("content"))
			return
		}
		f.show(w, r, v)
	})
}

// show answers with a page, or sends the browser to another.
func (f *front) show(w http.ResponseWriter, r *http.Request, v *view) {
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
	if err := f.pages[callerIn(r.Context()).lang].Render(&page, v.name, v.data); err != nil {
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
func (f *front) fail(w http.ResponseWriter, r *http.Request, err error, kept string) {
	if errors.Is(err, notebook.ErrLoginRequired) || errors.Is(err, notebook.ErrInvalidToken) {
		next := "/"
		if safe(r.Method) {
			next = r.URL.RequestURI()
		} else if from, err := url.Parse(r.Referer()); err == nil {
			next = from.RequestURI()
		}
		if kept == "" {
			f.show(w, r, &view{next: "/login?next=" + url.QueryEscape(next)})
			return
		}
	}
	problem := f.failure(r.Context(), callerIn(r.Context()), err)
	f.showFailure(w, r, problem, kept)
}

func (f *front) showFailure(w http.ResponseWriter, r *http.Request, problem *failure, kept string) {
	back := "/"
	if from, err := url.Parse(r.Referer()); err == nil {
		back = local(from.RequestURI())
	}
	if seconds, ok := problem.Problem.Details[notebook.RetryAfter].(int); ok {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	f.show(w, r, &view{name: "error", status: problem.status, data: struct {
		frame
		Status                         int
		Message, Kept, Back, RequestID string
	}{frame{Title: problem.Problem.Message}, problem.status, problem.Problem.Message, kept, back, problem.Problem.RequestID}})
}

// failed answers with the form again, which says what is wrong; what is our
// fault, or the client's haste, is an error of its own.
func (f *front) failed(r *http.Request, err error) (message string, status int, other error) {
	problem := f.failure(r.Context(), callerIn(r.Context()), err)
	if problem.status >= http.StatusInternalServerError {
		var known *notebook.Error
		if !errors.As(err, &known) {
			return "", 0, err
		}
	}
	return problem.Problem.Message, problem.status, nil
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
func (f *front) asset(w http.ResponseWriter, r *http.Request) {
	a, ok := f.assets[r.PathValue("name")]
	if !ok {
		f.notFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.URL.Query().Get("v") == a.Version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.Content) // the client is gone
}

// wantsPage reports whether the client prefers a page for people to JSON: only
// browsers ask for text/html by name.
func wantsPage(r *http.Request) bool {
	page, data := -1.0, -1.0
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		switch kind, q := languageRange(item); kind {
		case "text/html":
			page = q
		case "application/json":
			data = q
		}
	}
	return page > 0 && page >= data
}

// home is what answers to GET / unless it is asked for JSON.
func (s *server) home(ctx huma.Context, next func(huma.Context)) {
	ctx.AppendHeader("Vary", "Accept")
	if r, w := humago.Unwrap(ctx); wantsPage(r) {
		s.front.serve(w, asked(r), s.front.shelves)
		return
	}
	next(ctx)
}

// live answers with a token for a WebSocket. It is the only secret that scripts
// of ours see, and good for nothing else.
func (f *front) live(w http.ResponseWriter, r *http.Request) {
	r = asked(r)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	u, err := f.who(r.Context())
	if err == nil && u == nil {
		err = notebook.ErrLoginRequired
	}
	var token string
	if err == nil {
		token, err = f.tokens.make(u, liveToken, liveLife)
	}
	if err != nil {
		writeFailure(w, f.failure(r.Context(), callerIn(r.Context()), err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write([]byte(`{"token":"` + token + `"}`)); err != nil {
		f.logger.LogAttrs(r.Context(), slog.LevelDebug, "the client is gone", slog.Any("error", err))
	}
}
