package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

// Avatar returns what the user with this id is shown with, or
// notebook.ErrUserNotFound.
func (s *Store) Avatar(ctx context.Context, userID string) (*notebook.Avatar, error) {
	var a notebook.Avatar
	err := s.db.QueryRowContext(ctx, `SELECT username, avatar_path, avatar_thumbnail FROM users WHERE id = $1`, userID).
		Scan(&a.Username, &a.Full, &a.Thumbnail)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrUserNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading an avatar: %w", err)
	}
	return &a, nil
}

// SetAvatar gives the user the picture and the thumbnail with these hashes, or
// none where both are "", and returns him as he is then, with the hashes of the
// files that he had before. To take away what is not there changes nothing.
func (s *Store) SetAvatar(ctx context.Context, userID, full, thumbnail string, now time.Time) (u *notebook.User, before []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if before, err = avatarFiles(ctx, tx, userID); err != nil {
			return err
		}
		if full != "" || len(before) > 0 {
			_, err := tx.ExecContext(ctx, `UPDATE users SET avatar_path = NULLIF($1, ''), avatar_thumbnail = NULLIF($2, ''), avatar_updated_at = $3 WHERE id = $4`,
				full, thumbnail, micros(now), userID)
			if err != nil {
				return err
			}
		}
		u, err = userByID(ctx, tx, userID)
		return err
	})
	return u, before, err
}

// avatarFiles returns the hashes of the files of a user's picture.
func avatarFiles(ctx context.Context, tx *sql.Tx, userID string) ([]string, error) {
	return collect(ctx, tx, scanString, `SELECT avatar_path FROM users WHERE id = $1 AND avatar_path IS NOT NULL
		UNION ALL SELECT avatar_thumbnail FROM users WHERE id = $1 AND avatar_thumbnail IS NOT NULL`, userID)
}
