package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
)

// Failure is the form of every answer that is an error. It names the request, so
// it is never stored.
type Failure struct {
	Success bool    `json:"success"`
	Problem Problem `json:"error"`
	status  int
}

// A Problem says what went wrong. Programs tell problems apart by the code among
// the details, which is a word; Code itself is the number that front ends show.
type Problem struct {
	Code      string         `json:"code"`
	Type      string         `json:"type"`
	Message   string         `json:"message"`
	Details   map[string]any `json:"details"`
	RequestID string         `json:"request_id"`
	Path      string         `json:"path"`
	Timestamp time.Time      `json:"timestamp"`
}

// Error implements huma.StatusError.
func (f *Failure) Error() string {
	return fmt.Sprint(f.Problem.Details[codeDetail], ": ", f.Problem.Message)
}

// GetStatus implements huma.StatusError.
func (f *Failure) GetStatus() int { return f.status }

// ContentType implements huma.ContentTypeFilter.
func (f *Failure) ContentType(string) string { return "application/json" }

// Texts of failures that are not the domain's.
var (
	TextInvalid  = notebook.Text{ZH: "请求参数无效", EN: "The request is not valid"}
	TextInternal = notebook.Text{ZH: "服务器内部错误，请稍后重试", EN: "Something went wrong on our side; please try again later"}
	TextUnknown  = notebook.Text{ZH: "请求的资源不存在", EN: "There is nothing here"}
	TextRefused  = notebook.Text{ZH: "请求失败", EN: "The request failed"}
)

// codeDetail names the detail that is the failure's code.
const codeDetail = "code"

// NewFailure returns a failure that is not an error of the domain.
func NewFailure(c Caller, status int, kind, code string, text notebook.Text, details map[string]any) *Failure {
	all := map[string]any{codeDetail: code}
	maps.Copy(all, details)
	return &Failure{status: status, Problem: Problem{
		Code: Number(status, code), Type: kind, Message: text.In(c.Lang), Details: all,
		RequestID: c.RequestID, Path: c.Path, Timestamp: time.Now().UTC().Truncate(time.Microsecond),
	}}
}

// Failure returns the answer to an error of a handler. What is not the user's
// affair goes to the log, never to them.
func (s *Server) Failure(ctx context.Context, c Caller, err error) *Failure {
	var e *notebook.Error
	if !errors.As(err, &e) {
		level := slog.LevelError
		if errors.Is(err, context.Canceled) {
			level = slog.LevelInfo // the client left
		} else if c.Method == http.MethodGet {
			s.FailedReads.Add(1)
		}
		s.Logger.LogAttrs(ctx, level, "request failed", slog.String("request_id", c.RequestID),
			slog.String("method", c.Method), slog.String("path", c.Path), slog.Any("error", err))
		return NewFailure(c, http.StatusInternalServerError, "DATABASE_ERROR", "INTERNAL_ERROR", TextInternal, nil)
	}
	if bare := err == error(e); e.Kind == notebook.Unavailable && !bare { //nolint:errorlint // what wraps it says why: that is our affair, too
		s.Logger.LogAttrs(ctx, slog.LevelError, "something is unavailable", slog.String("request_id", c.RequestID), slog.Any("error", err))
	}
	status, kind := StatusOf(e.Kind)
	return NewFailure(c, status, kind, e.Code, e.Text, e.Details)
}

// StatusOf returns the status and the type of errors of a kind.
func StatusOf(k notebook.Kind) (status int, kind string) {
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

// NotFound answers for paths that nothing serves.
func (s *Server) NotFound(w http.ResponseWriter, r *http.Request) {
	f := NewFailure(CallerFrom(r), http.StatusNotFound, "NOT_FOUND_ERROR", "NOT_FOUND", TextUnknown, nil)
	if WantsPage(r) && !strings.HasPrefix(r.URL.Path, "/api/") {
		s.Lost(w, r, f)
		return
	}
	f.Write(w)
}

// Write answers with the failure.
func (f *Failure) Write(w http.ResponseWriter) {
	f.Fields(w.Header().Set)
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(f) // the client is gone
}

// Fields sets the fields of an answer with the failure.
func (f *Failure) Fields(set func(name, value string)) {
	set("Content-Type", "application/json")
	set("Cache-Control", "no-store")
	set("Vary", "Accept-Language")
	if f.status == http.StatusUnauthorized {
		set("WWW-Authenticate", `Bearer realm="notebook"`)
	}
	f.RetryAfter(set)
}

// RetryAfter sets the field that says when to try again, if it is known.
func (f *Failure) RetryAfter(set func(name, value string)) {
	if seconds, ok := f.Problem.Details[notebook.RetryAfter].(int); ok {
		set("Retry-After", strconv.Itoa(seconds))
	}
}
