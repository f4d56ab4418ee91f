package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
)

const cardColumns = `p.id, p.name, p.description, p.uploader_id, (SELECT username FROM users WHERE id = p.uploader_id), p.copyright_owner, p.content, p.tags, p.star_count,
	p.downloads, p.base_path, p.is_public, p.is_pending, p.rejection_reason, p.version, p.created_at, p.updated_at`

func cardFields(c *notebook.PersonaCard) []any {
	return []any{&c.ID, &c.Name, &c.Description, &c.UploaderID, &c.Author, &c.CopyrightOwner, &c.Content, &c.Tags, &c.StarCount,
		&c.Downloads, &c.BasePath, &c.Public, &c.Pending, &c.RejectionReason, &c.Version, timeColumn{&c.CreatedAt}, timeColumn{&c.UpdatedAt}}
}

func scanCard(row scanner) (notebook.PersonaCard, error) {
	var c notebook.PersonaCard
	err := row.Scan(cardFields(&c)...)
	return c, err
}

func cardByID(ctx context.Context, q querier, id string) (*notebook.PersonaCard, error) {
	c, err := scanCard(q.QueryRowContext(ctx, `SELECT `+cardColumns+` FROM persona_cards p WHERE p.id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrCardNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a card: %w", err)
	}
	return &c, nil
}

// Card returns the card with this id, or notebook.ErrCardNotFound.
func (s *Store) Card(ctx context.Context, id string) (*notebook.PersonaCard, error) {
	return cardByID(ctx, s.db, id)
}

// Cards returns the page of cards that the filter describes, and how many there
// are on all pages.
func (s *Store) Cards(ctx context.Context, f notebook.CardFilter) (cards []notebook.PersonaCard, total int, err error) {
	if f.Uploader != "" {
		if f.OwnerID, err = s.uploaderID(ctx, f); err != nil {
			return nil, 0, fmt.Errorf("store: listing cards: %w", err)
		}
	}
	where, args := cardConditions(f)
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM persona_cards p`+where, args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting cards: %w", err)
	}
	order := map[string]string{"updated_at": "p.updated_at", "star_count": "p.star_count", "name": "lower(p.name)", "downloads": "p.downloads"}[f.SortBy]
	if order == "" {
		order = "p.created_at"
	}
	d := direction(f.Ascending)
	cards, err = collect(ctx, s.db, scanCard, `SELECT `+cardColumns+` FROM persona_cards p`+where+
		` ORDER BY `+order+` `+d+`, p.id `+d+` LIMIT ? OFFSET ?`, append(args, f.Page.Size, f.Page.Offset())...)
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing cards: %w", err)
	}
	return cards, total, nil
}

// uploaderID returns the id of the user whom the filter names, or what it names
// if that is nobody's name: it is an id then.
func (s *Store) uploaderID(ctx context.Context, f notebook.CardFilter) (id string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT id FROM users WHERE username = ?`, f.Uploader).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return f.Uploader, nil
	}
	return id, err
}

func cardConditions(f notebook.CardFilter) (where string, args []any) {
	var all []string
	add := func(condition string, values ...any) {
		all = append(all, condition)
		args = append(args, values...)
	}
	switch f.State {
	case notebook.StatePublic:
		add(`p.is_public = 1`)
	case notebook.StatePending:
		add(`p.is_pending = 1`)
	case notebook.StateRejected:
		add(`p.is_public = 0 AND p.is_pending = 0 AND p.rejection_reason IS NOT NULL`)
	}
	if f.OwnerID != "" {
		add(`p.uploader_id = ?`, f.OwnerID)
	}
	if f.Name != "" {
		add(`p.name LIKE ? ESCAPE '\'`, containing(f.Name))
	}
	if f.Tag != "" {
		add(`p.tags LIKE ? ESCAPE '\'`, containing(f.Tag))
	}
	if len(all) == 0 {
		return "", nil
	}
	return ` WHERE ` + strings.Join(all, ` AND `), args
}

// containing returns the LIKE pattern, with ESCAPE '\', for texts that contain s.
func containing(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s) + "%"
}

// CreateCard adds a card with its file and the record of the upload, in one
// transaction. It sets their ids.
func (s *Store) CreateCard(ctx context.Context, c *notebook.PersonaCard, f *notebook.PersonaFile) error {
	c.ID = newID()
	err := s.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO persona_cards (id, name, description, uploader_id, copyright_owner, content, tags, base_path,
			is_public, is_pending, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			c.ID, c.Name, c.Description, c.UploaderID, c.CopyrightOwner, c.Content, c.Tags, c.BasePath,
			c.Public, c.Pending, c.Version, micros(c.CreatedAt), micros(c.UpdatedAt))
		if err != nil {
			return err
		}
		if err := insertFile(ctx, tx, c.ID, f); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO upload_records (id, uploader_id, target_id, target_type, name, description, status, created_at, updated_at)
			VALUES (?, ?, ?, 'persona', ?, ?, ?, ?, ?)`,
			newID(), c.UploaderID, c.ID, c.Name, c.Description, uploadStatus(c), micros(c.CreatedAt), micros(c.UpdatedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("store: creating a card: %w", err)
	}
	return nil
}

// uploadStatus is how the upload of a card stands.
func uploadStatus(c *notebook.PersonaCard) string {
	switch {
	case c.Pending:
		return "pending"
	case c.RejectionReason != nil:
		return "rejected"
	}
	return "approved"
}

// UpdateCard lets change alter the card with this id, and writes it back, in one
// transaction. An error of change leaves everything as it was and is returned.
func (s *Store) UpdateCard(ctx context.Context, id string, change func(*notebook.PersonaCard) error) (*notebook.PersonaCard, error) {
	var card *notebook.PersonaCard
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if card, err = cardByID(ctx, tx, id); err != nil {
			return err
		}
		if err := change(card); err != nil {
			return err
		}
		return saveCard(ctx, tx, card)
	})
	if err != nil {
		return nil, err
	}
	return card, nil
}

// saveCard writes what can change of a card, and how its upload stands.
func saveCard(ctx context.Context, tx *sql.Tx, c *notebook.PersonaCard) error {
	_, err := tx.ExecContext(ctx, `UPDATE persona_cards SET description = ?, content = ?, tags = ?, is_public = ?, is_pending = ?,
		rejection_reason = ?, version = ?, updated_at = ? WHERE id = ?`,
		c.Description, c.Content, c.Tags, c.Public, c.Pending, c.RejectionReason, c.Version, micros(c.UpdatedAt), c.ID)
	if err != nil {
		return err
	}
	status := uploadStatus(c)
	_, err = tx.ExecContext(ctx, `UPDATE upload_records SET status = ?, updated_at = ? WHERE target_type = 'persona' AND target_id = ? AND status <> ?`,
		status, micros(c.UpdatedAt), c.ID, status)
	return err
}

// ReviewCard applies a verdict to the card with this id, and sends its uploader
// the message that goes with it, in one transaction. It fails with
// notebook.ErrCardNotFound or notebook.ErrNotPending.
func (s *Store) ReviewCard(ctx context.Context, id, reviewerID string, v notebook.Verdict, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		c, err := cardByID(ctx, tx, id)
		if err != nil {
			return err
		}
		title, content, err := c.Review(v, now)
		if err != nil {
			return err
		}
		if err := saveCard(ctx, tx, c); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO messages (id, recipient_id, sender_id, title, content, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
			newID(), c.UploaderID, reviewerID, title, content, micros(now))
		return err
	})
}

// DeleteCard removes the card with this id, and with it its files and stars, if
// allow returns nil. It returns the hashes of the files that it referred to.
func (s *Store) DeleteCard(ctx context.Context, id string, allow func(*notebook.PersonaCard) error) (hashes []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		c, err := cardByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(c); err != nil {
			return err
		}
		hashes, err = deleteCard(ctx, tx, id)
		return err
	})
	return hashes, err
}

func deleteCard(ctx context.Context, tx *sql.Tx, id string) ([]string, error) {
	hashes, err := collect(ctx, tx, scanString, `SELECT file_path FROM persona_card_files WHERE persona_card_id = ? ORDER BY id`, id)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM persona_cards WHERE id = ?`, id)
	return hashes, err
}

func scanString(row scanner) (s string, err error) {
	err = row.Scan(&s)
	return s, err
}

// CountDownload counts a download of the card with this id.
func (s *Store) CountDownload(ctx context.Context, id string, now time.Time) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE persona_cards SET downloads = downloads + 1 WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notebook.ErrCardNotFound)
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO download_records (id, target_id, target_type, created_at) VALUES (?, ?, 'persona', ?)`,
			newID(), id, micros(now))
		return err
	})
}
