package main

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strconv"
)

// A pile is the least that can answer a GET from memory: a map of finished
// answers with the fields and the body that a hit has. Nothing judges them,
// bounds them or ages them; what it costs with many of them is memory's.
type pile map[string]pieceOfPile

type pieceOfPile struct {
	header http.Header
	body   []byte
}

func newPile(entries int) pile {
	p := make(pile, entries)
	for id := range entries {
		body := "value " + strconv.Itoa(id)
		p["/item/"+strconv.Itoa(id)] = pieceOfPile{body: []byte(body), header: http.Header{
			"Accept-Ranges":  {"bytes"},
			"Age":            {"0"},
			"Cache-Control":  {"no-cache"},
			"Cache-Status":   {"unstale;hit;ttl=" + strconv.Itoa(86400-id%100)},
			"Content-Length": {strconv.Itoa(len(body))},
			"Content-Type":   {"text/plain; charset=utf-8"},
			"Etag":           {`"` + strconv.Itoa(1<<40+id) + `"`},
		}}
	}
	return p
}

func (p pile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := p[r.URL.Path]
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

// servePile is a process with a pile: it does what each residentRound asks for
// in hits.
func servePile(in *json.Decoder, out *json.Encoder) error {
	var s residentSettings
	if err := in.Decode(&s); err != nil {
		return err
	}
	p := newPile(s.Entries)
	runtime.GC()
	if err := out.Encode(residentReady{}); err != nil {
		return err
	}
	for {
		var round residentRound
		if err := in.Decode(&round); err != nil {
			return err
		}
		reply := residentReply{Entries: len(p)}
		if err := hitsInProcess(p, s.Entries, round, &reply); err != nil {
			return err
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}
