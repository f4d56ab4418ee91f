package server

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	m := newMux()
	none := func(http.ResponseWriter, *http.Request) {}
	for _, p := range []string{"GET /", "/", "GET /p/user/{user_id}", "GET /p/{id}/starred", "GET /p/public", "GET /p/{id}"} {
		m.HandleFunc(p, none)
	}
	for target, want := range map[string]string{
		"/": "GET /{$}", "/x": "/", "/p/public": "GET /p/public", "/p/1": "GET /p/{id}", "/p/1/starred": "GET /p/{id}/starred",
		"/p/user/1": "GET /p/user/{user_id}", "/p/user/starred": "GET /p/user/{user_id}",
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if got := m.Route(r); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}

func TestPanicIsAnswered(t *testing.T) {
	t.Parallel()
	s := &Server{Logger: slog.New(slog.DiscardHandler), Mux: newMux()}
	get := func(handler http.HandlerFunc) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.outermost(handler).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/x", nil))
		return w
	}
	w := get(func(http.ResponseWriter, *http.Request) { panic("secret cause") })
	if body := w.Body.String(); w.Code != 500 || strings.Contains(body, "secret") || !strings.Contains(body, `"code":"50000","type":"DATABASE_ERROR"`) ||
		!strings.Contains(body, w.Header().Get(requestIDField)) || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", w.Code, w.Header(), body)
	}
	defer func() {
		if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Error("an answer that was cut off looks whole")
		}
	}()
	get(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		panic("late")
	})
}
