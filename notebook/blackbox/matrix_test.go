package blackbox_test

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// constant says why no step of the story changes what a GET answers.
var constant = map[string]string{
	"GET /":                      "it stays the same while the process runs",
	"GET /docs":                  "it stays the same while the process runs",
	"GET /openapi.json":          "it stays the same while the process runs",
	"GET /api/moderation/health": "it changes with a service of others, for which the api has a test",
}

// undocumented are the GETs that are no operations of the document.
var undocumented = []string{"GET /docs", "GET /openapi.json"}

// A witness notes which operations were carried out.
type witness struct {
	http.RoundTripper
	document
	succeeded map[string]int
}

func (o *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := o.RoundTripper.RoundTrip(r)
	if err == nil && w.StatusCode < 300 {
		o.succeeded[o.operation(r.Method, r.URL.Path)]++
	}
	return w, err
}

// TestEveryWriteAndEveryRead makes every write that the document has, and asks
// every GET that it has after each of them. Nobody says which GET shows which
// write: a second site, without a cache and on the same data, is asked as well,
// before and after, and where its answer changed, so must that of the first, at
// once. A route that is new in the document fails the test until it is part of
// the world or of the story.
func TestEveryWriteAndEveryRead(t *testing.T) {
	t.Parallel()
	w := newEverything(t)
	everyWriteAndEveryRead(w, w)
}

// everyWriteAndEveryRead writes to w and reads from reader, which may be another
// notebook on the same data.
func everyWriteAndEveryRead(w, reader *everything) {
	doc := w.document()
	seen := &witness{w.http.Transport, doc, map[string]int{}}
	w.http.Transport = seen
	m := &matrix{everything: reader, beside: sharesWith(w, reader), twin: w.twin(), routes: map[read]string{}, changes: map[string]int{}}
	for _, g := range w.gets() {
		for _, path := range g.paths {
			for _, as := range g.as {
				m.routes[read{as, path}] = "GET " + g.route
			}
		}
	}
	m.truth = m.truths()
	for r := range m.routes {
		if m.truth[r].status != http.StatusOK {
			w.Errorf("%s as %q: %d %s", r.path, r.as, m.truth[r].status, m.truth[r].body)
		}
		m.check("at first", r, m.truth[r])
		m.warm("at first", r)
	}
	rows, pairs := w.tables(), 0
	changed := map[string]bool{}
	for _, s := range story() {
		s.do(w)
		shown := m.step(s)
		pairs += shown
		for table, digest := range w.tables() {
			changed[table] = changed[table] || digest != rows[table]
			rows[table] = digest
		}
	}
	w.Logf("%d GETs, %d steps, %d answers that changed with them", len(m.routes), len(story()), pairs)
	m.complete(doc, seen.succeeded, changed)
}

// twinAskers is how many ask the twin at a time.
const twinAskers = 4

// A matrix knows what every GET has to answer.
type matrix struct {
	*everything
	twin    *site
	beside  *site // another one that answers what it answers, before it is asked; or nil
	routes  map[read]string
	truth   map[read]answer
	changes map[string]int // by route
}

// step asks every GET after a step, and returns how many answers it changed.
func (m *matrix) step(s step) (shown int) {
	m.Helper()
	kept := 0
	for r, want := range m.truths() {
		route := m.routes[r]
		hit := m.check(s.name, r, want)
		if want.meaning() != m.truth[r].meaning() {
			shown++
			m.changes[route]++
		} else if hit {
			kept++
		}
		m.truth[r] = want
		if !hit {
			m.warm(s.name, r)
		}
	}
	if s.silent != (shown == 0) {
		m.Errorf("%s: silent is %v, and it shows in %d GETs", s.name, s.silent, shown)
	}
	m.Logf("%s: shows in %d, %d are hits still", s.name, shown, kept)
	return shown
}

// truths asks the twin every GET, several at a time.
func (m *matrix) truths() map[read]answer {
	reads := slices.Collect(maps.Keys(m.routes))
	answers := make([]answer, len(reads))
	var askers sync.WaitGroup
	for first := range twinAskers {
		askers.Go(func() {
			for i := first; i < len(reads); i += twinAskers {
				answers[i] = reads[i].peek(m.twin)
			}
		})
	}
	askers.Wait()
	truths := make(map[read]answer, len(reads))
	for i, r := range reads {
		truths[r] = answers[i]
	}
	return truths
}

// check fails the test unless the GET answers what it has to, and reports whether
// it was a hit.
func (m *matrix) check(when string, r read, want answer) (hit bool) {
	m.Helper()
	if m.beside != nil {
		if got := r.peek(m.beside); got.meaning() != want.meaning() {
			m.Errorf("%s: %s as %q is stale where it was written (%s)\n got %.1000q\nwant %.1000q", when, r.path, r.as, got.header.Get("Cache-Status"), got.meaning(), want.meaning())
		}
	}
	got := r.peek(m.site)
	if got.meaning() != want.meaning() {
		m.Errorf("%s: %s as %q is stale (%s)\n got %.1000q\nwant %.1000q", when, r.path, r.as, got.header.Get("Cache-Status"), got.meaning(), want.meaning())
	}
	return got.hit()
}

// warm asks once more, which is a hit. On PostgreSQL the look of a request may be what
// tells of a write: it comes after who asks began to be found out, so that what is made
// for them alone counts as older than the write, and is made once more.
func (m *matrix) warm(when string, r read) {
	m.Helper()
	hit := m.check(when+", warm", r, m.truth[r])
	if !hit && *onPostgres {
		hit = m.check(when+", warm", r, m.truth[r])
	}
	if !hit && m.truth[r].status == http.StatusOK {
		m.Errorf("%s: the second GET of %s as %q is no hit", when, r.path, r.as)
	}
}

// complete fails the test unless all there is was part of it: every operation,
// every GET as one whose answer changes, and every table.
func (m *matrix) complete(doc document, succeeded map[string]int, changed map[string]bool) {
	m.Helper()
	asked := slices.Collect(maps.Values(m.routes))
	var passing []string
	for _, g := range m.passing() {
		passing = append(passing, "GET "+g.route)
	}
	for operation := range doc {
		get := strings.HasPrefix(operation, "GET ")
		switch {
		case !get && succeeded[operation] == 0:
			m.Errorf("no step of the story does %s", operation)
		case get && !slices.Contains(asked, operation) && !slices.Contains(passing, operation):
			m.Errorf("nobody asks for %s", operation)
		}
	}
	for _, operation := range asked {
		if _, known := doc[operation]; !known && !slices.Contains(undocumented, operation) {
			m.Errorf("%s is no operation of the document", operation)
		}
		if _, same := constant[operation]; same == (m.changes[operation] > 0) {
			m.Errorf("%s changed %d times", operation, m.changes[operation])
		}
	}
	for table, did := range changed {
		if !did {
			m.Errorf("no step of the story changes the table %s", table)
		}
	}
}

// tables returns a digest of what each table holds.
func (s *site) tables() map[string]string {
	s.Helper()
	all := map[string]string{}
	names := "SELECT group_concat(name) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%' AND name NOT LIKE 'sqlite%'"
	if *onPostgres {
		names = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('goose_db_version', 'notebook')"
	}
	for table := range strings.SplitSeq(s.text(names), ",") {
		lines := "SELECT coalesce(group_concat(line, char(10) ORDER BY line), '') FROM (SELECT quote(" + strings.Join(s.columns(table), ") || quote(") + ") AS line FROM " + table + ")"
		if *onPostgres {
			lines = "SELECT coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '') FROM " + table + " t"
		}
		rows := s.text(lines)
		all[table] = fmt.Sprintf("%x", sha256.Sum256([]byte(rows)))
	}
	return all
}
