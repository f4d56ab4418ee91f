package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/unstale/unstale/notebook"
)

// AddVerification keeps a code that is about to be mailed to the address, which
// is in lower case. From then on no earlier code for the address and purpose is
// good. It fails with notebook.ErrTooManyCodes, with the seconds to wait as the
// detail retry_after, if the address was sent as many as it may be.
func (s *Store) AddVerification(ctx context.Context, email string, p notebook.Purpose, code string, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		// What counts no more is of no use to anybody.
		if _, err := tx.ExecContext(ctx, `DELETE FROM email_verifications WHERE created_at <= $1`, micros(now.Add(-time.Hour))); err != nil {
			return fmt.Errorf("store: removing old codes: %w", err)
		}
		mailed, err := collect(ctx, tx, func(row scanner) (t time.Time, err error) {
			err = row.Scan(timeColumn{&t})
			return t, err
		}, `SELECT created_at FROM email_verifications WHERE email = $1`, email)
		if err != nil {
			return fmt.Errorf("store: counting codes: %w", err)
		}
		if wait := notebook.CodeWait(mailed, now); wait > 0 {
			return notebook.ErrTooManyCodes.With(notebook.RetryAfter, int(math.Ceil(wait.Seconds())))
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO email_verifications (id, email, purpose, code, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			newID(), email, p, code, micros(now), micros(now.Add(notebook.CodeLife)))
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
// It makes every token of his invalid, ends a lock by failed logins, and leaves a
// ban as it is. It fails with notebook.ErrCodeInvalid, also where nobody has the address.
func (s *Store) ResetPassword(ctx context.Context, email, code, passwordHash string, now time.Time) error {
	return s.withCode(ctx, email, notebook.PurposeReset, code, now, func(ctx context.Context, tx *sql.Tx) error {
		u, err := oneUser(tx.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE email = $1`, email))
		if errors.Is(err, notebook.ErrUserNotFound) {
			return notebook.ErrCodeInvalid
		}
		if err != nil {
			return err
		}
		u.ResetPassword(passwordHash, now)
		return saveLogin(ctx, tx, u)
	})
}

// withCode runs f in the transaction that uses up the code. If f fails the code
// stays good; a wrong code is counted, and f does not run.
func (s *Store) withCode(ctx context.Context, email string, p notebook.Purpose, code string, now time.Time, f func(context.Context, *sql.Tx) error) error {
	// A client that hangs up must not escape the count.
	ctx = context.WithoutCancel(ctx)
	accepted := false
	err := s.write(ctx, func(tx *sql.Tx) error {
		v, err := latestVerification(ctx, tx, email, p)
		if v == nil || err != nil {
			return err
		}
		if accepted = v.Accepts(code, now); !accepted {
			_, err := tx.ExecContext(ctx, `UPDATE email_verifications SET wrong_tries = wrong_tries + 1 WHERE id = $1`, v.ID)
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

// latestVerification returns the last code for the address and purpose, nil if
// there is none.
func latestVerification(ctx context.Context, tx *sql.Tx, email string, p notebook.Purpose) (*notebook.Verification, error) {
	var v notebook.Verification
	err := tx.QueryRowContext(ctx, `SELECT id, code, is_used, wrong_tries, expires_at FROM email_verifications
		WHERE email = $1 AND purpose = $2 ORDER BY created_at DESC, id DESC LIMIT 1`, email, p).
		Scan(&v.ID, &v.Code, &v.Used, &v.WrongTries, timeColumn{&v.ExpiresAt})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a code: %w", err)
	}
	return &v, nil
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
