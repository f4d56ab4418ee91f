package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

const sessionColumns = `id, user_id, generation, expires_at`

func oneSession(row *sql.Row) (*notebook.Session, error) {
	var s notebook.Session
	err := row.Scan(&s.ID, &s.UserID, &s.Generation, timeColumn{&s.ExpiresAt})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrInvalidToken
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a session: %w", err)
	}
	return &s, nil
}

// Session returns the session with this id, or notebook.ErrInvalidToken for one
// that has ended.
func (s *Store) Session(ctx context.Context, id string) (*notebook.Session, error) {
	return oneSession(s.db.QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1`, id))
}

// BeginSession adds a session of the user, and notes from where they have logged
// in. The oldest of their sessions ends where there are too many, and all do that
// are over.
func (s *Store) BeginSession(ctx context.Context, userID, client string, now time.Time) (*notebook.Session, error) {
	made := &notebook.Session{ID: newID(), UserID: userID, ExpiresAt: now.Add(notebook.SessionLife)}
	err := s.write(ctx, func(tx *sql.Tx) error {
		for _, change := range []struct {
			text string
			args []any
		}{
			{`DELETE FROM sessions WHERE expires_at <= $1`, []any{micros(now)}},
			{`DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $2)`,
				[]any{userID, notebook.MaxSessions - 1}},
			{`INSERT INTO sessions (` + sessionColumns + `, created_at) VALUES ($1, $2, $3, $4, $5)`,
				[]any{made.ID, userID, made.Generation, micros(made.ExpiresAt), micros(now)}},
			{`UPDATE users SET login_client = $1 WHERE id = $2 AND (login_client IS NULL OR login_client <> $3)`, []any{client, userID, client}},
		} {
			if _, err := tx.ExecContext(ctx, change.text, change.args...); err != nil {
				return fmt.Errorf("store: beginning a session: %w", err)
			}
		}
		return nil
	})
	return made, err
}

// ExchangeSession takes a refresh token of the session for one of the next
// generation, and returns the session as it is then. It fails with
// notebook.ErrInvalidToken where there is none, and where the token was exchanged
// before: then the session ends, with all that came of it.
func (s *Store) ExchangeSession(ctx context.Context, id string, generation int, now time.Time) (*notebook.Session, error) {
	// Whoever hangs up must not escape the end of the session.
	ctx = context.WithoutCancel(ctx)
	var found *notebook.Session
	exchanged := false
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if found, err = oneSession(tx.QueryRowContext(ctx, `SELECT `+sessionColumns+` FROM sessions WHERE id = $1`, id)); err != nil {
			return err
		}
		if exchanged = found.Exchange(generation, now); !exchanged {
			return endSession(ctx, tx, id)
		}
		_, err = tx.ExecContext(ctx, `UPDATE sessions SET generation = $1, expires_at = $2 WHERE id = $3`, found.Generation, micros(found.ExpiresAt), id)
		return err
	})
	if err == nil && !exchanged {
		err = notebook.ErrInvalidToken
	}
	return found, err
}

// EndSession ends a session: its tokens are not good any more.
func (s *Store) EndSession(ctx context.Context, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error { return endSession(ctx, tx, id) })
}

func endSession(ctx context.Context, tx *sql.Tx, id string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = $1`, id)
	return err
}

// endSessions ends every session of a user.
func endSessions(ctx context.Context, tx *sql.Tx, userID string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1`, userID)
	return err
}
