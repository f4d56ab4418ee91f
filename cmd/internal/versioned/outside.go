package versioned

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What every answer has from outside of the cache, beside a nonce of its own.
// Handlers name these fields, too.
const (
	outerControl = "private, no-cache"
	outerVary    = "Accept-Encoding"
)

// outside sets fields of every answer and counts the answers that left without
// them: with somebody else's nonce, or with what a handler had said another time.
func (s *Service) outside(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, nonce := w.Header(), strconv.FormatUint(rand.Uint64(), 36)
		h.Set("X-Nonce", nonce)
		h.Set("Cache-Control", outerControl)
		h.Set("Vary", outerVary)
		next.ServeHTTP(w, r)
		if r.Context().Err() != nil {
			return // a client that left while it waited gets no answer
		}
		control, vary := h["Cache-Control"], h["Vary"]
		switch {
		case !slices.Equal(h["X-Nonce"], []string{nonce}),
			!slices.Equal(control, []string{outerControl}) && !slices.Equal(control, []string{"max-age=60"}),
			len(vary) == 0 || vary[0] != outerVary || !slices.Equal(vary[1:], inVary(r)):
			s.disguised.Add(1)
		}
	})
}

// inVary is what a handler adds to Vary.
func inVary(r *http.Request) []string {
	if strings.HasPrefix(r.URL.Path, "/greeted/") {
		return []string{"From"}
	}
	return nil
}

// Disguised returns how many answers left without what had been set outside of
// the cache.
func (s *Service) Disguised() int64 { return s.disguised.Load() }
