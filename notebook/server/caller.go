package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/unstale/unstale/notebook"
)

// Caller is what an answer needs of its request besides its input.
type Caller struct {
	Method, Path, RequestID string
	Lang                    notebook.Lang
}

// NewCaller returns the caller of a request that has these fields.
func NewCaller(method, path string, field func(name string) string) Caller {
	return Caller{method, shownPath(path), field(requestIDField), answersIn(path, field("Accept-Language"))}
}

// CallerFrom returns the caller of a request.
func CallerFrom(r *http.Request) Caller { return NewCaller(r.Method, r.URL.Path, r.Header.Get) }

type callerKey struct{}

// WithCaller puts the caller into the context, inside the cache: the values that
// an answer depends on come from the request that the cache knows.
func WithCaller(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerIn returns the caller that WithCaller has put there.
func CallerIn(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// In returns the text in the caller's language.
func In(ctx context.Context, zh, en string) string {
	return notebook.Text{ZH: zh, EN: en}.In(CallerIn(ctx).Lang)
}

// shownPath returns the path of a request as logs and answers may show it:
// without a token.
func shownPath(path string) string {
	const mark = "/ws/"
	if before, _, found := strings.Cut(path, mark); found {
		return before + mark + "…"
	}
	return path
}

// WantsPage reports whether the client prefers a page for people to JSON: only
// browsers ask for text/html by name.
func WantsPage(r *http.Request) bool {
	page, data := -1.0, -1.0
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		switch kind, q := languageRange(item); kind {
		case "text/html":
			page = q
		case "application/json":
			data = q
		}
	}
	return page > 0 && page >= data
}
