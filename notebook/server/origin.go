package server

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ParseOrigins reads the origins of a list that is separated by commas, each as a
// browser names it: http://host or https://host, with the port if it is not the
// scheme's own.
func ParseOrigins(list string) ([]string, error) {
	var origins []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.ToLower(strings.TrimSpace(item)); item == "" {
			continue
		}
		if err := checkOrigin(item); err != nil {
			return nil, fmt.Errorf("%q is no origin such as https://www.example.com: %w", item, err)
		}
		origins = append(origins, item)
	}
	return origins, nil
}

var errEveryOrigin = errors.New("pages of any origin would speak for whoever has a session here; name each origin")

func checkOrigin(origin string) error {
	if strings.Contains(origin, "*") || origin == "null" {
		return errEveryOrigin
	}
	u, err := url.Parse(origin)
	switch {
	case err != nil:
		return err
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("it begins with neither http:// nor https://")
	case u.Host == "" || origin != u.Scheme+"://"+u.Host:
		return errors.New("it is more than a scheme, a host and a port")
	case u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443":
		return errors.New("browsers leave out the port that is the scheme's own")
	}
	return nil
}

// named reports whether the request comes from a page of an origin that the
// operator has named.
func (s *Server) named(r *http.Request) bool {
	return slices.Contains(s.origins, strings.ToLower(r.Header.Get("Origin")))
}

// MayConnect reports whether the page that the request comes from may hold a
// WebSocket connection: one of our own, one of a named origin, or none, as other
// programs than browsers have none.
func (s *Server) MayConnect(r *http.Request) bool { return s.named(r) || !foreign(r) }

// foreign reports whether a browser says that a script of another origin's page
// sends the request.
func foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site != "same-origin" && site != "none"
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host)
}

// shareFields sets the fields that let a page of a named origin read an answer
// (Fetch, CORS protocol). It comes after the cache, whose answers are the same for
// every origin.
func (s *Server) shareFields(h http.Header, r *http.Request) {
	if len(s.origins) == 0 {
		return
	}
	h.Add("Vary", "Origin")
	if !s.named(r) {
		return
	}
	h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	// Front ends send previews of files with credentials beside a token. What a
	// cookie says does not count for them: see presented.
	h.Set("Access-Control-Allow-Credentials", "true")
	h.Set("Access-Control-Expose-Headers", "Content-Disposition")
}

// preflight answers a browser that asks what a page of a named origin may send, and
// reports whether the request was such a question.
func (s *Server) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || !s.named(r) {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE")
	if fields := r.Header.Values("Access-Control-Request-Headers"); len(fields) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(fields, ", "))
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
