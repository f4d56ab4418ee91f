package api

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/unstale/unstale/notebook"
)

// Two fields are one list (RFC 9110, section 5.3), and an answer says that it
// depends on it.
func TestAnswersVaryByLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api/persona/public", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["Accept-Language"] = []string{"en", "zh;q=0.2"}
	w := s.serve(r)
	if !slices.Contains(w.Header().Values("Vary"), "Accept-Language") || !hasHan(w.Body.String()) {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
}

func hasHan(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

// sentence is a text in both languages as it stands in the code.
type sentence struct {
	at     string
	zh, en string
}

// sentences returns every text of the notebook's code that is written in both
// languages, and complains of those that are written in one alone.
func sentences(t *testing.T) (list []sentence) {
	t.Helper()
	// Functions that take a Chinese and an English text as their last arguments.
	takes := []string{"newError", "newItemError", "say", "said", "sayOf", "sayPage", "In", "done", "reply", "shown", "unstored", "mail"}
	set := token.NewFileSet()
	add := func(at ast.Node, zh, en ast.Expr) {
		s := sentence{set.Position(at.Pos()).String(), words(zh), words(en)}
		if (s.zh == "") != (s.en == "") {
			t.Errorf("%s: only one language is written", s.at)
		} else if s.zh != "" { // else it is passed on, from where it is written
			list = append(list, s)
		}
	}
	text := func(n *ast.CompositeLit) {
		values := map[string]ast.Expr{}
		for i, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok {
				values[called(kv.Key)] = kv.Value
			} else if i < 2 {
				values[[]string{"ZH", "EN"}[i]] = e
			}
		}
		if values["ZH"] == nil || values["EN"] == nil {
			t.Errorf("%s: a Text lacks a language", set.Position(n.Pos()))
			return
		}
		add(n, values["ZH"], values["EN"])
	}
	err := filepath.WalkDir("..", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if len(n.Args) >= 2 && slices.Contains(takes, called(n.Fun)) {
					add(n, n.Args[len(n.Args)-2], n.Args[len(n.Args)-1])
				}
			case *ast.CompositeLit:
				if m, ok := n.Type.(*ast.MapType); ok && called(m.Value) == "Text" {
					for _, e := range n.Elts {
						if v, ok := e.(*ast.KeyValueExpr).Value.(*ast.CompositeLit); ok && v.Type == nil {
							text(v)
						}
					}
				}
				if called(n.Type) == "Text" {
					text(n)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// called returns the last name of an expression such as notebook.Text or say[T].
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.IndexExpr:
		return called(e.X)
	}
	return ""
}

// words returns the text that an expression holds, whatever it is made of.
func words(e ast.Expr) string {
	var text []string
	ast.Inspect(e, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if s, err := strconv.Unquote(l.Value); err == nil && strings.ContainsFunc(s, unicode.IsLetter) {
				text = append(text, s)
			}
		}
		return true
	})
	return strings.Join(text, " ")
}

// Every error and every message of the code is in Chinese and in English.
func TestEverySentenceIsTranslated(t *testing.T) {
	t.Parallel()
	list := sentences(t)
	if len(list) < 70 {
		t.Errorf("only %d sentences were found: the test looks past the others", len(list))
	}
	for _, s := range list {
		if !hasHan(s.zh) || hasHan(s.en) || strings.TrimSpace(s.en) == "" {
			t.Errorf("%s: %q, %q", s.at, s.zh, s.en)
		}
	}
}

// Every operation fails in the language of whoever asks, with one code, in one
// form, and as it is documented.
func TestEveryOperationFailsInBothLanguages(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]any
		}
	}
	s.decode(s.get("/openapi.json", ""), &doc)
	failures := 0
	for path, operations := range doc.Paths {
		for method, op := range operations {
			method := strings.ToUpper(method)
			target := strings.NewReplacer("{id}", "unknown", "{file_id}", "unknown", "{user_id}", "unknown", "{type}", "unknown").Replace(path)
			var got []failed
			for _, token := range []string{"", "garbage", ann} {
				for _, lang := range []string{"zh", "en"} {
					w := s.send(method, target+"?page=0&target_type=none", token, strings.NewReader("{"), "Content-Type", "application/json", "Accept-Language", lang)
					if w.Code < 400 {
						continue // what anybody may do without any input
					}
					var f failed
					if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || f.Error.Code == "" || f.Error.Type == "" {
						t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
						continue
					}
					if hasHan(f.Error.Message) != (lang == "zh") || f.Error.Message == "" {
						t.Errorf("%s %s in %s: %q", method, target, lang, f.Error.Message)
					}
					if vary := w.Header().Values("Vary"); !slices.Contains(vary, "Accept-Language") {
						t.Errorf("%s %s: Vary %v", method, target, vary)
					}
					if _, ok := op.Responses[strconv.Itoa(w.Code)]; !ok {
						t.Errorf("%s %s: status %d is not documented: %s", method, path, w.Code, w.Body)
					}
					got = append(got, f)
					failures++
				}
			}
			for i := 0; i+1 < len(got); i += 2 {
				if got[i].Error.Code != got[i+1].Error.Code {
					t.Errorf("%s %s: %s in Chinese, %s in English", method, target, got[i].Error.Code, got[i+1].Error.Code)
				}
			}
		}
	}
	if failures < 2*len(doc.Paths) {
		t.Errorf("only %d failures: most operations were not made to fail", failures)
	}
}
