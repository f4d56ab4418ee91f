package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
)

// An envelope is the form of every successful answer.
type envelope[T any] struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Data    T      `json:"data"`
}

// answer is a successful answer with data.
type answer[T any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         envelope[T]
}

// nothing is the data of an answer that has none.
type nothing struct{}

// Schema says that there is none.
func (nothing) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Nullable: true, AdditionalProperties: false}
}

// say returns an answer with a message in the caller's language.
func say[T any](ctx context.Context, data T, zh, en string) *answer[T] {
	return &answer[T]{Body: envelope[T]{true, server.In(ctx, zh, en), data}}
}

// said returns an answer that is a message alone.
func said(ctx context.Context, zh, en string) *answer[*nothing] {
	return say[*nothing](ctx, nil, zh, en)
}

// done returns an answer that is a message alone, unless err is not nil.
func done(ctx context.Context, err error, zh, en string) (*answer[*nothing], error) {
	return reply[*nothing](ctx, nil, err, zh, en)
}

// reply returns an answer with data, unless err is not nil.
func reply[T any](ctx context.Context, data T, err error, zh, en string) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return say(ctx, data, zh, en), nil
}

// shown returns an answer with what show makes of v, unless err is not nil.
func shown[V, T any](ctx context.Context, v V, err error, show func(V) T, zh, en string) (*answer[T], error) {
	if err != nil {
		return nil, err
	}
	return say(ctx, show(v), zh, en), nil
}

// noStore marks an answer that no cache may keep.
func noStore[T any](a *answer[T]) *answer[T] {
	a.CacheControl = "no-store"
	return a
}

// pagination says which part of a list an answer is.
type pagination struct {
	Page       int `json:"page"`
	PageSize   int `json:"page_size"`
	Total      int `json:"total"`
	TotalPages int `json:"total_pages"`
}

// pageAnswer is a successful answer with a part of a list.
type pageAnswer[T any] struct {
	Body struct {
		Success    bool       `json:"success"`
		Message    string     `json:"message"`
		Data       []T        `json:"data"`
		Pagination pagination `json:"pagination"`
	}
}

// sayPage returns a page with what convert makes of the items, unless err is not
// nil.
func sayPage[I, T any](ctx context.Context, err error, items []I, convert func(*I) T, p notebook.Page, total int, zh, en string) (*pageAnswer[T], error) {
	if err != nil {
		return nil, err
	}
	var a pageAnswer[T]
	a.Body.Success, a.Body.Message = true, server.In(ctx, zh, en)
	a.Body.Data = make([]T, len(items))
	for i := range items {
		a.Body.Data[i] = convert(&items[i])
	}
	a.Body.Pagination = pagination{p.Number, p.Size, total, (total + p.Size - 1) / p.Size}
	return &a, nil
}

// maxPage bounds the number of a page.
const maxPage = 100_000_000

// cutPage returns the page that a request asks for, cut to what there can be:
// these lists answer whatever number and size are sent.
func cutPage(number, size, most int) notebook.Page {
	return notebook.Page{Number: min(max(number, 1), maxPage), Size: min(max(size, 1), most)}
}

// sorting returns by which of the known fields, the first without one of them, and
// in which direction a request sorts a list: downwards unless it says asc.
func sorting(by, order string, known []string) (field string, ascending bool) {
	if !slices.Contains(known, by) {
		by = known[0]
	}
	return by, strings.EqualFold(order, "asc")
}

// answerFields sets the fields that every answer has that people read.
func answerFields(ctx huma.Context, _ string, v any) (any, error) {
	if f, ok := v.(*server.Failure); ok {
		f.Fields(ctx.SetHeader)
	} else {
		ctx.AppendHeader("Vary", "Accept-Language")
	}
	return v, nil
}

// bodyUnread is what huma says of a body that ends before its end. It takes that
// for our failure.
const bodyUnread = "cannot read request body"

// useEnvelopes makes huma answer what is wrong with an input in our form. huma
// keeps these functions in package variables; ours look at nothing but their
// arguments, so that it does not matter who set them first.
var useEnvelopes = sync.OnceFunc(func() {
	huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
		if message == bodyUnread {
			status, errs = http.StatusBadRequest, nil
		}
		return inputFailure(callerOf(ctx), status, errs)
	}
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return inputFailure(server.Caller{}, status, errs)
	}
})

// inputFailure is the answer to an input that does not fit the API's schema.
// Front ends know one status for that: 422.
func inputFailure(c server.Caller, status int, errs []error) *server.Failure {
	switch {
	case status >= 500:
		return server.NewFailure(c, status, "DATABASE_ERROR", "INTERNAL_ERROR", server.TextInternal, nil)
	case status == http.StatusNotAcceptable:
		return server.NewFailure(c, status, "API_ERROR", "NOT_ACCEPTABLE", server.TextRefused, nil)
	}
	list := []map[string]any{}
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			// The value is left out: it may be a password.
			list = append(list, map[string]any{"location": d.ErrorDetail().Location, "message": d.ErrorDetail().Message})
		} else if err != nil {
			list = append(list, map[string]any{"message": err.Error()})
		}
	}
	return server.NewFailure(c, http.StatusUnprocessableEntity, "VALIDATION_ERROR", "INPUT_INVALID", server.TextInvalid, map[string]any{"errors": list})
}
