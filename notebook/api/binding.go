package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// A Binding is what the cache must know about the API before there is one: the
// store is opened with the cache, and the cache asks the store who a token
// belongs to. New ties the two ends together; until then nobody is identified.
type Binding struct {
	secret []byte
	server atomic.Pointer[server]
}

// NewBinding returns a binding for tokens signed with the secret, which should
// be at least 32 random bytes.
func NewBinding(secret []byte) *Binding { return &Binding{secret: secret} }

// Options returns the options with which the cache is made. The caller may set
// what concerns operation, such as Off, MaxBytes, TTL and Logger.
func (b *Binding) Options() unstale.Options { return unstale.Options{Prefix: "maimnp"} }

// handlerOptions returns the options with which the cache wraps the service.
func (b *Binding) handlerOptions() unstale.HandlerOptions {
	policies := map[string]unstale.Policy{}
	for _, route := range uncachedRoutes() {
		policies[route] = unstale.Policy{Mode: unstale.ModeOff}
	}
	for _, route := range constantRoutes() {
		policies[route] = unstale.Policy{TTL: constantLife}
	}
	return unstale.HandlerOptions{Identity: b.identity, Route: b.route, ExplainTo: b.explainTo, Policies: policies}
}

func (b *Binding) bind(s *server) error {
	if !b.server.CompareAndSwap(nil, s) {
		return errors.New("api: the binding is in use")
	}
	return nil
}

func (b *Binding) route(r *http.Request) string {
	if s := b.server.Load(); s != nil {
		return s.mux.Route(r)
	}
	return ""
}

// Identities that are no user's id.
const (
	stranger = "?" // a token that is not, or no longer, good: not nobody, so that he is told
	unknown  = "!" // the store did not say: an error, and no reason to log anybody out
)

// identity returns the id of the user whose valid token the request carries, ""
// without a token. It runs on every request whose answer depends on who asks, so
// a ban or a new password takes effect at once; the account comes from the cache
// until its row changes.
func (b *Binding) identity(r *http.Request) (string, error) {
	s := b.server.Load()
	token, kind := presented(r)
	if s == nil || kind == "" {
		return "", nil
	}
	c, err := s.tokens.verify(token, kind)
	if err != nil {
		return stranger, nil //nolint:nilerr // it is not the identification that failed
	}
	good, err := s.admits(r.Context(), c)
	if err != nil {
		s.logger.LogAttrs(r.Context(), slog.LevelError, "identifying a user failed",
			slog.String("request_id", r.Header.Get(requestIDField)), slog.Any("error", err))
		return unknown, nil
	}
	if !good {
		return stranger, nil
	}
	return c.Subject, nil
}

// explainTo lets admins see in Cache-Status what caused a miss. It asks only
// where there is something to see and somebody has logged in.
func (b *Binding) explainTo(r *http.Request) bool {
	s := b.server.Load()
	if s == nil {
		return false
	}
	u, err := s.who(r.Context())
	return err == nil && u != nil && u.Role.Includes(notebook.RoleAdmin)
}

// admits reports whether the user of a verified token may still come in with it.
func (s *server) admits(ctx context.Context, c *claims) (bool, error) {
	a, err := unstale.Load(ctx, s.cache, "user:"+unstale.Escape(c.Subject), func(ctx context.Context) (account, error) {
		return s.account(ctx, c.Subject)
	})
	return a.Valid && a.PasswordVersion == c.PasswordVersion, err
}

// An account is what decides whether a token is good.
type account struct {
	Valid           bool
	PasswordVersion int
}

func (s *server) account(ctx context.Context, id string) (account, error) {
	u, err := s.store.User(ctx, id)
	if errors.Is(err, notebook.ErrUserNotFound) {
		return account{}, nil
	}
	if err != nil {
		return account{}, err
	}
	now := s.clock()
	if u.Banned(now) {
		s.endsAt(ctx, u.LockedUntil)
	}
	if u.MutedAt(now) {
		s.endsAt(ctx, u.MutedUntil) // what he is answered may show it
	}
	return account{Valid: u.Active && !u.Banned(now), PasswordVersion: u.PasswordVersion}, nil
}

// endsAt says that the answer being made is another one from t on, by the clock
// alone: a mute or a ban that it shows, or was decided by, ends then. Nil is
// never.
func (s *server) endsAt(ctx context.Context, t *time.Time) {
	if t != nil {
		unstale.ExpireAt(ctx, time.Now().Add(t.Sub(s.clock())))
	}
}
