package service

import (
	"context"

	"github.com/unstale/unstale/notebook"
)

// Comments are what people say about items.
type Comments struct{ *base }

// On returns the comments on an item, the oldest first, as the user sees them.
func (c Comments) On(ctx context.Context, u *notebook.User, k notebook.ItemKind, id string) ([]notebook.Comment, error) {
	t, err := c.store.Target(ctx, k, id)
	if err != nil {
		return nil, err
	}
	if err := t.ReadableBy(u); err != nil {
		return nil, err
	}
	return c.store.Comments(ctx, u.ID, k, id)
}

// Add adds a comment, which answers the parent unless that is "" or nil.
func (c Comments) Add(ctx context.Context, by *notebook.User, k notebook.ItemKind, id string, parent *string, content string) (*notebook.Comment, error) {
	now := c.now()
	if err := by.CommentAt(now); err != nil {
		return nil, err
	}
	if parent != nil && *parent == "" {
		parent = nil
	}
	made := &notebook.Comment{
		UserID: by.ID, Username: by.Username, AvatarUpdatedAt: by.AvatarUpdatedAt, TargetKind: k, TargetID: id, ParentID: parent,
		Content: content, CreatedAt: now, UpdatedAt: now,
	}
	if err := made.Normalize(); err != nil {
		return nil, err
	}
	if err := c.rates.comments.Admit(by.ID, 1); err != nil {
		return nil, err
	}
	return made, c.store.CreateComment(ctx, made, func(t *notebook.Target) error { return t.ReadableBy(by) })
}

// React gives a comment the user's reaction.
func (c Comments) React(ctx context.Context, by *notebook.User, id string, r notebook.Reaction) (*notebook.Comment, error) {
	if err := c.rates.reactions.Admit(by.ID, 1); err != nil {
		return nil, err
	}
	return c.store.React(ctx, by, id, r, c.now(), func(t *notebook.Target) error { return t.ReadableBy(by) })
}

// Delete deletes a comment and what answers it.
func (c Comments) Delete(ctx context.Context, by *notebook.User, id string) error {
	if err := c.rates.changes.Admit(by.ID, 1); err != nil {
		return err
	}
	return c.store.DeleteComment(ctx, id, by.ID, c.now(), managed(by))
}

// Restore brings a deleted comment back, with what its deletion took.
func (c Comments) Restore(ctx context.Context, by *notebook.User, id string) error {
	if err := c.rates.changes.Admit(by.ID, 1); err != nil {
		return err
	}
	return c.store.RestoreComment(ctx, by, id, c.now(), managed(by))
}

func managed(by *notebook.User) func(*notebook.Comment, *notebook.Target) error {
	return func(c *notebook.Comment, t *notebook.Target) error { return c.ManagedBy(by, t) }
}
