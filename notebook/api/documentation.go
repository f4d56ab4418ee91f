package api

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
)

// documentedErrors is the key of an operation's errors in its metadata, which
// are not part of the document.
const documentedErrors = "errors"

// fails documents errors that an operation answers with, besides those that
// follow from its form: see formErrors.
func fails(errs ...*notebook.Error) func(*huma.Operation) {
	return func(op *huma.Operation) {
		if op.Metadata == nil {
			op.Metadata = map[string]any{}
		}
		known, _ := op.Metadata[documentedErrors].([]*notebook.Error)
		op.Metadata[documentedErrors] = append(known, errs...)
	}
}

// completeDocument documents what follows from the form of each operation: the
// errors, with their codes, and examples. It comes after the last route.
func (a *api) completeDocument() {
	doc := a.huma.OpenAPI()
	doc.Info.Description = "Messages are Chinese unless Accept-Language is en and nothing else: what browsers send by themselves asks for nothing. " +
		"Every error has the form of Failure: programs tell errors apart by error.details.code, and people who ask for help quote " +
		"error.code, a number, and error.request_id."
	d := documenter{registry: doc.Components.Schemas}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op != nil {
				d.tidy(op)
				d.errors(path, op)
				d.examples(op)
			}
		}
	}
	for _, s := range d.registry.Map() {
		tellApart(s)
	}
}

// tellApart gives generators of Go code a name for each property that is there
// under two names, created_at and createdAt, of which they would make one.
func tellApart(s *huma.Schema) {
	for name, p := range s.Properties {
		first, rest, _ := strings.Cut(name, "_")
		camel := first
		for word := range strings.SplitSeq(rest, "_") {
			if word != "" {
				camel += strings.ToUpper(word[:1]) + word[1:]
			}
		}
		if twin := s.Properties[camel]; twin != nil && twin != p {
			twin.Extensions = map[string]any{"x-go-name": strings.ToUpper(camel[:1]) + camel[1:] + "Camel"}
		}
	}
}

// A documenter completes operations.
type documenter struct{ registry huma.Registry }

// An operationError is an error as it is documented.
type operationError struct {
	status     int
	kind, code string
	text       notebook.Text
}

func documentedError(e *notebook.Error) operationError {
	status, kind := server.StatusOf(e.Kind)
	return operationError{status, kind, e.Code, e.Text}
}

// formErrors returns the errors that an operation can answer with because of its
// form: who may use it, what it takes, and that anything can break.
func formErrors(path string, op *huma.Operation) []operationError {
	var list []operationError
	if len(op.Security) > 0 {
		list = append(list, documentedError(notebook.ErrLoginRequired), documentedError(notebook.ErrInvalidToken), documentedError(notebook.ErrForbidden))
	}
	if strings.Contains(path, "{") {
		list = append(list, operationError{http.StatusNotFound, "NOT_FOUND_ERROR", "NOT_FOUND", server.TextUnknown})
	}
	if len(op.Parameters) > 0 || op.RequestBody != nil {
		list = append(list, operationError{http.StatusUnprocessableEntity, "VALIDATION_ERROR", "INPUT_INVALID", server.TextInvalid}, documentedError(notebook.ErrText))
	}
	return append(list, operationError{http.StatusInternalServerError, "DATABASE_ERROR", "INTERNAL_ERROR", server.TextInternal})
}

// tidy removes what a client generator would stumble over: the field that is
// never a parameter, and the bytes as which a body is read that is documented.
func (d documenter) tidy(op *huma.Operation) {
	op.Parameters = slices.DeleteFunc(op.Parameters, func(p *huma.Param) bool {
		return p.In == "header" && p.Name == "Content-Type"
	})
	if body := op.RequestBody; body != nil && body.Content["application/json"] != nil {
		delete(body.Content, "application/octet-stream")
	}
}

// errors documents the errors of an operation, each with an example.
func (d documenter) errors(path string, op *huma.Operation) {
	known, _ := op.Metadata[documentedErrors].([]*notebook.Error)
	list := formErrors(path, op)
	for _, e := range known {
		list = append(list, documentedError(e))
	}
	schema := d.registry.Schema(failureType, true, "Failure")
	delete(op.Responses, "default")
	for _, e := range list {
		status := strconv.Itoa(e.status)
		r := op.Responses[status]
		if r == nil {
			r = &huma.Response{Content: map[string]*huma.MediaType{"application/json": {Schema: schema, Examples: map[string]*huma.Example{}}}}
			op.Responses[status] = r
		}
		examples := r.Content["application/json"].Examples
		examples[e.code] = &huma.Example{Summary: e.text.EN, Value: exampleFailure(path, e)}
		codes := slices.Sorted(maps.Keys(examples))
		r.Description = http.StatusText(e.status) + ": " + strings.Join(codes, ", ")
	}
}

func exampleFailure(path string, e operationError) any {
	details := map[string]any{"code": e.code}
	if e.code == "INPUT_INVALID" {
		details["errors"] = []any{map[string]any{"location": "query.page", "message": "expected number >= 1"}}
	}
	return map[string]any{"success": false, "error": map[string]any{
		"code": server.Number(e.status, e.code), "type": e.kind, "message": e.text.ZH, "details": details,
		"request_id": exampleID, "path": strings.NewReplacer("{", "", "}", "").Replace(path), "timestamp": exampleTime.Format(time.RFC3339Nano),
	}}
}

// examples gives each body and each parameter an example.
func (d documenter) examples(op *huma.Operation) {
	for _, p := range op.Parameters {
		if p.Example == nil && len(p.Examples) == 0 && p.Schema != nil {
			p.Example = d.example(p.Schema, p.Name, 0)
		}
	}
	if op.RequestBody != nil {
		d.exampleContent(op.RequestBody.Content)
	}
	for _, r := range op.Responses {
		d.exampleContent(r.Content)
	}
}

func (d documenter) exampleContent(content map[string]*huma.MediaType) {
	for _, m := range content {
		if m.Example == nil && len(m.Examples) == 0 && m.Schema != nil {
			m.Example = d.example(m.Schema, "", 0)
		}
	}
}

// What every example says of ids and times.
const exampleID = "3e8e7bb6-5d0c-4c57-9d1e-2a4f8b6c7d10"

var (
	failureType = reflect.TypeFor[server.Failure]()
	exampleTime = time.Date(2026, time.February, 24, 12, 0, 0, 0, time.UTC)
)

// exampleTexts returns an example for fields that say the same wherever they
// stand. A field whose tag names an example has that one instead.
func exampleTexts() map[string]string {
	return map[string]string{
		"message": "操作成功", "name": "麦麦", "title": "麦麦", "description": "温柔的聊天伙伴", "content": "补充说明", "tags": "猫,温柔",
		"username": "maimai", "author": "maimai", "uploader": "maimai", "copyright_owner": "maimai", "uploader_id": exampleID,
		"email": "mai@example.com", "password": "secret12", "current_password": "secret12", "new_password": "better34", "confirm_password": "better34",
		"verification_code": "123456", "reason": "内容不完整", "rejection_reason": "内容不完整", "mute_reason": "广告", "ban_reason": "广告",
		"file_name": "bot_config.toml", "original_name": "bot_config.toml", "file_type": ".toml", "base_path": "files", "version": "1.0",
		"token_type": "bearer", "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.signature", "refresh_token": "eyJhbGciOiJIUzI1NiJ9.e30.signature",
		"avatar_url": "/uploads/avatars/mai.png", "openapi": "/openapi.json", "docs": "/docs",
		"Cache-Control": "no-store", "Content-Type": "application/octet-stream",
	}
}

// maxExampleDepth bounds examples of schemas that refer in a circle.
const maxExampleDepth = 8

// example returns a value that fits the schema, named as the field or parameter
// it is for.
func (d documenter) example(s *huma.Schema, name string, depth int) any {
	if s.Ref != "" {
		s = d.registry.SchemaFromRef(s.Ref)
	}
	switch {
	case s == nil || depth > maxExampleDepth:
		return nil
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	case len(s.OneOf) > 0:
		return d.example(s.OneOf[0], name, depth+1)
	}
	switch s.Type {
	case huma.TypeObject:
		return d.exampleObject(s, depth)
	case huma.TypeArray:
		return []any{d.example(s.Items, strings.TrimSuffix(name, "s"), depth+1)}
	case huma.TypeString:
		return exampleText(s, name)
	case huma.TypeInteger:
		if s.Minimum != nil {
			return int(*s.Minimum)
		}
		return 1
	case huma.TypeNumber:
		return 0.5
	case huma.TypeBoolean:
		return true
	}
	return map[string]any{}
}

func (d documenter) exampleObject(s *huma.Schema, depth int) any {
	object := map[string]any{}
	for name, p := range s.Properties {
		object[name] = d.example(p, name, depth+1)
	}
	if more, ok := s.AdditionalProperties.(*huma.Schema); ok {
		object["name"] = d.example(more, "", depth+1)
	}
	if s.Nullable && len(object) == 0 {
		return nil
	}
	return object
}

func exampleText(s *huma.Schema, name string) string {
	switch s.Format {
	case "date-time":
		return exampleTime.Format(time.RFC3339)
	case "binary":
		return "…"
	}
	if text, ok := exampleTexts()[name]; ok {
		return text
	}
	if name == "id" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "Id") {
		return exampleID
	}
	text := "…"
	if s.MinLength != nil && *s.MinLength > 1 {
		text = strings.Repeat("x", *s.MinLength)
	}
	return text
}

func splitPattern(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, path
}

// operationID returns a name such as get-persona-id-starred.
func operationID(method, path string) string {
	words := strings.FieldsFunc(strings.TrimPrefix(path, "/api/"), func(r rune) bool { return strings.ContainsRune("/{}_", r) })
	return strings.Join(append([]string{strings.ToLower(method)}, words...), "-")
}

// tag returns the first segment of a path, which groups the documentation.
func tag(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "/api"), "/"), "/")
	if first == "" {
		return "site"
	}
	return first
}
