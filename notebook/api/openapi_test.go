package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	_ "github.com/oapi-codegen/runtime" // what is generated imports it

	"github.com/unstale/unstale/notebook"
)

// specification returns a valid document. Its examples fit their schemas.
func (s *site) specification(path string) *openapi3.T {
	s.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(s.get(path, "").Body.Bytes())
	if err != nil {
		s.Fatalf("%s: %v", path, err)
	}
	if err := doc.Validate(s.Context(), openapi3.EnableExamplesValidation()); err != nil {
		s.Fatalf("%s: %v", path, err)
	}
	return doc
}

// Every operation says all that a client, or its generator, has to know.
func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.specification("/openapi.json")
	ids := map[string]string{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := method + " " + path
			if op.OperationID == "" || op.Summary == "" || len(op.Tags) == 0 {
				t.Errorf("%s: id %q, summary %q, tags %v", at, op.OperationID, op.Summary, op.Tags)
			}
			if other, taken := ids[op.OperationID]; taken {
				t.Errorf("%s and %s have one id", at, other)
			}
			ids[op.OperationID] = at
			for _, p := range op.Parameters {
				if p.Value.Schema == nil || p.Value.Example == nil {
					t.Errorf("%s: the parameter %s lacks a schema or an example", at, p.Value.Name)
				}
			}
			if op.RequestBody != nil {
				complete(t, at+": body", op.RequestBody.Value.Content)
			}
			socket := op.Responses.Value("101") != nil // what follows, and what refuses it, is no JSON
			succeeds, fails := socket, 0
			for status, r := range op.Responses.Map() {
				switch {
				case status >= "400":
					fails++
					complete(t, at+": "+status, r.Value.Content)
					if m := r.Value.Content["application/json"]; m == nil || m.Schema.Ref != "#/components/schemas/Failure" {
						t.Errorf("%s: %s is no failure", at, status)
					}
				case status == "101":
				default:
					succeeds = true
					complete(t, at+": "+status, r.Value.Content)
				}
			}
			if !succeeds || fails == 0 || op.Responses.Value("500") == nil {
				t.Errorf("%s: success %v, %d kinds of failure", at, succeeds, fails)
			}
			secured := op.Security != nil && len(*op.Security) > 0
			if secured && (op.Responses.Value("401") == nil || op.Responses.Value("403") == nil) {
				t.Errorf("%s needs a token and cannot be refused", at)
			}
			if public := strings.HasPrefix(path, "/api/persona/public"); public && secured {
				t.Errorf("%s: needs a token", at)
			}
		}
	}
	if len(ids) < 40 {
		t.Errorf("only %d operations", len(ids))
	}
	upload := doc.Paths.Value("/api/persona/upload").Post.RequestBody.Value.Content["multipart/form-data"]
	if upload == nil || upload.Schema.Value.Properties["files"] == nil {
		t.Error("an upload has no files")
	}
	if doc.Components.SecuritySchemes["bearer"] == nil {
		t.Error("how to send a token is not said")
	}
}

// complete fails the test unless each form of a body has a schema and an
// example.
func complete(t *testing.T, at string, content openapi3.Content) {
	t.Helper()
	if len(content) == 0 {
		t.Errorf("%s: no content", at)
	}
	for kind, m := range content {
		if m.Schema == nil || m.Example == nil && len(m.Examples) == 0 {
			t.Errorf("%s: %s lacks a schema or an example", at, kind)
		}
	}
}

// clientProgram uses a generated client as its user would.
const clientProgram = `package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	c, err := NewClientWithResponses(os.Args[1])
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	in, err := c.PostAuthTokenWithResponse(ctx, PostAuthTokenJSONRequestBody{Username: os.Args[2], Password: os.Args[3]})
	if err != nil || in.JSON200 == nil {
		panic(fmt.Sprint(err, string(in.Body)))
	}
	list, err := c.GetPersonaPublicWithResponse(ctx, nil)
	if err != nil || list.JSON200 == nil {
		panic(fmt.Sprint(err, string(list.Body)))
	}
	none, err := c.GetPersonaIdWithResponse(ctx, "unknown")
	if err != nil || none.JSON404 == nil {
		panic(fmt.Sprint(err, string(none.Body)))
	}
	fmt.Println(in.JSON200.Data.User.Username, list.JSON200.Pagination.Total, none.JSON404.Error.Code)
}
`

// A client generated from the document compiles, and works against the service.
func TestGeneratedClientWorks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.user("ann", notebook.RoleUser)
	source, err := codegen.Generate(s.specification("/openapi.json"), codegen.Configuration{
		PackageName: "main", Generate: codegen.GenerateOptions{Models: true, Client: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	// The package is one of this module, for what it imports, but on no disk.
	dir, err := filepath.Abs("generatedclient")
	if err != nil {
		t.Fatal(err)
	}
	overlay := map[string]map[string]string{"Replace": {}}
	temp := t.TempDir()
	for name, content := range map[string]string{"client.go": source, "main.go": clientProgram} {
		at := filepath.Join(temp, name)
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay["Replace"][filepath.Join(dir, name)] = at
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(temp, "overlay.json"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(temp, "client")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(temp, "overlay.json"), "-o", binary, "./generatedclient")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server := httptest.NewServer(http.HandlerFunc(s.handler.ServeHTTP))
	defer server.Close()
	out, err := exec.CommandContext(t.Context(), binary, server.URL, "ann", password).CombinedOutput()
	if want := fmt.Sprintln("ann", 0, "14001"); err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}
