package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook/files"
)

// A watchedFile is a file that answers are made from and that people edit while
// the service runs. The cache cannot know of an edit, so every request looks at
// the file before it is answered: whoever asks after an edit gets its result.
//
// An answer is stored only if it was made from the file in the state that was
// seen last, after declaring the tag. When another state is seen the tag is
// invalidated before anything is served. So whatever is served from the cache
// was made from the state that its request saw. All of it holds for edits that
// files.Stamp can tell apart.
type watchedFile struct {
	path       string
	tag        unstale.Tag
	invalidate func(context.Context, ...unstale.Target) error

	mu   sync.Mutex
	seen files.Stamp // what stored answers were made from
}

func watch(path string, tag unstale.Tag, c *unstale.Cache) *watchedFile {
	return &watchedFile{path: path, tag: tag, invalidate: c.Invalidate}
}

// look invalidates what was made from the file if it has changed since the last
// look. After an error nothing made from it may be served from the cache; the
// next look tries again.
func (w *watchedFile) look(ctx context.Context) error {
	w.mu.Lock() // also while looking: a late look must not undo a newer one
	defer w.mu.Unlock()
	now, err := files.Look(w.path)
	if err == nil && now.Equal(w.seen) {
		return nil
	}
	if err := w.invalidate(ctx, w.tag); err != nil {
		return fmt.Errorf("tag %q: %w", w.tag, err)
	}
	w.seen = now // after an error none, which no answer is made from
	return nil
}

// read returns what the file contains, nil if there is none.
func (w *watchedFile) read(ctx context.Context, limit int64) ([]byte, error) {
	unstale.DependOn(ctx, w.tag)
	data, made, err := files.ReadStamped(w.path, limit)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !made.Equal(w.seen) || !made.Settled(time.Now()) {
		unstale.NoStore(ctx)
	}
	return data, err
}

// A source is something that answers are made from and no database holds.
type source interface {
	// look makes sure that the cache knows of every change so far. After an error
	// nothing made from the source may be served from the cache.
	look(ctx context.Context) error
}

// sources returns what has to be looked at before a path is answered.
func (s *server) sources() map[string]source {
	_, dictionary := splitPattern(dictionaryRoute)
	_, moderation := splitPattern(moderationHealthRoute)
	return map[string]source{dictionary: s.dictionary, moderation: s.moderation}
}

// watching looks at the sources before next, the cache, answers.
func (s *server) watching(next http.Handler) http.Handler {
	sources := s.sources()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if source, ok := sources[r.URL.Path]; ok {
			if err := source.look(r.Context()); err != nil {
				s.invalidationFailed(r.Context(), err)
				r = r.Clone(r.Context())
				r.Header.Set("Cache-Control", "no-store") // which the cache lets pass
			}
		}
		next.ServeHTTP(w, r)
	})
}

// invalidationFailed writes to the log what no answer fails for.
func (s *server) invalidationFailed(ctx context.Context, err error) {
	s.logger.LogAttrs(ctx, slog.LevelError, "invalidation failed; what it concerns is not answered from the cache", slog.Any("error", err))
}

// A declared value is kept in memory, and answers show it.
type declared[T comparable] struct {
	tag        unstale.Tag
	invalidate func(context.Context, ...unstale.Target) error

	mu    sync.Mutex
	value T
	owed  bool // the invalidation after the last change failed
}

func declare[T comparable](value T, tag unstale.Tag, c *unstale.Cache) *declared[T] {
	return &declared[T]{value: value, tag: tag, invalidate: c.Invalidate}
}

// get returns the value for an answer.
func (d *declared[T]) get(ctx context.Context) T {
	unstale.DependOn(ctx, d.tag)
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.value
}

// set changes the value. After an error nothing made from it may be served from
// the cache; the next look tries again.
func (d *declared[T]) set(ctx context.Context, value T) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if value != d.value {
		d.value, d.owed = value, true
	}
	return d.settle(ctx)
}

// look implements source.
func (d *declared[T]) look(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settle(ctx)
}

func (d *declared[T]) settle(ctx context.Context) error {
	if !d.owed {
		return nil
	}
	if err := d.invalidate(ctx, d.tag); err != nil {
		return fmt.Errorf("tag %q: %w", d.tag, err)
	}
	d.owed = false
	return nil
}
