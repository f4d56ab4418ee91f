package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

// Starred reports whether the user has starred the target.
func (s *Store) Starred(ctx context.Context, userID, targetType, targetID string) (starred bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM star_records WHERE user_id = ? AND target_type = ? AND target_id = ?)`,
		userID, targetType, targetID).Scan(&starred)
	return starred, err
}

// ToggleStar stars the card with this id for the user, or takes his star back,
// if allow returns nil. It reports whether the card is starred now.
func (s *Store) ToggleStar(ctx context.Context, userID, cardID string, now time.Time, allow func(*notebook.PersonaCard) error) (starred bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		c, err := cardByID(ctx, tx, cardID)
		if err != nil {
			return err
		}
		if err := allow(c); err != nil {
			return err
		}
		had, err := deleteStar(ctx, tx, userID, cardID)
		if err != nil || had {
			return err
		}
		starred = true
		_, err = tx.ExecContext(ctx, `INSERT INTO star_records (id, user_id, target_id, target_type, created_at) VALUES (?, ?, ?, 'persona', ?)`,
			newID(), userID, cardID, micros(now))
		return err
	})
	return starred, err
}

// Unstar takes back the user's star on the card with this id. It fails with
// notebook.ErrCardNotFound or notebook.ErrNotStarred.
func (s *Store) Unstar(ctx context.Context, userID, cardID string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := cardByID(ctx, tx, cardID); err != nil {
			return err
		}
		had, err := deleteStar(ctx, tx, userID, cardID)
		if err == nil && !had {
			err = notebook.ErrNotStarred
		}
		return err
	})
}

func deleteStar(ctx context.Context, tx *sql.Tx, userID, cardID string) (had bool, err error) {
	r, err := tx.ExecContext(ctx, `DELETE FROM star_records WHERE user_id = ? AND target_type = 'persona' AND target_id = ?`, userID, cardID)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Stars returns the page of a user's stars that the filter describes, and how
// many there are on all pages. A card that is not public is left out.
func (s *Store) Stars(ctx context.Context, f notebook.StarFilter) (stars []notebook.Star, total int, err error) {
	if f.Type != "" && f.Type != notebook.TargetPersona {
		return []notebook.Star{}, 0, nil
	}
	const from = ` FROM star_records s JOIN persona_cards p ON p.id = s.target_id
		WHERE s.user_id = ? AND s.target_type = 'persona' AND p.is_public = 1`
	if err := s.db.QueryRowContext(ctx, `SELECT count(*)`+from, f.UserID).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting stars: %w", err)
	}
	order := "s.created_at"
	if f.SortBy == "star_count" {
		order = "p.star_count"
	}
	d := direction(f.Ascending)
	stars, err = collect(ctx, s.db, scanStar, `SELECT s.id, s.target_type, s.created_at, `+cardColumns+from+
		` ORDER BY `+order+` `+d+`, s.id `+d+` LIMIT ? OFFSET ?`, f.UserID, f.Page.Size, f.Page.Offset())
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing stars: %w", err)
	}
	return stars, total, nil
}

func scanStar(row scanner) (notebook.Star, error) {
	var s notebook.Star
	err := row.Scan(append([]any{&s.ID, &s.TargetType, timeColumn{&s.CreatedAt}}, cardFields(&s.Card)...)...)
	return s, err
}
