// Package service is what people can do with the notebook: for each operation
// who may do it, by which rule of the domain, and the store that it happens in.
// It knows neither JSON nor pages.
//
// Operations read with the caller's context, which says who asks; nothing here
// says what an answer depends on or what a write makes stale. Three files name
// keys and tags: accounts.go the key under which an account is loaded when a
// token is checked, messages.go the one under which it is known whether
// somebody's messages have changed, lists.go those of pages of knowledge bases;
// outside.go declares what no database holds.
package service

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
	"github.com/unstale/unstale/notebook/moderation"
	"github.com/unstale/unstale/notebook/store"
)

// Config is what the operations are made of.
type Config struct {
	// Store and Files hold the data.
	Store *store.Store
	Files *files.Store
	// Cache holds results. It may be off, not nil.
	Cache *unstale.Cache
	// Invalidate tells the cache of a change that no database holds. Default
	// Cache.Invalidate.
	Invalidate func(context.Context, ...unstale.Target) error
	// Secret signs tokens. It should be at least 32 random bytes.
	Secret []byte
	// Dictionary is the path of the JSON file with the translations, which people
	// may edit at any time. No file there: a dictionary of our own.
	Dictionary string
	// Moderator judges texts. Default moderation.DefaultWords.
	Moderator moderation.Moderator
	// Mailer brings people their codes. Nil: what needs mail fails with
	// notebook.ErrMailOff.
	Mailer Mailer
	// Logger receives what no answer fails for. Default slog.Default.
	Logger *slog.Logger
	// PasswordCost is the bcrypt cost of new passwords. Default
	// bcrypt.DefaultCost.
	PasswordCost int
	// Limits are how much a user may do. Default DefaultLimits.
	Limits *Limits
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Service is all that people can do, by what it is about.
type Service struct {
	Accounts   *Accounts
	Comments   Comments
	Messages   Messages
	Own        Own
	Users      Users
	Avatars    Avatars
	Dictionary *Dictionary
	Moderation *Moderation
	base       *base
}

// Items returns the operations on items of a kind.
func (s *Service) Items(k notebook.ItemKind) Items { return Items{s.base, s.Accounts.Who, k} }

// Ping returns nil if the database answers.
func (s *Service) Ping(ctx context.Context) error { return s.base.store.DB().PingContext(ctx) }

// base is what operations share.
type base struct {
	store  *store.Store
	files  *files.Store
	cache  *unstale.Cache
	logger *slog.Logger
	clock  func() time.Time

	secret    []byte
	passwords passwords
	configs   turns // to parse configurations
	rates     rates
	limits    Limits
}

// New returns the operations.
func New(c Config) (*Service, error) {
	b := &base{store: c.Store, files: c.Files, cache: c.Cache, logger: c.Logger, clock: c.Now, secret: c.Secret, configs: newTurns(1)}
	// Half of the processors at most are for those who log in.
	b.passwords = passwords{c.PasswordCost, newTurns(max(1, runtime.GOMAXPROCS(0)/2))}
	if b.logger == nil {
		b.logger = slog.Default()
	}
	if b.clock == nil {
		b.clock = time.Now
	}
	b.limits = DefaultLimits()
	if c.Limits != nil {
		b.limits = *c.Limits
	}
	b.rates = newRates(b.limits, b.clock)
	if c.Invalidate == nil {
		c.Invalidate = c.Cache.Invalidate
	}
	if c.Moderator == nil {
		c.Moderator = moderation.DefaultWords()
	}
	decoy, err := notebook.HashPassword("nobody's password", c.PasswordCost)
	if err != nil {
		return nil, fmt.Errorf("service: %w", err)
	}
	accounts := &Accounts{base: b, tokens: tokens{c.Secret, b.clock}, decoy: decoy, guard: newGuard(b.clock), mailer: c.Mailer}
	s := &Service{
		Accounts: accounts, Comments: Comments{b}, Messages: Messages{b, accounts}, Own: Own{b}, Users: Users{b, accounts.guard},
		Avatars: Avatars{b, newTurns(2)}, Dictionary: &Dictionary{path: c.Dictionary, invalidate: c.Invalidate},
		Moderation: &Moderation{moderator: c.Moderator, invalidate: c.Invalidate}, base: b,
	}
	b.cache.Follow(s.Dictionary, dictionaryTag)
	b.cache.Follow(s.Moderation, moderationTag)
	// The first answer is stored only if the file has been seen. Of an error the
	// cache says when it looks.
	_ = s.Dictionary.CatchUp(context.Background())
	return s, nil
}

// keyed returns what stands in the data for the parts, and tells nothing of them
// to whoever has the data alone.
func (b *base) keyed(parts ...string) string {
	mac := hmac.New(sha256.New, b.secret)
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:%s", len(part), part) // a hash never fails
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// now returns the time as the store keeps it.
func (b *base) now() time.Time { return b.clock().UTC().Truncate(time.Microsecond) }

// endsAt says that the answer being made is another one from t on, by the clock
// alone: a mute or a ban that it shows, or was decided by, ends then. Nil is
// never.
func (b *base) endsAt(ctx context.Context, t *time.Time) {
	if t != nil {
		unstale.ExpireAt(ctx, time.Now().Add(t.Sub(b.clock())))
	}
}

// collect removes files whose rows are gone. The deletion has succeeded whether
// or not this does: the next start removes what is left.
func (b *base) collect(ctx context.Context, hashes []string) {
	if err := b.files.Collect(ctx, hashes...); err != nil {
		b.logger.WarnContext(ctx, "files may be left behind until the next start", "error", err)
	}
}

// release ends the hold on a file, which leaves it to its row.
func (b *base) release(ctx context.Context, d *files.Draft) {
	if err := d.Release(ctx); err != nil {
		b.logger.WarnContext(ctx, "a file may be left behind until the next start", "hash", d.Hash, "error", err)
	}
}
