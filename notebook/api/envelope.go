package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
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
	return &answer[T]{Body: envelope[T]{true, in(ctx, zh, en), data}}
}

// said returns an answer that is a message alone.
func said(ctx context.Context, zh, en string) *answer[*nothing] {
	return say[*nothing](ctx, nil, zh, en)
}

func in(ctx context.Context, zh, en string) string {
	return notebook.Text{ZH: zh, EN: en}.In(callerIn(ctx).lang)
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

// sayPage returns a page with what convert makes of the items.
func sayPage[I, T any](ctx context.Context, items []I, convert func(*I) T, p notebook.Page, total int, zh, en string) *pageAnswer[T] {
	var a pageAnswer[T]
	a.Body.Success, a.Body.Message = true, in(ctx, zh, en)
	a.Body.Data = make([]T, len(items))
	for i := range items {
		a.Body.Data[i] = convert(&items[i])
	}
	a.Body.Pagination = pagination{p.Number, p.Size, total, (total + p.Size - 1) / p.Size}
	return &a
}
