package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// placeholder stands in a request where something is put that is no text.
const placeholder = "PLACEHOLDER"

// A spelling says how something that is no text is written in one kind of place.
type spelling struct{ inURL, inJSON, raw string }

// noTexts are what no database keeps as a text, or not every one: NUL, and bytes that
// are not UTF-8, among them half a surrogate pair.
var noTexts = []spelling{
	{"%00", `\u0000`, "\x00"}, {"a%00b", `a\u0000b`, "a\x00b"}, {"%ff", "\xff", "\xff"}, {"a%ed%a0%80b", "a\xed\xa0\x80b", "a\xed\xa0\x80b"},
}

// A probe is a request that holds the placeholder in one place.
type probe struct {
	where      string
	path, body string
	kind       string
	spell      func(spelling) string
}

func (n spelling) url() string  { return n.inURL }
func (n spelling) json() string { return n.inJSON }
func (n spelling) form() string { return n.raw }

// takesText reports whether a value may be a string, or a list of them, and whether
// only a list of them.
func takesText(s *openapi3.Schema) (takes, list bool) {
	if s.Format == "binary" || s.Format == "date-time" {
		return false, false
	}
	if s.Type.Includes("string") {
		return true, false
	}
	if s.Type.Includes("array") && s.Items != nil {
		takes, _ := takesText(s.Items.Value)
		return takes, true
	}
	for _, one := range slices.Concat(s.OneOf, s.AnyOf) {
		if takes, list := takesText(one.Value); takes {
			return true, list
		}
	}
	return false, false
}

// probes returns requests with the placeholder in each parameter and each field of an
// operation, and else like one that succeeds.
func probes(t *testing.T, template string, op *openapi3.Operation, r request) []probe {
	t.Helper()
	var list []probe
	for _, p := range op.Parameters {
		if takes, _ := takesText(p.Value.Schema.Value); !takes {
			continue
		}
		path, spell := r.path, spelling.url
		switch p.Value.In {
		case "path":
			words, names := strings.Split(strings.SplitN(path, "?", 2)[0], "/"), strings.Split(template, "/")
			words[slices.Index(names, "{"+p.Value.Name+"}")] = placeholder
			path = strings.Join(words, "/")
		case "query":
			before, query, _ := strings.Cut(path, "?")
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			values.Set(p.Value.Name, placeholder)
			path = before + "?" + values.Encode()
		default:
			t.Fatalf("%s: a parameter in the %s", template, p.Value.In)
		}
		body, kind := r.encoded(t)
		list = append(list, probe{p.Value.In + " " + p.Value.Name, path, body, kind, spell})
	}
	if op.RequestBody == nil {
		return list
	}
	for kind, content := range op.RequestBody.Value.Content {
		list = append(list, bodyProbes(t, kind, content.Schema.Value, r)...)
	}
	return list
}

func bodyProbes(t *testing.T, kind string, schema *openapi3.Schema, r request) (list []probe) {
	t.Helper()
	base := map[string]any{}
	for name, field := range schema.Properties {
		if takes, inList := takesText(field.Value); takes && !inList && slices.Contains(schema.Required, name) {
			base[name] = "someone@example.com" // whatever it is, it is a text
		}
	}
	if body, kind := r.encoded(t); kind == "application/json" {
		if err := json.Unmarshal([]byte(body), &base); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		takes, inList := takesText(schema.Properties[name].Value)
		if !takes && !isFile(name) {
			continue
		}
		fields := maps.Clone(base)
		fields[name] = placeholder
		if inList {
			fields[name] = []string{placeholder}
		}
		p := probe{where: kind + " " + name, path: r.path, kind: kind, spell: spelling.form}
		switch kind {
		case "application/json":
			text, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			p.body, p.spell = string(text), spelling.json
		case "application/x-www-form-urlencoded":
			values := url.Values{}
			for name, value := range fields {
				values.Set(name, fmt.Sprint(value))
			}
			p.body, p.spell = values.Encode(), spelling.url
		case "multipart/form-data":
			p.body, p.kind = multipartProbe(t, schema, fields)
		default:
			t.Fatalf("a body of type %s", kind)
		}
		list = append(list, p)
	}
	return list
}

// isFile reports whether a field of a form is files.
func isFile(name string) bool { return name == "files" || name == "avatar" }

// multipartProbe returns a form in which the placeholder is also what a file is named,
// if there is one.
func multipartProbe(t *testing.T, schema *openapi3.Schema, fields map[string]any) (body, kind string) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name := range schema.Properties {
		value, given := fields[name].(string)
		if takes, _ := takesText(schema.Properties[name].Value); takes && given {
			_ = w.WriteField(name, value)
			continue
		}
		if !isFile(name) {
			continue
		}
		file := "bot_config.toml"
		if fields[name] != nil {
			file = placeholder + ".toml"
		}
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, name, file)}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = part.Write([]byte("version = \"1\"\n"))
	}
	_ = w.Close()
	return form.String(), w.FormDataContentType()
}

// encoded returns the body of a request and its type.
func (r request) encoded(t *testing.T) (body, kind string) {
	t.Helper()
	if r.body == nil {
		return "", ""
	}
	if text, ok := r.body.(string); ok {
		if r.kind == "" {
			return text, "application/json"
		}
		return text, r.kind
	}
	text, err := json.Marshal(r.body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), "application/json"
}

// TestTexts puts what is no text into each parameter and each field of each operation
// of the document. Whatever the database makes of it, it is the client's mistake.
func TestTexts(t *testing.T) {
	t.Parallel()
	w := newEverything(t)
	doc, err := openapi3.NewLoader().LoadFromData(w.nobody().once("/openapi.json").body)
	if err != nil {
		t.Fatal(err)
	}
	table := accessTo()
	asked := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			known := table[method+" "+path]
			if len(known) == 0 {
				t.Errorf("nobody knows how to ask for %s %s", method, path) // see TestWhoMayDoWhat
				continue
			}
			for _, p := range probes(t, path, op, known[0].make(w)) {
				for _, n := range noTexts {
					asked++
					w.refusesNoText(method+" "+path, method, p, n, asked)
				}
			}
		}
	}
	t.Logf("%d questions", asked)
	for _, path := range []string{"/persona/PLACEHOLDER", "/knowledge/PLACEHOLDER", "/persona?name=PLACEHOLDER", "/knowledge?uploader_id=PLACEHOLDER", "/PLACEHOLDER"} {
		for _, n := range noTexts {
			asked++
			w.refusesNoText("page", http.MethodGet, probe{path, path, "", "", spelling.url}, n, asked)
		}
	}
	for _, page := range []string{"/login", "/register", "/register/code", "/persona/" + w.of["persona"].public.ID + "/comments"} {
		for _, n := range noTexts {
			asked++
			body := "username=u&password=p&verification_code=123456&email=PLACEHOLDER&content=PLACEHOLDER&parent_id=PLACEHOLDER"
			w.refusesNoText("page", http.MethodPost, probe{page, page, body, "application/x-www-form-urlencoded", spelling.url}, n, asked)
		}
	}
}

func (w *everything) refusesNoText(operation, method string, p probe, n spelling, asked int) {
	w.Helper()
	put := func(in, spelt string) string { return strings.ReplaceAll(in, placeholder, spelt) }
	target := put(p.path, n.url())
	r := httptest.NewRequestWithContext(w.Context(), method, target, strings.NewReader(put(p.body, p.spell(n))))
	if p.kind != "" {
		r.Header.Set("Content-Type", p.kind)
	}
	r.RemoteAddr = fmt.Sprintf("10.0.%d.%d:1", asked>>8&255, asked&255) // nobody asks too often
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	as := "alice"
	if strings.Contains(operation, "/admin/") || strings.Contains(operation, "/review/") {
		as = "root"
	}
	r.Header.Set("Authorization", "Bearer "+w.tokens[as])
	got := httptest.NewRecorder()
	w.handler.ServeHTTP(got, r)
	switch got.Code {
	case http.StatusUnprocessableEntity, http.StatusNotFound, http.StatusBadRequest:
	default:
		w.Errorf("%s, %s: %q is answered with %d: %.200s", operation, p.where, n.raw, got.Code, got.Body)
	}
}
