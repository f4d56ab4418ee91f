package api

import (
	"context"
	"errors"
	"log/slog"
	"strings"

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

func (s *server) registrationRoutes() {
	mailing := fails(errCredentialsFormat, errCredentialsMissing, notebook.ErrEmailInvalid, notebook.ErrTooManyCodes, notebook.ErrMailOff)
	handle(s, "POST /api/auth/send_verification_code", anyone, "Mail me a code to register with", s.sendRegisterCode,
		credentialBody("email"), s.limited(s.mailings), mailing, fails(notebook.ErrMailFailed))
	handle(s, "POST /api/auth/send_reset_password_code", anyone, "Mail me a code to reset my password with", s.sendResetCode,
		credentialBody("email"), s.limited(s.mailings), mailing)
	taken := fails(errCredentialsFormat, errCredentialsMissing, notebook.ErrUsernameInvalid, notebook.ErrEmailInvalid,
		asInput(notebook.ErrUsernameTaken), asInput(notebook.ErrEmailTaken))
	handle(s, "POST /api/auth/user/check_register", anyone, "Is this name and address still to be had", s.checkRegister,
		credentialBody("username", "email"), s.limited(s.attempts), taken)
	handle(s, "POST /api/auth/user/register", anyone, "Register", s.register,
		credentialBody("username", "password", "email", "verification_code"), s.limited(s.attempts), taken,
		fails(notebook.ErrPasswordLength, notebook.ErrCodeInvalid))
	handle(s, "POST /api/auth/reset_password", anyone, "Replace a forgotten password, which ends all sessions", s.resetPassword,
		credentialBody("email", "verification_code", "new_password"), s.limited(s.attempts),
		fails(errCredentialsFormat, errCredentialsMissing, notebook.ErrEmailInvalid, notebook.ErrPasswordLength, notebook.ErrCodeInvalid))
}

func (s *server) sendRegisterCode(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	m, err := s.newCode(ctx, in, notebook.PurposeRegister)
	if err != nil {
		return nil, err
	}
	if err := s.mailer.Send(ctx, m); err != nil {
		s.logger.LogAttrs(ctx, slog.LevelError, "mailing a code failed",
			slog.String("request_id", callerIn(ctx).requestID), slog.Any("error", err))
		return nil, notebook.ErrMailFailed
	}
	return noStore(said(ctx, "验证码已发送", "The code is on its way")), nil
}

// sendResetCode does and says the same whether or not anybody has the address,
// and takes as long: that is why nobody waits for the mail.
func (s *server) sendResetCode(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	m, err := s.newCode(ctx, in, notebook.PurposeReset)
	if err != nil {
		return nil, err
	}
	taken, err := s.store.EmailTaken(ctx, m.To)
	if err != nil {
		return nil, err
	}
	if taken {
		s.mailer.Post(m)
	}
	return noStore(said(ctx, "如果该邮箱已注册，验证码将发送至该邮箱", "If an account has this address, a code is on its way to it")), nil
}

// newCode keeps a new code and returns the mail with it.
func (s *server) newCode(ctx context.Context, in *credentials, p notebook.Purpose) (notebook.Mail, error) {
	if s.mailer == nil {
		return notebook.Mail{}, notebook.ErrMailOff
	}
	fields, err := in.fields("email")
	if err != nil {
		return notebook.Mail{}, err
	}
	email, err := notebook.NormalizeEmail(fields[0])
	if err != nil {
		return notebook.Mail{}, err
	}
	code := notebook.NewCode()
	if err := s.store.AddVerification(ctx, email, p, code, s.now()); err != nil {
		return notebook.Mail{}, err
	}
	return notebook.CodeMail(email, p, code, callerIn(ctx).lang), nil
}

func (s *server) checkRegister(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	fields, err := in.fields("username", "email")
	if err != nil {
		return nil, err
	}
	n := notebook.NewUser{Username: fields[0], Email: fields[1], Role: notebook.RoleUser}
	if err := s.store.CheckNewUser(ctx, n); err != nil {
		return nil, takenAsInput(err)
	}
	return noStore(said(ctx, "用户名和邮箱可用", "The name and the address are free")), nil
}

func (s *server) register(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	fields, err := in.fields("username", "password", "email", "verification_code")
	if err != nil {
		return nil, err
	}
	n := notebook.NewUser{Username: fields[0], Email: fields[2], Role: notebook.RoleUser}
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	if err := notebook.CheckOwnPassword(fields[1]); err != nil {
		return nil, err
	}
	if n.PasswordHash, err = notebook.HashPassword(fields[1], s.cost); err != nil {
		return nil, err
	}
	if _, err := s.store.Register(ctx, n, strings.TrimSpace(fields[3]), s.now()); err != nil {
		return nil, takenAsInput(err)
	}
	return noStore(said(ctx, "注册成功，请登录", "Registered; please log in")), nil
}

// resetPassword hashes before it looks at the code, so that it takes as long
// whatever is wrong.
func (s *server) resetPassword(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	fields, err := in.fields("email", "verification_code", "new_password")
	if err != nil {
		return nil, err
	}
	email, err := notebook.NormalizeEmail(fields[0])
	if err != nil {
		return nil, err
	}
	if err := notebook.CheckOwnPassword(fields[2]); err != nil {
		return nil, err
	}
	hash, err := notebook.HashPassword(fields[2], s.cost)
	if err != nil {
		return nil, err
	}
	if err := s.store.ResetPassword(ctx, email, strings.TrimSpace(fields[1]), hash, s.now()); err != nil {
		return nil, err
	}
	return noStore(said(ctx, "密码重置成功，请登录", "Password replaced; please log in")), nil
}

// asInput is a conflict as an error in a form, which is what front ends expect
// of the forms here.
func asInput(e *notebook.Error) *notebook.Error {
	c := *e
	c.Kind = notebook.Invalid
	return &c
}

func takenAsInput(err error) error {
	for _, e := range []*notebook.Error{notebook.ErrUsernameTaken, notebook.ErrEmailTaken} {
		if errors.Is(err, e) {
			return asInput(e)
		}
	}
	return err
}
