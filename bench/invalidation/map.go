package invalidation

import (
	"net/http"
	"strconv"

	"github.com/unstale/unstale/bench/harness"
)

// A finishedMap is the least that can answer a GET from memory: a map of
// finished answers with the fields and the body that a hit has. Nothing judges
// them, bounds them or ages them; what it costs with many of them is memory's.
type finishedMap map[string]finished

type finished struct {
	header http.Header
	body   []byte
}

func newMap(entries int) finishedMap {
	m := make(finishedMap, entries)
	for id := range entries {
		body := "value " + strconv.Itoa(id)
		m["/item/"+strconv.Itoa(id)] = finished{body: []byte(body), header: http.Header{
			"Accept-Ranges":  {"bytes"},
			"Age":            {"0"},
			"Cache-Control":  {"no-cache"},
			"Cache-Status":   {"unstale;hit;ttl=" + strconv.Itoa(86400-id%100)},
			"Content-Length": {strconv.Itoa(len(body))},
			"Content-Type":   {"text/plain; charset=utf-8"},
			"Etag":           {`"` + strconv.Itoa(1<<40+id) + `"`},
		}}
	}
	return m
}

// ServeHTTP implements http.Handler.
func (m finishedMap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := m[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(a.body)
}

// MapRole is a process with such a map, which does what rounds ask for in hits.
var MapRole = harness.Role{Name: "map", Serve: func(t *harness.Talk) error {
	var s Settings
	if err := t.Settings(&s); err != nil {
		return err
	}
	m := newMap(s.Entries)
	return harness.Obey(t, Ready{}, func(r Round) (*Reply, error) {
		reply := &Reply{Entries: len(m)}
		return reply, hits(m, s.Entries, r, reply)
	})
}}
