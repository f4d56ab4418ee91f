package api

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
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
func (s *server) completeDocument() {
	doc := s.huma.OpenAPI()
	doc.Info.Description = "Messages are Chinese unless Accept-Language prefers English. Every error has the form of Failure: " +
		"programs tell errors apart by error.code, and people who ask for help quote error.request_id."
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
	status, kind := statusOf(e.Kind)
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
		list = append(list, operationError{http.StatusNotFound, "NOT_FOUND_ERROR", "NOT_FOUND", textUnknown})
	}
	if len(op.Parameters) > 0 || op.RequestBody != nil {
		list = append(list, operationError{http.StatusUnprocessableEntity, "VALIDATION_ERROR", "INPUT_INVALID", textInvalid})
	}
	return append(list, operationError{http.StatusInternalServerError, "DATABASE_ERROR", "INTERNAL_ERROR", textInternal})
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
	details := map[string]any{}
	if e.code == "INPUT_INVALID" {
		details["errors"] = []any{map[string]any{"location": "query.page", "message": "expected number >= 1"}}
	}
	return map[string]any{"success": false, "error": map[string]any{
		"code": e.code, "type": e.kind, "message": e.text.ZH, "details": details,
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
