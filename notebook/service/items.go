package service

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
)

// Items are the operations on items of one kind.
type Items struct {
	*base
	who  func(context.Context) (*notebook.User, error)
	Kind notebook.ItemKind
}

// Find returns the item if the one who asks may read it. It asks who that is only
// if the item is not public, so that what everybody may see is shared.
func (i Items) Find(ctx context.Context, id string) (*notebook.Item, error) {
	found, err := i.store.Item(ctx, i.Kind, id)
	if err != nil || found.Public {
		return found, err
	}
	u, err := i.who(ctx)
	if err != nil {
		return nil, err
	}
	return found, found.ReadableBy(u)
}

// Files returns what is recorded of the files of an item that has been found.
func (i Items) Files(ctx context.Context, found *notebook.Item) ([]notebook.ItemFile, error) {
	return i.store.ItemFiles(ctx, i.Kind, found.ID)
}

// Update changes an item.
func (i Items) Update(ctx context.Context, by *notebook.User, id string, change notebook.ItemChange) (*notebook.Item, error) {
	if err := i.rates.changes.Admit(by.ID, 1); err != nil {
		return nil, err
	}
	now := i.now()
	return i.store.UpdateItem(ctx, i.Kind, id, func(found *notebook.Item) error { return found.Apply(change, by, now) })
}

// Delete deletes an item and all that belongs to it.
func (i Items) Delete(ctx context.Context, by *notebook.User, id string) error {
	if err := i.rates.changes.Admit(by.ID, 1); err != nil {
		return err
	}
	hashes, err := i.store.DeleteItem(ctx, i.Kind, id, func(found *notebook.Item) error { return found.ManagedBy(by) })
	if err == nil {
		i.collect(ctx, hashes)
	}
	return err
}

// Starred reports whether the user has starred an item.
func (i Items) Starred(ctx context.Context, u *notebook.User, id string) (bool, error) {
	return i.store.Starred(ctx, u.ID, i.Kind, id)
}

// ToggleStar stars an item, or takes the star back.
func (i Items) ToggleStar(ctx context.Context, by *notebook.User, id string) (starred bool, err error) {
	if err := i.rates.reactions.Admit(by.ID, 1); err != nil {
		return false, err
	}
	return i.store.ToggleStar(ctx, by.ID, i.Kind, id, i.now(), func(found *notebook.Item) error { return found.ReadableBy(by) })
}

// Unstar takes the star back.
func (i Items) Unstar(ctx context.Context, by *notebook.User, id string) error {
	if err := i.rates.reactions.Admit(by.ID, 1); err != nil {
		return err
	}
	return i.store.Unstar(ctx, by.ID, i.Kind, id)
}

// Approve makes an item in review public, as it was when it had been changed last
// at the time seen; nil if nobody knows what was looked at.
func (i Items) Approve(ctx context.Context, by *notebook.User, id string, seen *time.Time) error {
	return i.store.ReviewItem(ctx, i.Kind, id, by, notebook.Verdict{Approved: true, Seen: seen}, i.now())
}

// Reject leaves an item in review private, and says why.
func (i Items) Reject(ctx context.Context, by *notebook.User, id, reason string) error {
	v, err := notebook.Rejection(reason)
	if err != nil {
		return err
	}
	return i.store.ReviewItem(ctx, i.Kind, id, by, v, i.now())
}

// Open returns a file of an item, and what it contains, which the caller closes.
func (i Items) Open(ctx context.Context, by *notebook.User, id, fileID string) (*notebook.ItemFile, io.ReadCloser, error) {
	found, err := i.store.Item(ctx, i.Kind, id)
	if err != nil {
		return nil, nil, err
	}
	if err := found.ReadableBy(by); err != nil {
		return nil, nil, err
	}
	f, err := i.store.ItemFile(ctx, i.Kind, id, fileID)
	if err != nil {
		return nil, nil, err
	}
	content, err := i.content(ctx, f)
	return f, content, err
}

// content returns what the file contains, which the caller closes. If it is gone
// because its row went meanwhile, the error is notebook.ErrFileNotFound.
func (i Items) content(ctx context.Context, f *notebook.ItemFile) (io.ReadCloser, error) {
	content, err := i.files.Open(f.Hash)
	if errors.Is(err, files.ErrNotFound) {
		if _, gone := i.store.ItemFile(ctx, i.Kind, f.ItemID, f.ID); gone != nil {
			return nil, gone
		}
	}
	return content, err
}

// DeleteFile deletes a file of an item, and the item with its last.
func (i Items) DeleteFile(ctx context.Context, by *notebook.User, id, fileID string) (itemDeleted bool, err error) {
	if err := i.rates.changes.Admit(by.ID, 1); err != nil {
		return false, err
	}
	now := i.now()
	hashes, itemDeleted, err := i.store.DeleteFile(ctx, i.Kind, id, fileID, func(found *notebook.Item) error {
		found.UpdatedAt = now
		return found.FilesChangeableBy(by)
	})
	if err == nil {
		i.collect(ctx, hashes)
	}
	return itemDeleted, err
}
