package service

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// A Mailer brings mail to people. Its methods may be called concurrently.
type Mailer interface {
	// Send returns nil once the mail server has taken the mail. It does not take
	// long, whatever the server does. The error is for the log.
	Send(ctx context.Context, m notebook.Mail) error
	// Post returns at once, and sends the mail then. How that ends is the log's
	// affair alone.
	Post(m notebook.Mail)
}

// Accounts are how people come in: who asks, passwords, tokens, registration.
type Accounts struct {
	*base
	tokens tokens
	decoy  string // the hash against which a nobody's password is checked
	guard  *guard
	mailer Mailer
}

// Identities that are no user's id.
const (
	// Stranger has a token that is not, or no longer, good: not nobody, so that
	// they are told.
	Stranger = "?"
	// Unknown is somebody of whom the store did not say who they are: an error, and
	// no reason to log anybody out.
	Unknown = "!"
)

// Identify returns the id of the user who has the token, if it is of the kind.
// It is asked on every request whose answer depends on who asks, so a ban or a
// new password takes effect at once; the account comes from the cache until its
// row changes.
func (a *Accounts) Identify(ctx context.Context, token, kind string) (string, error) {
	c, err := a.tokens.verify(token, kind)
	if err != nil {
		return Stranger, nil //nolint:nilerr // it is not the identification that failed
	}
	good, err := a.admits(ctx, c)
	switch {
	case err != nil:
		return Unknown, err
	case !good:
		return Stranger, nil
	}
	return c.Subject, nil
}

var errUnknown = errors.New("who asks could not be found out")

// Who returns the user who asks, nil for nobody, or notebook.ErrInvalidToken. An
// answer made after asking is kept for that user alone, so handlers ask only
// when they have to know.
func (a *Accounts) Who(ctx context.Context) (*notebook.User, error) {
	switch id := unstale.Identity(ctx); id {
	case "":
		return nil, nil
	case Stranger:
		return nil, notebook.ErrInvalidToken
	case Unknown:
		return nil, errUnknown
	default:
		u, err := a.store.User(ctx, id)
		if errors.Is(err, notebook.ErrUserNotFound) {
			return nil, notebook.ErrInvalidToken
		}
		return u, err
	}
}

// Require returns the user who asks, if they have at least the role.
func (a *Accounts) Require(ctx context.Context, least notebook.Role) (*notebook.User, error) {
	u, err := a.Who(ctx)
	switch {
	case err != nil:
		return nil, err
	case u == nil:
		return nil, notebook.ErrLoginRequired
	case !u.Role.Includes(least):
		return nil, notebook.ErrForbidden
	}
	return u, nil
}

// admits reports whether the user of a verified token may still come in with it.
func (a *Accounts) admits(ctx context.Context, c *claims) (bool, error) {
	found, err := unstale.Load(ctx, a.cache, "session:"+unstale.Escape(c.Session), func(ctx context.Context) (account, error) {
		s, err := a.store.Session(ctx, c.Session)
		if errors.Is(err, notebook.ErrInvalidToken) {
			return account{}, nil
		}
		if err != nil {
			return account{}, err
		}
		return unstale.Load(ctx, a.cache, "user:"+unstale.Escape(s.UserID), func(ctx context.Context) (account, error) {
			return a.account(ctx, s.UserID)
		})
	})
	return found.Valid && found.ID == c.Subject && found.PasswordVersion == c.PasswordVersion, err
}

// An account is what decides whether a token is good.
type account struct {
	ID              string
	Valid           bool
	PasswordVersion int
}

func (a *Accounts) account(ctx context.Context, id string) (account, error) {
	u, err := a.store.User(ctx, id)
	if errors.Is(err, notebook.ErrUserNotFound) {
		return account{}, nil
	}
	if err != nil {
		return account{}, err
	}
	now := a.clock()
	if u.Banned(now) {
		a.endsAt(ctx, u.LockedUntil)
	}
	if u.MutedAt(now) {
		a.endsAt(ctx, u.MutedUntil) // what they are answered may show it
	}
	return account{ID: u.ID, Valid: u.Active && !u.Banned(now), PasswordVersion: u.PasswordVersion}, nil
}

// Authenticate returns the user with this name and password, which the client has
// sent, and by what that client is kept. It takes as long for a name that nobody
// has, and is locked by as many wrong passwords.
func (a *Accounts) Authenticate(ctx context.Context, username, password, client string) (*notebook.User, error) {
	name, now := notebook.NameKey(username), a.now()
	here, everywhere := a.guard.try(client, name)
	if here {
		return nil, notebook.ErrAccountLocked
	}
	counts := false
	defer func() {
		if !counts {
			a.guard.takeBack(client, name)
		}
	}()
	u, err := a.store.UserNamed(ctx, username)
	if err != nil && !errors.Is(err, notebook.ErrUserNotFound) {
		return nil, err
	}
	hash := a.decoy
	if u != nil {
		hash = u.PasswordHash
		everywhere = everywhere || u.Locked(now)
	}
	if everywhere {
		known, err := a.knows(ctx, u, client)
		if err == nil && !known {
			err = notebook.ErrAccountLocked
		}
		if err != nil {
			return nil, err
		}
	}
	matches, err := a.passwords.matches(ctx, hash, password)
	if err != nil {
		return nil, err
	}
	counts = true
	if u == nil || !matches {
		if err := a.recordLogin(ctx, u, false); err != nil {
			return nil, err
		}
		return nil, notebook.ErrWrongPassword
	}
	a.guard.forget(client, name)
	if u.Banned(now) || !u.Active {
		return nil, notebook.ErrAccountBanned
	}
	return u, a.recordLogin(ctx, u, true)
}

// knows reports whether the user, who may be nil for nobody, logged in last from
// where the client is.
func (a *Accounts) knows(ctx context.Context, u *notebook.User, client string) (bool, error) {
	if u == nil {
		return false, nil
	}
	last, err := a.store.LoginClient(ctx, u.ID)
	return last != "" && last == a.keyed("login", client), err
}

func (a *Accounts) recordLogin(ctx context.Context, u *notebook.User, succeeded bool) error {
	if u == nil {
		return nil
	}
	return a.store.RecordLogin(ctx, u.ID, succeeded, a.now())
}

// Begin returns a session of a user who has logged in from where the client is.
func (a *Accounts) Begin(ctx context.Context, u *notebook.User, client string) (*notebook.Session, error) {
	return a.store.BeginSession(ctx, u.ID, a.keyed("login", client), a.now())
}

// Token returns a token of the kind that is good while the user's session is
// there.
func (a *Accounts) Token(u *notebook.User, s *notebook.Session, kind string) (string, error) {
	life := AccessLife
	if kind == RefreshToken || kind == SessionToken {
		life = SessionLife
	}
	return a.tokens.make(u, s, kind, life)
}

// Session returns the session that a token of the kind came of.
func (a *Accounts) Session(ctx context.Context, token, kind string) (*notebook.Session, error) {
	c, err := a.tokens.verify(token, kind)
	if err != nil {
		return nil, notebook.ErrInvalidToken
	}
	return a.store.Session(ctx, c.Session)
}

// End ends the session that a token of the kind came of, and with it every token
// that did. Where there is none, nothing is to be done.
func (a *Accounts) End(ctx context.Context, token, kind string) error {
	c, err := a.tokens.verify(token, kind)
	if err != nil {
		return nil //nolint:nilerr // it is good for nothing already
	}
	return a.store.EndSession(ctx, c.Session)
}

// Renew returns a new access token for a refresh token, which stays good until it
// is exchanged.
func (a *Accounts) Renew(ctx context.Context, refresh string) (access string, err error) {
	u, s, c, err := a.refreshing(ctx, refresh)
	if err != nil {
		return "", err
	}
	if s.Generation != c.Generation { // a copy of what was exchanged
		if err := a.store.EndSession(context.WithoutCancel(ctx), s.ID); err != nil {
			return "", err
		}
		return "", notebook.ErrInvalidToken
	}
	return a.Token(u, s, AccessToken)
}

// Exchange returns a new access token and a new refresh token for one that is of no
// use any more: whoever presents it again ends the session, because two have it.
func (a *Accounts) Exchange(ctx context.Context, refresh string) (access, next string, err error) {
	u, s, c, err := a.refreshing(ctx, refresh)
	if err != nil {
		return "", "", err
	}
	if s, err = a.store.ExchangeSession(ctx, s.ID, c.Generation, a.now()); err != nil {
		return "", "", err
	}
	if access, err = a.Token(u, s, AccessToken); err == nil {
		next, err = a.Token(u, s, RefreshToken)
	}
	return access, next, err
}

// refreshing returns whose refresh token it is, and the session that it came of.
func (a *Accounts) refreshing(ctx context.Context, refresh string) (*notebook.User, *notebook.Session, *claims, error) {
	c, err := a.tokens.verify(refresh, RefreshToken)
	if err != nil {
		return nil, nil, nil, notebook.ErrInvalidToken
	}
	s, err := a.store.Session(ctx, c.Session)
	if err != nil {
		return nil, nil, nil, err
	}
	u, err := a.store.User(ctx, c.Subject)
	if errors.Is(err, notebook.ErrUserNotFound) {
		return nil, nil, nil, notebook.ErrInvalidToken
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if s.UserID != u.ID || !u.Active || u.Banned(a.now()) || u.PasswordVersion != c.PasswordVersion {
		return nil, nil, nil, notebook.ErrInvalidToken
	}
	return u, s, c, nil
}

// ChangePassword replaces the user's password, which ends all their sessions.
func (a *Accounts) ChangePassword(ctx context.Context, u *notebook.User, current, password, confirmation string) error {
	if password != confirmation {
		return notebook.ErrPasswordMismatch
	}
	if err := notebook.CheckOwnPassword(password); err != nil {
		return err
	}
	// Counted like a login: else a stolen token would let its thief guess on.
	const inside = "token"
	name := notebook.NameKey(u.Username)
	if here, _ := a.guard.try(inside, name); here {
		return notebook.ErrAccountLocked
	}
	matches, err := a.passwords.matches(ctx, u.PasswordHash, current)
	if err != nil {
		a.guard.takeBack(inside, name)
		return err
	}
	if !matches {
		return notebook.ErrCurrentPassword
	}
	a.guard.forget(inside, name)
	if password == current {
		return notebook.ErrPasswordSame
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.store.SetPassword(ctx, u, hash)
}

// MailOn returns nil if people can be mailed codes.
func (a *Accounts) MailOn() error {
	if a.mailer == nil {
		return notebook.ErrMailOff
	}
	return nil
}

// MailRegisterCode mails a code to register with.
func (a *Accounts) MailRegisterCode(ctx context.Context, email, client string, l notebook.Lang) error {
	m, err := a.newCode(ctx, email, client, notebook.PurposeRegister, l)
	if err != nil {
		return err
	}
	if err := a.mailer.Send(ctx, m); err != nil {
		return fmt.Errorf("%w: mailing a code failed: %w", notebook.ErrMailFailed, err)
	}
	return nil
}

// MailResetCode mails a code to reset a password with, if anybody has the
// address. It does the same whether or not somebody has, and takes as long: that
// is why nobody waits for the mail.
func (a *Accounts) MailResetCode(ctx context.Context, email, client string, l notebook.Lang) error {
	m, err := a.newCode(ctx, email, client, notebook.PurposeReset, l)
	if err != nil {
		return err
	}
	taken, err := a.store.EmailTaken(ctx, m.To)
	if taken {
		a.mailer.Post(m)
	}
	return err
}

// newCode keeps a new code, which the client has asked for, and returns the mail
// with it.
func (a *Accounts) newCode(ctx context.Context, email, client string, p notebook.Purpose, l notebook.Lang) (notebook.Mail, error) {
	if err := a.MailOn(); err != nil {
		return notebook.Mail{}, err
	}
	email, err := notebook.NormalizeEmail(email)
	if err != nil {
		return notebook.Mail{}, err
	}
	code := notebook.NewCode()
	if err := a.store.AddVerification(ctx, email, a.keyed("code", client), p, code, a.now()); err != nil {
		return notebook.Mail{}, err
	}
	a.guard.forget(client, codeFor(email, p))
	return notebook.CodeMail(email, p, code, l), nil
}

// What is taken is wrong input to somebody who registers.
var (
	ErrUsernameTaken = asInput(notebook.ErrUsernameTaken)
	ErrEmailTaken    = asInput(notebook.ErrEmailTaken)
)

func asInput(e *notebook.Error) *notebook.Error {
	c := *e
	c.Kind = notebook.Invalid
	return &c
}

func takenAsInput(err error) error {
	switch {
	case errors.Is(err, notebook.ErrUsernameTaken):
		return ErrUsernameTaken
	case errors.Is(err, notebook.ErrEmailTaken):
		return ErrEmailTaken
	}
	return err
}

// CheckFree returns nil if name and address are still to be had.
func (a *Accounts) CheckFree(ctx context.Context, username, email string) error {
	return takenAsInput(a.store.CheckNewUser(ctx, notebook.NewUser{Username: username, Email: email, Role: notebook.RoleUser}))
}

// codeFor names a code that a guard counts wrong ones for.
func codeFor(email string, p notebook.Purpose) string { return string(p) + "\x00" + email }

// withCode does what the client has sent a code for. Who sends wrong ones does not
// void the code of somebody else: theirs are not looked at any more.
func (a *Accounts) withCode(client, email string, p notebook.Purpose, do func() error) error {
	name := codeFor(email, p)
	if here, _ := a.guard.try(client, name); here {
		return notebook.ErrCodeInvalid
	}
	err := do()
	if !errors.Is(err, notebook.ErrCodeInvalid) {
		a.guard.takeBack(client, name)
	}
	return err
}

// Register creates an account for the one who has the code that was mailed to the
// address, and sends it from where the client is.
func (a *Accounts) Register(ctx context.Context, username, password, email, code, client string) error {
	n := notebook.NewUser{Username: username, Email: email, Role: notebook.RoleUser}
	if err := n.Normalize(); err != nil {
		return err
	}
	if err := notebook.CheckOwnPassword(password); err != nil {
		return err
	}
	var err error
	if n.PasswordHash, err = a.passwords.hash(ctx, password); err == nil {
		err = a.withCode(client, n.Email, notebook.PurposeRegister, func() error {
			_, err := a.store.Register(ctx, n, strings.TrimSpace(code), a.now())
			return err
		})
	}
	return takenAsInput(err)
}

// ResetPassword replaces a forgotten password for the one who has the code, and
// sends it from where the client is. It hashes before it looks at the
// code, so that it takes as long whatever is wrong.
func (a *Accounts) ResetPassword(ctx context.Context, email, code, password, client string) error {
	email, err := notebook.NormalizeEmail(email)
	if err != nil {
		return err
	}
	if err := notebook.CheckOwnPassword(password); err != nil {
		return err
	}
	hash, err := a.passwords.hash(ctx, password)
	if err != nil {
		return err
	}
	return a.withCode(client, email, notebook.PurposeReset, func() error {
		u, err := a.store.ResetPassword(ctx, email, strings.TrimSpace(code), hash, a.now())
		if err == nil {
			a.guard.forget(client, notebook.NameKey(u.Username))
		}
		return err
	})
}
