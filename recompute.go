package unstale

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/unstale/unstale/internal/clock"
)

// A Difference is a stored answer that is not what the handler answers now,
// although nothing that it is known to depend on has changed: the handler looks
// at something that nobody declared.
type Difference struct {
	Key    string // of the response
	What   string // what differs, for people
	Stored []byte // the stored body; not to be changed
	Fresh  []byte // the handler's

	private bool // one of them was made for one identity
}

// verify recomputes e, which is about to be served, and reports a difference.
func (g *get) verify(e *Entry) {
	if d, _ := g.recompute(e, g.w.Header()); d != nil {
		g.Verify(*d)
	}
}

// recompute runs the handler as a fill would, where outer stands in the header,
// and compares what it answers with e. It returns a difference only where e is valid still: then nothing that e
// depends on can have changed while the handler ran. decided is false where the
// comparison says nothing, or the handler itself did not want to be believed.
func (g *get) recompute(e *Entry, outer http.Header) (d *Difference, decided bool) {
	c := g.front
	f := c.begin(g.name, false)
	f.verifies = true
	rec, ended := g.rerun(f, outer)
	if !ended || g.lasting != nil && g.lasting.hid.Load() {
		return nil, false
	}
	what := difference(e, rec)
	if c.catchUp(g.r.Context(), g, e) != missNone || c.judge(e, clock.Now()) != missNone {
		return nil, false
	}
	failed := rec.status >= http.StatusInternalServerError && rec.status != e.status
	decided = f.reason() == "" && !failed && !rec.incomplete()
	if what == "" {
		return nil, decided
	}
	return &Difference{Key: g.key, What: what, Stored: e.body, Fresh: rec.body, private: e.asked || f.hasAsked()}, decided
}

// rerun runs the handler as a fill would, where outer stands in the header, for
// nobody to be given the answer. ended is false where the answer is no whole one.
func (g *get) rerun(f *fill, outer http.Header) (rec *recorder, ended bool) {
	s := g.scope(f)
	ctx, cancel := newFillContext(g.r.Context(), s, s.lookedOutside)
	defer cancel()
	defer context.AfterFunc(g.r.Context(), cancel)()
	stood := outer.Clone()
	if stood == nil {
		stood = make(http.Header)
	}
	rec = newRecorder(ctx, &nowhere{header: stood}, g.front.options.MaxBody, func(reason string) {
		f.refuse(reason)
		cancel() // a stream may have no end
	})
	func() {
		defer f.end()
		f.numbered(func() { g.next.ServeHTTP(rec, g.fillRequest(ctx)) })
		rec.finish()
	}()
	return rec, rec.mode == keeping && ctx.Err() == nil
}

// difference says in what a recorded answer differs from the stored one, or "".
// Date and fields that are not stored do not count.
func difference(e *Entry, rec *recorder) string {
	if e.status != rec.status {
		return fmt.Sprintf("status %d, stored %d", rec.status, e.status)
	}
	if !bytes.Equal(e.body, rec.body) {
		i := 0
		for i < min(len(e.body), len(rec.body)) && e.body[i] == rec.body[i] {
			i++
		}
		return fmt.Sprintf("body from byte %d: %q, stored %q", i, excerpt(rec.body[i:]), excerpt(e.body[i:]))
	}
	isDate := func(line headerLine) bool { return line.name == "Date" } // of two answers made at different times
	fresh := slices.DeleteFunc(rec.changes.replayed(rec.touched), isDate)
	stored := slices.DeleteFunc(slices.Clone(e.header), isDate)
	for i := range max(len(fresh), len(stored)) {
		switch {
		case i >= len(fresh):
			return fmt.Sprintf("field %s: nothing, stored %q", stored[i].name, stored[i].value)
		case i >= len(stored):
			return fmt.Sprintf("field %s: %q, not stored", fresh[i].name, fresh[i].value)
		case fresh[i] != stored[i]:
			return fmt.Sprintf("field %s: %q, stored is %s: %q", fresh[i].name, fresh[i].value, stored[i].name, stored[i].value)
		}
	}
	return ""
}

func excerpt(b []byte) []byte { return b[:min(len(b), 40)] }

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
