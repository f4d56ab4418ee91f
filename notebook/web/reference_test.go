package web

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

const sample = `{
 "openapi": "3.1.0",
 "info": {"title": "Notebook <1>", "version": "1.2"},
 "tags": [{"name": "users", "description": "People"}],
 "security": [{"bearer": []}],
 "paths": {
  "/api/persona/{id}": {
   "summary": "ignored: no operation",
   "parameters": [],
   "delete": {"tags": ["persona"], "summary": "Delete a card", "responses": {"200": {"description": "OK"}}},
   "get": {"tags": ["persona"], "summary": "Show <script>alert(1)</script>", "security": [{}, {"bearer": []}],
    "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}},
                   {"name": "page_size", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}},
                   {"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["asc", "desc"]}}],
    "responses": {"200": {"description": "The card", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Card"}}}},
                  "404": {"description": "Unknown"}}}},
  "/api/users": {
   "post": {"tags": ["users"], "summary": "Make a user", "deprecated": true,
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewUser"}}}},
    "responses": {"200": {"description": "OK"}}}},
  "/health": {"get": {"security": [], "responses": {"200": {"description": "Fine"}}}}
 },
 "components": {"schemas": {
  "Card": {"type": "object", "properties": {"owner": {"$ref": "#/components/schemas/NewUser"}, "tags": {"type": ["array", "null"], "items": {"type": "string"}}}},
  "NewUser": {"type": "object", "required": ["name"], "properties": {"$schema": {"type": "string"}, "email": {"type": "string", "format": "email"}, "name": {"type": "string", "minLength": 3, "maxLength": 20}}},
  "Circle": {"$ref": "#/components/schemas/Circle"}
 }}}`

func render(t *testing.T, document string) string {
	t.Helper()
	page, err := Reference([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestReferenceShowsEveryOperation(t *testing.T) {
	t.Parallel()
	page := render(t, sample)
	for _, want := range []string{
		"Notebook &lt;1&gt;", "Delete a card", "Show &lt;script&gt;", "/api/persona/{id}", "/api/users", "/health",
		"string (uuid)", "≥ 1, ≤ 100, default 20", "one of asc, desc", `href="#schema-Card"`,
		"at least 3 characters, at most 20 characters", "array of string or null", "deprecated", "People",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, not := range []string{"<script", "ignored: no operation", "<code>$schema</code>"} {
		if strings.Contains(page, not) {
			t.Errorf("the page contains %q", not)
		}
	}
	// DELETE and POST need a token, by the document's default; GET of the card
	// and of the health may be asked by anybody.
	if got := strings.Count(page, `<span class="note">token</span>`); got != 2 {
		t.Errorf("%d operations are marked to need a token, want 2", got)
	}
	if users, persona := strings.Index(page, `id="group-users"`), strings.Index(page, `id="group-persona"`); users < 0 || persona < users {
		t.Errorf("groups are not in the order of the document's tags: users at %d, persona at %d", users, persona)
	}
}

func TestReferenceNeedsNothingElse(t *testing.T) {
	t.Parallel()
	page := render(t, sample)
	if m := regexp.MustCompile(`(?i)(src|href)="(https?:)?//[^"]*"|@import|url\(`).FindString(page); m != "" {
		t.Errorf("the page fetches %s", m)
	}
	ids := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("two elements have the id %q", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("a link leads to #%s, which the page lacks", m[1])
		}
	}
}

func TestReferenceIsDeterministic(t *testing.T) {
	t.Parallel()
	first := render(t, sample)
	for range 10 {
		if !bytes.Equal([]byte(first), []byte(render(t, sample))) {
			t.Fatal("two renderings of one document differ")
		}
	}
}

func TestReferenceRefusesWhatIsNoDocument(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"", "[]", `{"paths": {"/x": {"get": 1}}}`} {
		if _, err := Reference([]byte(document)); err == nil {
			t.Errorf("Reference(%q) succeeded", document)
		}
	}
}
