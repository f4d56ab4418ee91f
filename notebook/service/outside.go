package service

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/moderation"
)

// Tags of what answers are made from and no database holds.
const (
	dictionaryTag unstale.Tag = "dictionary" // the file with the translations
	moderationTag unstale.Tag = "moderation" // who moderates, and how they are
)

// A Dictionary is a file that answers are made from and that people edit while
// the service runs. It is a source that the cache follows: the file is looked at
// before what was made from it is served, so who asks after an edit gets its result.
//
// An answer is stored only if it was made from the file in the state that was
// seen last, after declaring the tag. When another state is seen the tag is
// invalidated. So whatever is served from the cache was made from the state that
// the look for its request saw, and an edit that nobody saw, and that was undone,
// leaves nothing behind. All of it holds for edits that files.Stamp can tell apart.
type Dictionary struct {
	path       string
	invalidate func(context.Context, ...unstale.Target) error

	mu   sync.Mutex
	seen files.Stamp // what stored answers were made from
}

// CatchUp implements unstale.Source. It invalidates what was made from the file if
// that has changed since it was seen last.
func (d *Dictionary) CatchUp(ctx context.Context) error {
	d.mu.Lock() // also while looking: a late look must not undo a newer one
	defer d.mu.Unlock()
	now, err := files.Look(d.path)
	if err != nil || now.Equal(d.seen) {
		return err
	}
	if err := d.invalidate(ctx, dictionaryTag); err != nil {
		return fmt.Errorf("tag %q: %w", dictionaryTag, err)
	}
	d.seen = now
	return nil
}

// Read returns what the file contains.
func (d *Dictionary) Read(ctx context.Context) (notebook.Dictionary, error) {
	unstale.DependOn(ctx, dictionaryTag)
	data, made, err := files.ReadStamped(d.path, notebook.MaxDictionarySize)
	d.mu.Lock()
	defer d.mu.Unlock()
	if !made.Equal(d.seen) || !made.Settled(time.Now()) {
		unstale.NoStore(ctx)
	}
	if err != nil {
		return notebook.Dictionary{}, err
	}
	return notebook.ParseDictionary(data)
}

// Moderation judges texts. Who moderates, and how they are, is kept in memory,
// and answers show it. It is a source that the cache follows.
type Moderation struct {
	moderator  moderation.Moderator
	invalidate func(context.Context, ...unstale.Target) error

	mu   sync.Mutex
	ill  bool // as of the last check
	owed bool // the invalidation after the last change failed
}

// Name says who moderates.
func (m *Moderation) Name() string { return m.moderator.Name() }

// Check judges a text. Where the moderator fails, the verdict is unknown and
// the error says why: what to do with a text that nobody has judged is for others
// to decide.
func (m *Moderation) Check(ctx context.Context, text, kind string) (moderation.Verdict, error) {
	v, err := m.moderator.Check(ctx, text, kind)
	if !errors.Is(ctx.Err(), context.Canceled) { // a client that left says nothing about the moderator
		m.mu.Lock()
		defer m.mu.Unlock()
		m.owed, m.ill = m.owed || m.ill != (err != nil), err != nil
		_ = m.settle(ctx) // or CatchUp does, and says why it cannot
	}
	return v, err
}

// Well reports, for an answer, whether the moderator did the last check.
func (m *Moderation) Well(ctx context.Context) bool {
	unstale.DependOn(ctx, moderationTag)
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.ill
}

// CatchUp implements unstale.Source. It makes up for an invalidation that has
// failed.
func (m *Moderation) CatchUp(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settle(ctx)
}

func (m *Moderation) settle(ctx context.Context) error {
	if !m.owed {
		return nil
	}
	if err := m.invalidate(ctx, moderationTag); err != nil {
		return fmt.Errorf("tag %q: %w", moderationTag, err)
	}
	m.owed = false
	return nil
}
