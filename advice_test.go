package unstale_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adapter"
)

// TestAdvice: of each route, what keeps its answers out of the cache is counted,
// reported once if that is so each time, and listed by the time that it takes.
func TestAdvice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book := new(logbook)
		c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{
			Route:    byPath,
			Policies: map[string]unstale.Policy{"off": {Mode: unstale.ModeOff}},
		})
		db := newToy(c)
		h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "x")
			route := byPath(r)
			takes := map[string]time.Duration{"cookie": time.Second, "clock": 2 * time.Second, "secret": 3 * time.Second, "off": 5 * time.Second}
			switch time.Sleep(takes[route]); route {
			case "mixed":
				if strings.HasSuffix(r.URL.Path, "/0") {
					break // which is stored
				}
				fallthrough
			case "cookie":
				http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
			case "clock":
				db.caller(r.Context()).Refuse("volatile function", "SELECT now()")
			}
			write(w, "x")
		}))
		routes := []string{"cookie", "clock", "secret", "off", "mixed", "fine"}
		ask := func(i int) {
			for _, route := range routes {
				var fields []string
				if route == "secret" {
					fields = append(fields, "Authorization: x")
				}
				if route == "off" {
					fields = append(fields, "Cache-Control: no-store")
				}
				get(h, fmt.Sprintf("/%s/%d", route, i), fields...)
			}
		}
		for i := range 9 {
			ask(i)
		}
		if n := book.count("nothing is ever stored"); n != 0 {
			t.Errorf("after nine requests for each:\n%s", book)
		}
		for i := range 21 {
			ask(i % 12) // some again, which pass because they were not stored lately
		}
		for route, reason := range map[string]string{"cookie": "set-cookie", "clock": "volatile function", "secret": "credentials"} {
			want := regexp.MustCompile(fmt.Sprintf(`nothing is ever stored" reason="?%s"? remedy=".+" (at="SELECT now\(\)" )?route=%s\n`, reason, route))
			if n := len(want.FindAllString(book.String(), -1)); n != 1 {
				t.Errorf("%s: reported %d times", route, n)
			}
		}
		if n := book.count("nothing is ever stored"); n != 3 {
			t.Errorf("%d routes were reported:\n%s", n, book)
		}

		var got []string
		for _, a := range c.Advice() {
			if a.Remedy == "" {
				t.Errorf("%s: no remedy", a.Reason)
			}
			got = append(got, fmt.Sprintf("%s: %s ×%d %v %s", a.Route, a.Reason, a.Count, a.Spent, a.At))
		}
		want := []string{
			"secret: credentials ×30 1m30s ",
			"clock: volatile function ×30 1m0s SELECT now()",
			"cookie: set-cookie ×30 30s ",
			"mixed: set-cookie ×27 0s ",
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("advice:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		s := c.Stats().Routes
		if clock := s["clock"]; clock.Refused["volatile function"] == 0 || clock.Refused["set-cookie"] != 0 || clock.Spent["volatile function"] == 0 {
			t.Errorf("refused %v, spent %v", clock.Refused, clock.Spent)
		}
		if off := s["off"].Spent; off["route off"] != 150*time.Second {
			t.Errorf("of the route that is off: %v", off)
		}
	})
}

// TestAdviceOfMisses: a statement that is coarser than its text allows, and because of
// which alone answers fell, counts with what it took to make them anew; that rows
// changed which matter does not, nor that something was asked for the first time.
func TestAdviceOfMisses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
			Route:    byPath,
			Policies: map[string]unstale.Policy{"report": {Mode: unstale.ModeReportOnly}},
		})
		db := newToy(c)
		coarse, exact := adapter.NewOrigin("SELECT coarse", "t"), adapter.NewOrigin("SELECT exact", "t[id=1]")
		coarse.SetCoarse("or")
		h := handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			for name, origin := range map[string]*adapter.Origin{"a": coarse, "b": exact} {
				d := db.read(name)
				d.From = []adapter.From{{Origin: origin, Count: 1}}
				db.caller(r.Context()).DependOn(d)
			}
		}))
		for _, route := range []string{"on", "report"} {
			get(h, "/"+route+"/1")
			for _, write := range []string{"b", "a", "b", "a"} {
				db.set(write, "1")
				get(h, "/"+route+"/1")
				get(h, "/"+route+"/1")
			}
			var got []unstale.Advice
			for _, a := range c.Advice() {
				if a.Route == route {
					got = append(got, a)
				}
			}
			if len(got) != 1 || got[0].Reason != "changed" || got[0].At != "SELECT coarse" || got[0].Count != 2 || got[0].Spent != 2*time.Second || !strings.Contains(got[0].Remedy, "IN") {
				t.Errorf("%s: %+v", route, got)
			}
			if spent := c.Stats().Routes[route].Spent["changed"]; spent != 4*time.Second {
				t.Errorf("%s: %v for what had changed", route, spent)
			}
		}
		c.ResetStats()
		if a := c.Advice(); len(a) > 0 {
			t.Errorf("after ResetStats: %v", a)
		}
	})
}

// TestStatementsReportedOnce: a statement of which no result is stored is reported
// once, with what would change that; how many are remembered is bounded.
func TestStatementsReportedOnce(t *testing.T) {
	t.Parallel()
	book := new(logbook)
	c := newCache(t, unstale.Options{Logger: book.logger()})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		db.caller(r.Context()).Refuse("volatile function", "SELECT "+r.URL.Path[1:])
		db.caller(r.Context()).Refuse("failed read", "")
		db.caller(unstale.Outside(r.Context())).Refuse("volatile function", "SELECT nobody")
	}))
	for range 3 {
		get(h, "/a")
		get(h, "/b")
	}
	for _, want := range []string{`statement="SELECT a"`, `statement="SELECT b"`} {
		if book.count(want) != 1 {
			t.Errorf("%s stands %d times in\n%s", want, book.count(want), book)
		}
	}
	if n := book.count("ExpireAt"); n != 2 {
		t.Errorf("the remedy stands %d times in\n%s", n, book)
	}
	for i := range 2000 {
		get(h, "/"+strconv.Itoa(i))
	}
	if n := book.count("statement="); n < 900 || n > 1000 {
		t.Errorf("%d statements were reported", n) // "other" is one
	}
}

// TestEveryReasonHasARemedy, or somebody has said that it needs none.
func TestEveryReasonHasARemedy(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`^(refused|reason|Reason|bypass|miss|coarse)[A-Z]`)
	found := 0
	for _, dir := range []string{".", "internal/rfc9111", "internal/sqltrack", "internal/sqldep", "internal/shape", "sqlite", "sqlite/internal/dialect"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if filepath.Base(file) == "changes.go" {
				continue // why commits are coarse, which no service is to change
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				spec, ok := n.(*ast.ValueSpec)
				if !ok || len(spec.Values) != 1 || !name.MatchString(spec.Names[0].Name) {
					return true
				}
				lit, ok := spec.Values[0].(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING {
					return true
				}
				reason, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				if found++; reason != "lately not stored: " && reason != "" && !unstale.KnowsRemedy(reason) {
					t.Errorf("%s: %s: nobody has said what would change %q", file, spec.Names[0].Name, reason)
				}
				return true
			})
		}
	}
	if found < 60 {
		t.Errorf("only %d reasons were found", found)
	}
}
