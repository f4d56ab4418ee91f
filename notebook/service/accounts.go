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
	found, err := unstale.Load(ctx, a.cache, "user:"+unstale.Escape(c.Subject), func(ctx context.Context) (account, error) {
		return a.account(ctx, c.Subject)
	})
	return found.Valid && found.PasswordVersion == c.PasswordVersion, err
}

// An account is what decides whether a token is good.
type account struct {
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
	return account{Valid: u.Active && !u.Banned(now), PasswordVersion: u.PasswordVersion}, nil
}

// Authenticate returns the user with this name and password. It takes as long
// for a name that nobody has.
func (a *Accounts) Authenticate(ctx context.Context, username, password string) (*notebook.User, error) {
	now := a.now()
	u, err := a.store.UserNamed(ctx, username)
	if errors.Is(err, notebook.ErrUserNotFound) {
		if _, err := a.passwords.matches(ctx, a.decoy, password); err != nil {
			return nil, err
		}
		return nil, notebook.ErrWrongPassword
	}
	if err != nil {
		return nil, err
	}
	if u.Locked(now) {
		return nil, notebook.ErrAccountLocked
	}
	matches, err := a.passwords.matches(ctx, u.PasswordHash, password)
	if err != nil {
		return nil, err
	}
	if err := a.store.RecordLogin(ctx, u.ID, matches, now); err != nil {
		return nil, err
	}
	switch {
	case !matches:
		return nil, notebook.ErrWrongPassword
	case u.Banned(now) || !u.Active:
		return nil, notebook.ErrAccountBanned
	}
	return u, nil
}

// Token returns a token of the kind for the user.
func (a *Accounts) Token(u *notebook.User, kind string) (string, error) {
	life := AccessLife
	if kind == RefreshToken || kind == SessionToken {
		life = SessionLife
	}
	return a.tokens.make(u, kind, life)
}

// Renew returns a new access token for one to renew it with.
func (a *Accounts) Renew(ctx context.Context, refresh string) (string, error) {
	c, err := a.tokens.verify(refresh, RefreshToken)
	if err != nil {
		return "", notebook.ErrInvalidToken
	}
	u, err := a.store.User(ctx, c.Subject)
	if errors.Is(err, notebook.ErrUserNotFound) {
		return "", notebook.ErrInvalidToken
	}
	if err != nil {
		return "", err
	}
	if !u.Active || u.Banned(a.now()) || u.PasswordVersion != c.PasswordVersion {
		return "", notebook.ErrInvalidToken
	}
	return a.Token(u, AccessToken)
}

// ChangePassword replaces the user's password, which ends all their sessions.
func (a *Accounts) ChangePassword(ctx context.Context, u *notebook.User, current, password, confirmation string) error {
	if password != confirmation {
		return notebook.ErrPasswordMismatch
	}
	if err := notebook.CheckOwnPassword(password); err != nil {
		return err
	}
	if u.Locked(a.now()) {
		return notebook.ErrAccountLocked
	}
	matches, err := a.passwords.matches(ctx, u.PasswordHash, current)
	if err != nil {
		return err
	}
	if !matches {
		// Counted like a login: else a stolen token would let its thief guess on.
		if err := a.store.RecordLogin(ctx, u.ID, false, a.now()); err != nil {
			return err
		}
		return notebook.ErrCurrentPassword
	}
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
func (a *Accounts) MailRegisterCode(ctx context.Context, email string, l notebook.Lang) error {
	m, err := a.newCode(ctx, email, notebook.PurposeRegister, l)
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
func (a *Accounts) MailResetCode(ctx context.Context, email string, l notebook.Lang) error {
	m, err := a.newCode(ctx, email, notebook.PurposeReset, l)
	if err != nil {
		return err
	}
	taken, err := a.store.EmailTaken(ctx, m.To)
	if taken {
		a.mailer.Post(m)
	}
	return err
}

// newCode keeps a new code and returns the mail with it.
func (a *Accounts) newCode(ctx context.Context, email string, p notebook.Purpose, l notebook.Lang) (notebook.Mail, error) {
	if err := a.MailOn(); err != nil {
		return notebook.Mail{}, err
	}
	email, err := notebook.NormalizeEmail(email)
	if err != nil {
		return notebook.Mail{}, err
	}
	code := notebook.NewCode()
	if err := a.store.AddVerification(ctx, email, p, code, a.now()); err != nil {
		return notebook.Mail{}, err
	}
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

// Register creates an account for the one who has the code that was mailed to the
// address.
func (a *Accounts) Register(ctx context.Context, username, password, email, code string) error {
	n := notebook.NewUser{Username: username, Email: email, Role: notebook.RoleUser}
	if err := n.Normalize(); err != nil {
		return err
	}
	if err := notebook.CheckOwnPassword(password); err != nil {
		return err
	}
	var err error
	if n.PasswordHash, err = a.passwords.hash(ctx, password); err == nil {
		_, err = a.store.Register(ctx, n, strings.TrimSpace(code), a.now())
	}
	return takenAsInput(err)
}

// ResetPassword replaces a forgotten password. It hashes before it looks at the
// code, so that it takes as long whatever is wrong.
func (a *Accounts) ResetPassword(ctx context.Context, email, code, password string) error {
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
	return a.store.ResetPassword(ctx, email, strings.TrimSpace(code), hash, a.now())
}
