package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

// Target returns what comments can be about, or notebook.ErrItemNotFound.
func (s *Store) Target(ctx context.Context, kind notebook.ItemKind, id string) (*notebook.Target, error) {
	return target(ctx, s.db, kind, id)
}

func target(ctx context.Context, q querier, kind notebook.ItemKind, id string) (*notebook.Target, error) {
	table := "persona_cards"
	if kind == notebook.TargetKnowledge {
		table = "knowledge_bases"
	}
	t := &notebook.Target{Kind: kind}
	err := q.QueryRowContext(ctx, `SELECT id, name, uploader_id, is_public FROM `+table+` WHERE id = $1`, id).
		Scan(&t.ID, &t.Name, &t.UploaderID, &t.Public)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrItemNotFound.Of(kind)
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a target: %w", err)
	}
	return t, nil
}

// selectComments is a query for comments with the reaction of the user who is
// its first argument.
const selectComments = `SELECT c.id, c.user_id, u.username, u.avatar_updated_at, c.target_type, c.target_id, c.parent_id, c.content,
	c.is_deleted, c.deleted_with, c.deleted_by, c.like_count, c.dislike_count, coalesce(r.reaction_type, ''), c.created_at, c.updated_at
	FROM comments c JOIN users u ON u.id = c.user_id LEFT JOIN comment_reactions r ON r.comment_id = c.id AND r.user_id = $1`

func scanComment(row scanner) (notebook.Comment, error) {
	var c notebook.Comment
	err := row.Scan(&c.ID, &c.UserID, &c.Username, optTimeColumn{&c.AvatarUpdatedAt}, &c.TargetKind, &c.TargetID, &c.ParentID, &c.Content,
		&c.Deleted, &c.DeletedWith, &c.DeletedBy, &c.Likes, &c.Dislikes, &c.Mine, timeColumn{&c.CreatedAt}, timeColumn{&c.UpdatedAt})
	return c, err
}

// commentByID returns a comment, deleted or not, as the user sees it.
func commentByID(ctx context.Context, q querier, id, userID string) (*notebook.Comment, error) {
	c, err := scanComment(q.QueryRowContext(ctx, selectComments+` WHERE c.id = $2`, userID, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrCommentNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a comment: %w", err)
	}
	return &c, nil
}

// Comments returns the comments on a target that are not deleted, as the user
// sees them, the oldest first.
func (s *Store) Comments(ctx context.Context, userID string, kind notebook.ItemKind, targetID string) ([]notebook.Comment, error) {
	list, err := collect(ctx, s.db, scanComment, selectComments+
		` WHERE c.target_type = $2 AND c.target_id = $3 AND c.is_deleted = FALSE ORDER BY c.created_at, c.id`, userID, kind, targetID)
	if err != nil {
		return nil, fmt.Errorf("store: listing comments: %w", err)
	}
	return list, nil
}

// CreateComment adds a comment of the user to its target if allow returns nil,
// and sends the messages that go with it, in one transaction. It sets the id. It
// fails with notebook.ErrItemNotFound, or with notebook.ErrCommentNotFound if
// the comment that it answers is not there, or on another target.
func (s *Store) CreateComment(ctx context.Context, c *notebook.Comment, allow func(*notebook.Target) error) error {
	c.ID = newID()
	return s.write(ctx, func(tx *sql.Tx) error {
		t, err := target(ctx, tx, c.TargetKind, c.TargetID)
		if err != nil {
			return err
		}
		if err := allow(t); err != nil {
			return err
		}
		var parent *notebook.Comment
		if c.ParentID != nil {
			if parent, err = commentByID(ctx, tx, *c.ParentID, c.UserID); err != nil {
				return err
			}
			if parent.Deleted || parent.TargetKind != t.Kind || parent.TargetID != t.ID {
				return notebook.ErrCommentNotFound
			}
		}
		if err := roomForComment(ctx, tx, c); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO comments (id, user_id, target_id, target_type, parent_id, content, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			c.ID, c.UserID, t.ID, t.Kind, c.ParentID, c.Content, micros(c.CreatedAt), micros(c.UpdatedAt))
		if err != nil {
			return err
		}
		for _, m := range c.Notices(t, parent) {
			if err := insertMessage(ctx, tx, &m); err != nil {
				return err
			}
		}
		return nil
	})
}

// roomForComment returns nil if the target takes one more comment, where it is to
// stand.
func roomForComment(ctx context.Context, tx *sql.Tx, c *notebook.Comment) error {
	var all, own, depth int
	err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(CASE WHEN user_id = $1 THEN 1 ELSE 0 END), 0) FROM comments WHERE target_type = $2 AND target_id = $3`,
		c.UserID, c.TargetKind, c.TargetID).Scan(&all, &own)
	if err == nil && c.ParentID != nil {
		err = tx.QueryRowContext(ctx, `WITH RECURSIVE above (parent, n) AS (SELECT c.parent_id, 1 FROM comments c WHERE c.id = $1
			UNION ALL SELECT c.parent_id, a.n + 1 FROM comments c JOIN above a ON c.id = a.parent WHERE a.n < $2) SELECT max(n) FROM above`, *c.ParentID, notebook.MaxCommentDepth).Scan(&depth)
	}
	if err != nil {
		return fmt.Errorf("store: counting comments: %w", err)
	}
	return notebook.CommentsAllow(all, own, depth)
}

// tellOfReaction sends the message that tells the author of a reaction, if they have
// not been told of one of the user's to the comment.
func tellOfReaction(ctx context.Context, tx *sql.Tx, m *notebook.Message, commentID string) error {
	n, err := changeRows(ctx, tx, `INSERT INTO reaction_notices (user_id, comment_id) VALUES ($1, $2) ON CONFLICT (user_id, comment_id) DO NOTHING`, m.SenderID, commentID)
	if err != nil || n == 0 {
		return err
	}
	return insertMessage(ctx, tx, m)
}

// React gives the user's reaction to a comment, or takes it back if he had the
// same one before, if allow returns nil for its target, and tells the author, once,
// in one transaction. It returns the comment as it is then.
func (s *Store) React(ctx context.Context, by *notebook.User, commentID string, r notebook.Reaction, now time.Time, allow func(*notebook.Target) error) (*notebook.Comment, error) {
	var c *notebook.Comment
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if c, err = commentByID(ctx, tx, commentID, by.ID); err != nil {
			return err
		}
		if c.Deleted {
			return notebook.ErrCommentNotFound
		}
		t, err := target(ctx, tx, c.TargetKind, c.TargetID)
		if err != nil {
			return err
		}
		if err := allow(t); err != nil {
			return err
		}
		next := r.After(c.Mine)
		if err := setReaction(ctx, tx, by.ID, commentID, next, now); err != nil {
			return err
		}
		if m := c.ReactionNotice(t, by, next, now); m != nil {
			if err := tellOfReaction(ctx, tx, m, commentID); err != nil {
				return err
			}
		}
		c, err = commentByID(ctx, tx, commentID, by.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func setReaction(ctx context.Context, tx *sql.Tx, userID, commentID string, r notebook.Reaction, now time.Time) error {
	if r == notebook.NoReaction {
		_, err := tx.ExecContext(ctx, `DELETE FROM comment_reactions WHERE comment_id = $1 AND user_id = $2`, commentID, userID)
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO comment_reactions (id, user_id, comment_id, reaction_type, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (comment_id, user_id) DO UPDATE SET reaction_type = excluded.reaction_type, created_at = excluded.created_at`,
		newID(), userID, commentID, r, micros(now))
	return err
}

// thread is the ids of a comment and of everything that answers it, directly or
// not.
const thread = `WITH RECURSIVE thread (id) AS (SELECT id FROM comments WHERE id = $1 UNION SELECT c.id FROM comments c JOIN thread t ON c.parent_id = t.id)`

// DeleteComment deletes a comment softly in the name of a user, and with it what
// answers it, if allow returns nil.
func (s *Store) DeleteComment(ctx context.Context, id, userID string, now time.Time, allow func(*notebook.Comment, *notebook.Target) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		c, err := managedComment(ctx, tx, id, allow)
		if err != nil {
			return err
		}
		if c.Deleted {
			return notebook.ErrCommentNotFound
		}
		_, err = tx.ExecContext(ctx, thread+` UPDATE comments SET is_deleted = TRUE, deleted_with = $1, deleted_by = $2, updated_at = $3
			WHERE is_deleted = FALSE AND id IN (SELECT id FROM thread)`, id, userID, micros(now))
		return err
	})
}

// RestoreComment brings a comment back in the name of a user, and with it what its
// deletion took, if allow returns nil. It fails with what
// notebook.Comment.Restorable and RestorableBy find.
func (s *Store) RestoreComment(ctx context.Context, by *notebook.User, id string, now time.Time, allow func(*notebook.Comment, *notebook.Target) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		c, err := managedComment(ctx, tx, id, allow)
		if err != nil {
			return err
		}
		var parent *notebook.Comment
		if c.ParentID != nil {
			if parent, err = commentByID(ctx, tx, *c.ParentID, ""); err != nil {
				return err
			}
		}
		if err := c.Restorable(parent); err != nil {
			return err
		}
		if err := c.RestorableBy(by, now); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, thread+` UPDATE comments SET is_deleted = FALSE, deleted_with = NULL, deleted_by = NULL, updated_at = $2
			WHERE deleted_with = $3 AND id IN (SELECT id FROM thread)`, id, micros(now), c.DeletedWith)
		return err
	})
}

func managedComment(ctx context.Context, tx *sql.Tx, id string, allow func(*notebook.Comment, *notebook.Target) error) (*notebook.Comment, error) {
	c, err := commentByID(ctx, tx, id, "")
	if err != nil {
		return nil, err
	}
	t, err := target(ctx, tx, c.TargetKind, c.TargetID)
	if err != nil {
		return nil, err
	}
	return c, allow(c, t)
}
