package api

import (
	"context"
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
		return err
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

// watching looks at the file of a path before next answers.
func (s *server) watching(path string, w *watchedFile, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			next.ServeHTTP(rw, r)
			return
		}
		if err := w.look(r.Context()); err != nil {
			s.logger.LogAttrs(r.Context(), slog.LevelError, "invalidation failed; answering without the cache",
				slog.String("tag", string(w.tag)), slog.Any("error", err))
			s.mux.ServeHTTP(rw, r.WithContext(unstale.Outside(r.Context())))
			return
		}
		next.ServeHTTP(rw, r)
	})
}
