package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/unstale/unstale/notebook"
)

func itemFields(i *notebook.Item) []any {
	return []any{&i.ID, &i.Name, &i.Description, &i.UploaderID, &i.Author, &i.CopyrightOwner, &i.Content, &i.Tags, &i.StarCount,
		&i.Downloads, &i.BasePath, &i.Public, &i.Pending, &i.RejectionReason, &i.Version, timeColumn{&i.CreatedAt}, timeColumn{&i.UpdatedAt},
		&i.ChangedSinceReview, &i.ReviewedBy}
}

// scanItem returns what reads an item of the kind.
func scanItem(k notebook.ItemKind) func(scanner) (notebook.Item, error) {
	return func(row scanner) (notebook.Item, error) {
		i := notebook.Item{Kind: k}
		err := row.Scan(itemFields(&i)...)
		return i, err
	}
}

func itemByID(ctx context.Context, q querier, k notebook.ItemKind, id string) (*notebook.Item, error) {
	i, err := scanItem(k)(q.QueryRowContext(ctx, statements(k).get, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrItemNotFound.Of(k)
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading an item: %w", err)
	}
	return &i, nil
}

// Item returns the item of the kind with this id, or notebook.ErrItemNotFound.
func (s *Store) Item(ctx context.Context, k notebook.ItemKind, id string) (*notebook.Item, error) {
	return itemByID(ctx, s.db, k, id)
}

// Items returns the page of items that the filter describes, and how many there
// are on all pages.
func (s *Store) Items(ctx context.Context, f notebook.ItemFilter) (items []notebook.Item, total int, err error) {
	if f.Uploader != "" {
		if f.OwnerID, err = s.uploaderID(ctx, f); err != nil {
			return nil, 0, fmt.Errorf("store: listing items: %w", err)
		}
	}
	text := statements(f.Kind)
	only := itemConditions(f)
	if err := s.db.QueryRowContext(ctx, text.count+only.where(), only.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting items: %w", err)
	}
	order := map[string]string{"updated_at": "p.updated_at", "star_count": "p.star_count", "name": "lower(p.name)", "downloads": "p.downloads"}[f.SortBy]
	if order == "" {
		order = "p.created_at"
	}
	d := direction(f.Ascending)
	limit, args := only.page(f.Page)
	items, err = collect(ctx, s.db, scanItem(f.Kind), text.list+only.where()+` ORDER BY `+order+` `+d+`, p.id `+d+limit, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing items: %w", err)
	}
	notebook.BoundPage(func(yield func(*notebook.Item) bool) {
		for n := range items {
			if !yield(&items[n]) {
				return
			}
		}
	})
	return items, total, nil
}

// uploaderID returns the id of the user whom the filter names. What has the form
// of an id is one: nobody hides another's list behind a name. What is nobody's name
// is an id, too.
func (s *Store) uploaderID(ctx context.Context, f notebook.ItemFilter) (id string, err error) {
	if uuid.Validate(f.Uploader) == nil {
		return f.Uploader, nil
	}
	err = s.db.QueryRowContext(ctx, `SELECT id FROM users WHERE username = $1`, f.Uploader).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return f.Uploader, nil
	}
	return id, err
}

func itemConditions(f notebook.ItemFilter) (c conditions) {
	switch f.State {
	case notebook.StatePublic:
		c.add(`p.is_public = TRUE`)
	case notebook.StatePending:
		c.add(`p.is_pending = TRUE`)
	case notebook.StateRejected:
		c.add(`p.is_public = FALSE AND p.is_pending = FALSE AND p.rejection_reason IS NOT NULL`)
	}
	if f.OwnerID != "" {
		c.add(`p.uploader_id = ?`, f.OwnerID)
	}
	if f.Name != "" {
		c.add(`lower(p.name) LIKE ? ESCAPE '\'`, containing(f.Name))
	}
	if f.Tag != "" {
		c.add(`lower(p.tags) LIKE ? ESCAPE '\'`, containing(f.Tag))
	}
	return c
}

// CreateItem adds an item with its files and the record of the upload, in one
// transaction. It sets their ids. It fails with notebook.ErrNameTaken where the
// uploader must not use a name twice, notebook.ErrFileTaken, or notebook.ErrQuota.
func (s *Store) CreateItem(ctx context.Context, i *notebook.Item, files []notebook.ItemFile, q notebook.Quota) error {
	i.ID = newID()
	text := statements(i.Kind)
	return s.write(ctx, func(tx *sql.Tx) error {
		if i.Kind.UniqueNames() {
			var taken bool
			if err := tx.QueryRowContext(ctx, text.nameTaken, i.UploaderID, i.Name).Scan(&taken); err != nil {
				return fmt.Errorf("store: looking for a name: %w", err)
			}
			if taken {
				return notebook.ErrNameTaken.Of(i.Kind)
			}
		}
		_, err := tx.ExecContext(ctx, text.insert, i.ID, i.Name, i.Description, i.UploaderID, i.CopyrightOwner, i.Content, i.Tags, i.BasePath,
			i.Public, i.Pending, i.Version, micros(i.CreatedAt), micros(i.UpdatedAt))
		if err != nil {
			return fmt.Errorf("store: creating an item: %w", err)
		}
		if err := insertFiles(ctx, tx, i, files); err != nil {
			return err
		}
		if err := checkQuota(ctx, tx, i.UploaderID, q); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, text.record,
			newID(), i.UploaderID, i.ID, i.Name, i.Description, uploadStatus(i), micros(i.CreatedAt), micros(i.UpdatedAt))
		if err != nil {
			return fmt.Errorf("store: recording an upload: %w", err)
		}
		return nil
	})
}

// uploadStatus is how the upload of an item stands.
func uploadStatus(i *notebook.Item) notebook.ItemState {
	switch {
	case i.Pending:
		return notebook.StatePending
	case i.RejectionReason != nil:
		return notebook.StateRejected
	}
	return notebook.StatePublic
}

// updateItem lets change alter the item of the kind with this id, and writes it
// back, in the transaction.
func updateItem(ctx context.Context, tx *sql.Tx, k notebook.ItemKind, id string, change func(*notebook.Item) error) (*notebook.Item, error) {
	i, err := itemByID(ctx, tx, k, id)
	if err != nil {
		return nil, err
	}
	was := i.ChangedSinceReview
	if err := change(i); err != nil {
		return nil, err
	}
	if i.ChangedSinceReview && !was {
		if err := tellReviewer(ctx, tx, i); err != nil {
			return nil, err
		}
	}
	text := statements(k)
	_, err = tx.ExecContext(ctx, text.save, i.Description, i.Content, i.Tags, i.Public, i.Pending, i.RejectionReason, i.Version, micros(i.UpdatedAt),
		i.ChangedSinceReview, i.ReviewedBy, i.ID)
	if err != nil {
		return nil, fmt.Errorf("store: saving an item: %w", err)
	}
	status := uploadStatus(i)
	if _, err := tx.ExecContext(ctx, text.saveRecord, status, micros(i.UpdatedAt), i.ID); err != nil {
		return nil, fmt.Errorf("store: saving an upload: %w", err)
	}
	return i, nil
}

// tellReviewer tells whoever approved the item, if they are still there, that it is
// another one now.
func tellReviewer(ctx context.Context, tx *sql.Tx, i *notebook.Item) error {
	if i.ReviewedBy == nil || *i.ReviewedBy == i.UploaderID {
		return nil
	}
	var there bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE id = $1)`, i.ReviewedBy).Scan(&there)
	if err != nil || !there {
		return err
	}
	notice := i.ChangeNotice()
	return insertMessage(ctx, tx, &notebook.Message{
		RecipientID: *i.ReviewedBy, SenderID: i.UploaderID, Type: notebook.MessageDirect, Title: notice.Title, Content: notice.Content, CreatedAt: i.UpdatedAt,
	})
}

// UpdateItem lets change alter the item of the kind with this id, and writes it
// back, in one transaction. An error of change leaves everything as it was and
// is returned.
func (s *Store) UpdateItem(ctx context.Context, k notebook.ItemKind, id string, change func(*notebook.Item) error) (i *notebook.Item, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		i, err = updateItem(ctx, tx, k, id, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return i, nil
}

// ReviewItem applies a verdict of the reviewer to the item of the kind with this id, and sends
// its uploader the message that goes with it, in one transaction. It fails with
// notebook.ErrItemNotFound, or with what notebook.Item.Review finds.
func (s *Store) ReviewItem(ctx context.Context, k notebook.ItemKind, id string, by *notebook.User, v notebook.Verdict, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		var title, content string
		i, err := updateItem(ctx, tx, k, id, func(i *notebook.Item) (err error) {
			title, content, err = i.Review(v, by, now)
			return err
		})
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO messages (id, recipient_id, sender_id, title, content, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			newID(), i.UploaderID, by.ID, title, content, micros(now))
		return err
	})
}

// DeleteItem removes the item of the kind with this id, and with it its files
// and stars, if allow returns nil. It returns the hashes of the files that it
// referred to.
func (s *Store) DeleteItem(ctx context.Context, k notebook.ItemKind, id string, allow func(*notebook.Item) error) (hashes []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		i, err := itemByID(ctx, tx, k, id)
		if err != nil {
			return err
		}
		if err := allow(i); err != nil {
			return err
		}
		hashes, err = deleteItem(ctx, tx, k, id)
		return err
	})
	return hashes, err
}

func deleteItem(ctx context.Context, tx *sql.Tx, k notebook.ItemKind, id string) ([]string, error) {
	text := statements(k)
	hashes, err := collect(ctx, tx, scanString, text.hashes, id)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, text.remove, id)
	return hashes, err
}

func scanString(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}

// CountDownload counts a download of the item of the kind with this id, unless one
// by the same client was counted; "" is nobody's.
func (s *Store) CountDownload(ctx context.Context, k notebook.ItemKind, id, client string, now time.Time) error {
	text := statements(k)
	return s.write(ctx, func(tx *sql.Tx) error {
		n, err := changeRows(ctx, tx, text.download, newID(), id, client, micros(now))
		if err != nil || n == 0 {
			return err
		}
		n, err = changeRows(ctx, tx, text.downloads, id)
		if err == nil && n == 0 {
			err = notebook.ErrItemNotFound.Of(k)
		}
		return err
	})
}

// Holdings returns how many items a user has, of every kind, and how many bytes
// their files have.
func (s *Store) Holdings(ctx context.Context, userID string) (items int, bytes int64, err error) {
	return holdings(ctx, s.db, userID)
}

func holdings(ctx context.Context, q querier, userID string) (items int, bytes int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM persona_cards WHERE uploader_id = $1) + (SELECT count(*) FROM knowledge_bases WHERE uploader_id = $2),
		(SELECT coalesce(sum(f.file_size), 0) FROM persona_card_files f JOIN persona_cards p ON p.id = f.persona_card_id WHERE p.uploader_id = $3)
		+ (SELECT coalesce(sum(f.file_size), 0) FROM knowledge_base_files f JOIN knowledge_bases k ON k.id = f.knowledge_base_id WHERE k.uploader_id = $4)`,
		userID, userID, userID, userID).Scan(&items, &bytes)
	if err != nil {
		err = fmt.Errorf("store: counting what a user has: %w", err)
	}
	return items, bytes, err
}

// checkQuota returns nil if what the user has by now is within the quota.
func checkQuota(ctx context.Context, tx *sql.Tx, userID string, q notebook.Quota) error {
	items, bytes, err := holdings(ctx, tx, userID)
	if err != nil {
		return err
	}
	return q.Check(items, bytes)
}
