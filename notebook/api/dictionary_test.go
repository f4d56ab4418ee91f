package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/service"
)

const dictionaryPath = "/api/dictionary/translation"

// writeDictionary puts a file in the place of the dictionary. It was last
// changed so long ago that it counts as settled.
func (s *site) writeDictionary(content string, changed time.Time) {
	s.Helper()
	path := filepath.Join(s.dir, "dictionary.json")
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o600), os.Chtimes(path+".new", changed, changed), os.Rename(path+".new", path)); err != nil {
		s.Fatal(err)
	}
}

func TestDictionaryShowsEveryEditAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := time.Now().Add(-time.Hour)
	path := filepath.Join(s.dir, "dictionary.json")
	word := func(v string) string { return fmt.Sprintf(`{"blocks":{"inner":"内部"},"tokens":{"word":%q}}`, v) }
	for i, edit := range []struct {
		do   func()
		want string
	}{
		{func() {}, `"nickname":"昵称"`},
		{func() { s.writeDictionary(word("one"), old) }, `"word":"one"`},
		{func() { s.writeDictionary(word("two"), old) }, `"word":"two"`}, // the same size and time
		{func() {
			if err := errors.Join(os.WriteFile(path, []byte(word("six")), 0o600), os.Chtimes(path, old, old.Add(time.Second))); err != nil {
				t.Fatal(err)
			}
		}, `"word":"six"`},
		{func() { s.writeDictionary(`{"tokens":{"word":{"zh":"词"}}}`, old) }, `"blocks":{},"tokens":{"word":{"zh":"词"}}`},
		{func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, `"nickname":"昵称"`},
	} {
		edit.do()
		for _, language := range []string{"zh", "en"} {
			first, second := s.get(dictionaryPath, "", "Accept-Language", language), s.get(dictionaryPath, "", "Accept-Language", language)
			if first.Code != http.StatusOK || hit(first) || !strings.Contains(first.Body.String(), edit.want) {
				t.Errorf("edit %d: %d %q %s, want %s", i, first.Code, first.Header().Get("Cache-Status"), first.Body, edit.want)
			}
			if !hit(second) || first.Body.String() != second.Body.String() {
				t.Errorf("edit %d: the second answer is %q %s", i, second.Header().Get("Cache-Status"), second.Body)
			}
		}
	}
}

// A file that was changed a moment ago could be changed once more without
// looking any different.
func TestDictionaryIsNotStoredWhileItIsBeingEdited(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.writeDictionary(`{"tokens":{"a":"1"}}`, time.Now())
	for range 2 {
		if w := s.get(dictionaryPath, ""); w.Code != http.StatusOK || hit(w) {
			t.Errorf("%d %q", w.Code, w.Header().Get("Cache-Status"))
		}
	}
}

func TestBadDictionary(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := time.Now().Add(-time.Hour)
	for _, bad := range []struct{ content, cause string }{
		{`{"blocks":`, "malformed"}, {`[]`, "malformed"}, {`{"blocks":[1]}`, "malformed"}, {``, "malformed"},
		{`{"tokens":{"a":"` + strings.Repeat("x", notebook.MaxDictionarySize) + `"}}`, "more than"},
	} {
		s.writeDictionary(bad.content, old)
		for range 2 { // a failure is not kept
			w := s.get(dictionaryPath, "")
			s.wantFailure(w, 500, "DATABASE_ERROR", "INTERNAL_ERROR")
			if strings.Contains(w.Body.String(), bad.cause) || strings.Contains(w.Body.String(), s.dir) {
				t.Errorf("the cause is told: %s", w.Body)
			}
		}
		if !strings.Contains(s.log.String(), bad.cause) {
			t.Errorf("the log lacks %q", bad.cause)
		}
	}
	s.writeDictionary(`{}`, old)
	if w := s.get(dictionaryPath, ""); w.Code != http.StatusOK {
		t.Errorf("a mended dictionary: %d %s", w.Code, w.Body)
	}
}

// Readers never see an older dictionary than the one that was complete before
// they asked.
func TestDictionaryUnderEdits(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	old := time.Now().Add(-time.Hour)
	var mu sync.Mutex
	written := 0
	edit := func(n int) {
		s.writeDictionary(fmt.Sprintf(`{"tokens":{"n":%d}}`, n), old.Add(time.Duration(n)*time.Millisecond))
		mu.Lock()
		written = n
		mu.Unlock()
	}
	edit(1)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				mu.Lock()
				least := written
				mu.Unlock()
				var got struct {
					Data struct{ Tokens struct{ N int } }
				}
				w := s.get(dictionaryPath, "")
				s.decode(w, &got)
				if got.Data.Tokens.N < least {
					t.Errorf("read %d after %d was written: %q", got.Data.Tokens.N, least, w.Header().Get("Cache-Status"))
					return
				}
			}
		})
	}
	for n := 2; n < 300; n++ {
		edit(n)
	}
	close(done)
	readers.Wait()
}

// unreachable returns a site that cannot invalidate while down is set.
func unreachable(t *testing.T, adjust ...func(*service.Config)) (_ *site, down *atomic.Bool) {
	t.Helper()
	down = new(atomic.Bool)
	return newSite(t, append(adjust, func(c *service.Config) {
		working := c.Cache.Invalidate
		c.Invalidate = func(ctx context.Context, targets ...unstale.Target) error {
			if down.Load() {
				return errors.New("the cache is unreachable")
			}
			return working(ctx, targets...)
		}
	})...), down
}

// unvouched reports whether the answer was made anew because a source failed.
func unvouched(w *httptest.ResponseRecorder) bool {
	return !hit(w) && strings.Contains(w.Header().Get("Cache-Status"), `"source failed`)
}

// wantSourceFailed fails the test unless the log says that what a tag stands for
// could not be invalidated.
func (s *site) wantSourceFailed(tag string) {
	s.Helper()
	log := s.log.String()
	for _, want := range []string{"a source cannot be asked", "the cache is unreachable", "tag \\\"" + tag} {
		if !strings.Contains(log, want) {
			s.Errorf("the log lacks %q: %s", want, log)
		}
	}
}

// A failed invalidation never fails the operation, is logged, and until it has
// succeeded nothing that it concerned is served from the cache.
func TestFailedInvalidationNeverFailsTheOperation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, down := unreachable(t)
		old := time.Now().Add(-time.Hour)
		s.get(dictionaryPath, "") // who finds something stored has the file looked at
		s.writeDictionary(`{"tokens":{"a":"one"}}`, old)
		s.get(dictionaryPath, "")
		if w := s.get(dictionaryPath, ""); !hit(w) {
			t.Fatal("nothing is stored that could be stale")
		}
		down.Store(true)
		s.writeDictionary(`{"tokens":{"a":"two"}}`, old)
		made := func(anew bool) {
			t.Helper()
			if w := s.get(dictionaryPath, ""); w.Code != http.StatusOK || hit(w) == anew || !strings.Contains(w.Body.String(), `"two"`) {
				t.Errorf("%d %q %s", w.Code, w.Header().Get("Cache-Status"), w.Body)
			}
		}
		made(true)
		made(true)
		s.wantSourceFailed("dictionary")
		down.Store(false)
		made(true)
		time.Sleep(10 * time.Second) // for so long the cache remembers that the answer may not be stored
		made(true)
		made(false)
	})
}
