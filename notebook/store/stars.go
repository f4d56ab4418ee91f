package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
)

// Starred reports whether the user has starred the target.
func (s *Store) Starred(ctx context.Context, userID string, k notebook.ItemKind, id string) (starred bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM star_records WHERE user_id = $1 AND target_type = $2 AND target_id = $3)`,
		userID, k, id).Scan(&starred)
	return starred, err
}

// ToggleStar stars the item of the kind with this id for the user, or takes his
// star back, if allow returns nil. It reports whether the item is starred now.
func (s *Store) ToggleStar(ctx context.Context, userID string, k notebook.ItemKind, id string, now time.Time, allow func(*notebook.Item) error) (starred bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		i, err := itemByID(ctx, tx, k, id)
		if err != nil {
			return err
		}
		if err := allow(i); err != nil {
			return err
		}
		had, err := deleteStar(ctx, tx, userID, k, id)
		if err != nil || had {
			return err
		}
		starred = true
		_, err = tx.ExecContext(ctx, statements(k).star, newID(), userID, id, micros(now))
		return err
	})
	return starred, err
}

// Unstar takes back the user's star on the item of the kind with this id. It
// fails with notebook.ErrItemNotFound or notebook.ErrNotStarred.
func (s *Store) Unstar(ctx context.Context, userID string, k notebook.ItemKind, id string) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		if _, err := itemByID(ctx, tx, k, id); err != nil {
			return err
		}
		had, err := deleteStar(ctx, tx, userID, k, id)
		if err == nil && !had {
			err = notebook.ErrNotStarred
		}
		return err
	})
}

func deleteStar(ctx context.Context, tx *sql.Tx, userID string, k notebook.ItemKind, id string) (had bool, err error) {
	r, err := tx.ExecContext(ctx, statements(k).unstar, userID, id)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Stars returns the page of a user's stars that the filter describes, and how
// many there are on all pages. An item that is not public is left out.
func (s *Store) Stars(ctx context.Context, f notebook.StarFilter) (stars []notebook.Star, total int, err error) {
	kinds := notebook.ItemKinds()
	if f.Kind != "" {
		kinds = slices.DeleteFunc(kinds, func(k notebook.ItemKind) bool { return k != f.Kind })
	}
	if len(kinds) == 0 {
		return nil, 0, nil
	}
	only := conditions{args: []any{f.UserID}}
	var parts []string
	for _, k := range kinds {
		text := statements(k)
		parts = append(parts, text.stars)
		var n int
		if err := s.db.QueryRowContext(ctx, text.countStars, f.UserID).Scan(&n); err != nil {
			return nil, 0, fmt.Errorf("store: counting stars: %w", err)
		}
		total += n
	}
	order := "starred_at"
	if f.SortBy == "star_count" {
		order = "star_count"
	}
	d := direction(f.Ascending)
	limit, args := only.page(f.Page)
	stars, err = collect(ctx, s.db, scanStar, strings.Join(parts, ` UNION ALL `)+` ORDER BY `+order+` `+d+`, star_id `+d+limit, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing stars: %w", err)
	}
	notebook.BoundPage(func(yield func(*notebook.Item) bool) {
		for n := range stars {
			if !yield(&stars[n].Item) {
				return
			}
		}
	})
	return stars, total, nil
}

func scanStar(row scanner) (notebook.Star, error) {
	var s notebook.Star
	err := row.Scan(append([]any{&s.ID, &s.Item.Kind, timeColumn{&s.CreatedAt}}, itemFields(&s.Item)...)...)
	return s, err
}
