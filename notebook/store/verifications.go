package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/unstale/unstale/notebook"
)

// AddVerification keeps a code that is about to be mailed to the address, which
// is in lower case, because the client has asked for it. From then on no earlier
// code is good that the client asked for, for the address and purpose. It fails
// with notebook.ErrTooManyCodes, with the seconds to wait as the detail retry_after,
// if the address, whatever stands behind a plus, was sent as many as it may be, or
// the site has sent as many.
func (s *Store) AddVerification(ctx context.Context, email, client string, p notebook.Purpose, code string, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		// What counts no more is of no use to anybody.
		if _, err := tx.ExecContext(ctx, `DELETE FROM email_verifications WHERE created_at <= $1`, micros(now.Add(-time.Hour))); err != nil {
			return fmt.Errorf("store: removing old codes: %w", err)
		}
		box := notebook.Mailbox(email)
		mailed, err := collect(ctx, tx, func(row scanner) (m notebook.MailedCode, err error) {
			err = row.Scan(&m.Client, timeColumn{&m.At})
			return m, err
		}, `SELECT client, created_at FROM email_verifications WHERE mailbox = $1 AND purpose = $2`, box, p)
		if err != nil {
			return fmt.Errorf("store: counting codes: %w", err)
		}
		var all int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM email_verifications WHERE purpose = $1`, p).Scan(&all); err != nil {
			return fmt.Errorf("store: counting codes: %w", err)
		}
		wait := notebook.CodeWait(mailed, client, now)
		if all >= notebook.MaxCodesOfSite {
			wait = max(wait, notebook.CodePause)
		}
		if wait > 0 {
			return notebook.ErrTooManyCodes.With(notebook.RetryAfter, int(math.Ceil(wait.Seconds())))
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO email_verifications (id, email, mailbox, client, purpose, code, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			newID(), email, box, client, p, code, micros(now), micros(now.Add(notebook.CodeLife)))
		return err
	})
}

// Register adds a user who has the code that was mailed to his address, and uses
// the code up. It fails with notebook.ErrCodeInvalid, or as CreateUser does; then
// the code stays good.
func (s *Store) Register(ctx context.Context, n notebook.NewUser, code string, now time.Time) (*notebook.User, error) {
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	u := &notebook.User{
		ID: newID(), Username: n.Username, Email: n.Email, PasswordHash: n.PasswordHash, Role: n.Role, Active: true, CreatedAt: now,
	}
	err := s.withCode(ctx, n.Email, notebook.PurposeRegister, code, now, func(ctx context.Context, tx *sql.Tx) error {
		return insertUser(ctx, tx, u)
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// ResetPassword replaces the password of the user with the address, which is in
// lower case, if the code is the one that was mailed to it, and uses the code up.
// It makes every token of theirs invalid, ends a lock by failed logins, and leaves
// a ban as it is. It returns the user. It fails with notebook.ErrCodeInvalid, also where nobody has the address.
func (s *Store) ResetPassword(ctx context.Context, email, code, passwordHash string, now time.Time) (u *notebook.User, err error) {
	err = s.withCode(ctx, email, notebook.PurposeReset, code, now, func(ctx context.Context, tx *sql.Tx) error {
		u, err = oneUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE email = $1`, email))
		if errors.Is(err, notebook.ErrUserNotFound) {
			return notebook.ErrCodeInvalid
		}
		if err != nil {
			return err
		}
		u.ResetPassword(passwordHash, now)
		if err := endSessions(ctx, tx, u.ID); err != nil {
			return err
		}
		return saveLogin(ctx, tx, u)
	})
	return u, err
}

// withCode runs f in the transaction that uses up the code. If f fails the code
// stays good; a wrong code is counted, and f does not run.
func (s *Store) withCode(ctx context.Context, email string, p notebook.Purpose, code string, now time.Time, f func(context.Context, *sql.Tx) error) error {
	// A client that hangs up must not escape the count.
	ctx = context.WithoutCancel(ctx)
	accepted := false
	err := s.write(ctx, func(tx *sql.Tx) error {
		accepted = false // this may be a second try
		list, err := latestVerifications(ctx, tx, email, p)
		if len(list) == 0 || err != nil {
			return err
		}
		var v notebook.Verification
		for _, one := range list {
			if one.Accepts(code, now) {
				v, accepted = one, true
			}
		}
		if !accepted {
			_, err := tx.ExecContext(ctx, `UPDATE email_verifications SET wrong_tries = wrong_tries + 1 WHERE email = $1 AND purpose = $2`, email, p)
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE email_verifications SET is_used = TRUE WHERE id = $1`, v.ID); err != nil {
			return err
		}
		return f(ctx, tx)
	})
	if err == nil && !accepted {
		err = notebook.ErrCodeInvalid
	}
	return err
}

// latestVerifications returns the last code that each client has asked for, for the
// address and purpose.
func latestVerifications(ctx context.Context, tx *sql.Tx, email string, p notebook.Purpose) ([]notebook.Verification, error) {
	list, err := collect(ctx, tx, func(row scanner) (v notebook.Verification, err error) {
		err = row.Scan(&v.ID, &v.Client, &v.Code, &v.Used, &v.WrongTries, timeColumn{&v.ExpiresAt})
		return v, err
	}, `SELECT id, client, code, is_used, wrong_tries, expires_at FROM email_verifications
		WHERE email = $1 AND purpose = $2 ORDER BY created_at DESC, id DESC`, email, p)
	if err != nil {
		return nil, fmt.Errorf("store: reading codes: %w", err)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(v notebook.Verification) bool {
		before := seen[v.Client]
		seen[v.Client] = true
		return before
	}), nil
}

// CheckNewUser fails as CreateUser would with n, and changes nothing.
func (s *Store) CheckNewUser(ctx context.Context, n notebook.NewUser) error {
	if err := n.Normalize(); err != nil {
		return err
	}
	return checkFree(ctx, s.db, n)
}

// EmailTaken reports whether a user has the address, which is in lower case.
func (s *Store) EmailTaken(ctx context.Context, email string) (bool, error) {
	var taken bool
	if err := s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE email = $1)`, email).Scan(&taken); err != nil {
		return false, fmt.Errorf("store: looking for an address: %w", err)
	}
	return taken, nil
}
