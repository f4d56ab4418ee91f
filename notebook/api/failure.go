package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
)

// failure is the form of every answer that is an error. It names the request, so
// it is never stored.
type failure struct {
	Success bool    `json:"success"`
	Problem problem `json:"error"`
	status  int
}

type problem struct {
	Code      string         `json:"code"`
	Type      string         `json:"type"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details"`
	RequestID string         `json:"request_id"`
	Path      string         `json:"path"`
	Timestamp time.Time      `json:"timestamp"`
}

// Error, GetStatus and ContentType make a failure an error answer of huma's.
func (f *failure) Error() string               { return f.Problem.Code + ": " + f.Problem.Message }
func (f *failure) GetStatus() int              { return f.status }
func (f *failure) ContentType(_ string) string { return "application/json" }

// Texts of failures that are not the domain's.
var (
	textInvalid  = notebook.Text{ZH: "请求参数无效", EN: "The request is not valid"}
	textInternal = notebook.Text{ZH: "服务器内部错误，请稍后重试", EN: "Something went wrong on our side; please try again later"}
	textUnknown  = notebook.Text{ZH: "请求的资源不存在", EN: "There is nothing here"}
	textRefused  = notebook.Text{ZH: "请求失败", EN: "The request failed"}
)

func newFailure(c caller, status int, kind, code string, text notebook.Text, details map[string]any) *failure {
	if details == nil {
		details = map[string]any{}
	}
	return &failure{status: status, Problem: problem{
		Code: code, Type: kind, Message: text.In(c.lang), Details: details,
		RequestID: c.requestID, Path: c.path, Timestamp: time.Now().UTC().Truncate(time.Microsecond),
	}}
}

// failure returns the answer to an error of a handler. What is not the user's
// affair goes to the log, never to him.
func (s *server) failure(ctx context.Context, c caller, err error) *failure {
	var e *notebook.Error
	if !errors.As(err, &e) {
		level := slog.LevelError
		if errors.Is(err, context.Canceled) {
			level = slog.LevelInfo // the client left
		} else if c.method == http.MethodGet {
			s.failedReads.Add(1)
		}
		s.logger.LogAttrs(ctx, level, "request failed", slog.String("request_id", c.requestID),
			slog.String("method", c.method), slog.String("path", c.path), slog.Any("error", err))
		return newFailure(c, http.StatusInternalServerError, "DATABASE_ERROR", "INTERNAL_ERROR", textInternal, nil)
	}
	status, kind := statusOf(e.Kind)
	return newFailure(c, status, kind, e.Code, e.Text, e.With("code", e.Code).Details)
}

// statusOf returns the status and the type of errors of a kind.
func statusOf(k notebook.Kind) (status int, kind string) {
	switch k {
	case notebook.Invalid:
		return http.StatusUnprocessableEntity, "VALIDATION_ERROR"
	case notebook.Unauthenticated:
		return http.StatusUnauthorized, "AUTHENTICATION_ERROR"
	case notebook.Forbidden:
		return http.StatusForbidden, "AUTHORIZATION_ERROR"
	case notebook.NotFound:
		return http.StatusNotFound, "NOT_FOUND_ERROR"
	case notebook.Conflict:
		return http.StatusConflict, "CONFLICT_ERROR"
	case notebook.RateLimited:
		return http.StatusTooManyRequests, "RATE_LIMIT_ERROR"
	case notebook.Unavailable:
		return http.StatusServiceUnavailable, "API_ERROR"
	}
	return http.StatusBadRequest, "API_ERROR"
}

// refuse answers with an error before the handler has run.
func (s *server) refuse(ctx huma.Context, err error) {
	f := s.failure(ctx.Context(), callerOf(ctx), err)
	failureFields(ctx.SetHeader, f)
	ctx.SetStatus(f.status)
	_ = json.NewEncoder(ctx.BodyWriter()).Encode(f) // the client is gone
}

// notFound answers for paths that nothing serves.
func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	f := newFailure(callerFrom(r), http.StatusNotFound, "NOT_FOUND_ERROR", "NOT_FOUND", textUnknown, nil)
	if wantsPage(r) && !strings.HasPrefix(r.URL.Path, "/api/") {
		s.front.showFailure(w, asked(r), f, "")
		return
	}
	writeFailure(w, f)
}

func callerFrom(r *http.Request) caller {
	return caller{r.Method, shownPath(r.URL.Path), r.Header.Get(requestIDField), language(r.Header.Get("Accept-Language"))}
}

func writeFailure(w http.ResponseWriter, f *failure) {
	failureFields(w.Header().Set, f)
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f) // the client is gone
}

func failureFields(set func(name, value string), f *failure) {
	set("Content-Type", "application/json")
	set("Cache-Control", "no-store")
	set("Vary", "Accept-Language")
	if f.status == http.StatusUnauthorized {
		set("WWW-Authenticate", `Bearer realm="notebook"`)
	}
	if seconds, ok := f.Problem.Details[notebook.RetryAfter].(int); ok {
		set("Retry-After", strconv.Itoa(seconds))
	}
}

// answerFields sets the fields that every answer has that people read.
func answerFields(ctx huma.Context, _ string, v any) (any, error) {
	if f, ok := v.(*failure); ok {
		failureFields(ctx.SetHeader, f)
	} else {
		ctx.AppendHeader("Vary", "Accept-Language")
	}
	return v, nil
}

// useEnvelopes makes huma answer what is wrong with an input in our form. huma
// keeps these functions in package variables; ours look at nothing but their
// arguments, so that it does not matter who set them first.
var useEnvelopes = sync.OnceFunc(func() {
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		return inputFailure(callerOf(ctx), status, errs)
	}
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return inputFailure(caller{}, status, errs)
	}
})

// inputFailure is the answer to an input that does not fit the API's schema.
// Front ends know one status for that: 422.
func inputFailure(c caller, status int, errs []error) *failure {
	switch {
	case status >= 500:
		return newFailure(c, status, "DATABASE_ERROR", "INTERNAL_ERROR", textInternal, nil)
	case status == http.StatusNotAcceptable:
		return newFailure(c, status, "API_ERROR", "NOT_ACCEPTABLE", textRefused, nil)
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
	return newFailure(c, http.StatusUnprocessableEntity, "VALIDATION_ERROR", "INPUT_INVALID", textInvalid, map[string]any{"errors": list})
}
