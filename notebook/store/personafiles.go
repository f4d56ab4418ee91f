package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/unstale/unstale/notebook"
)

const fileColumns = `id, persona_card_id, file_name, original_name, file_path, file_type, file_size, created_at, updated_at`

func scanFile(row scanner) (notebook.PersonaFile, error) {
	var f notebook.PersonaFile
	err := row.Scan(&f.ID, &f.CardID, &f.FileName, &f.OriginalName, &f.Hash, &f.FileType, &f.FileSize, timeColumn{&f.CreatedAt}, timeColumn{&f.UpdatedAt})
	return f, err
}

// CardFiles returns the files of a card in the order of their names.
func (s *Store) CardFiles(ctx context.Context, cardID string) ([]notebook.PersonaFile, error) {
	list, err := collect(ctx, s.db, scanFile, `SELECT `+fileColumns+` FROM persona_card_files WHERE persona_card_id = ? ORDER BY file_name, id`, cardID)
	if err != nil {
		return nil, fmt.Errorf("store: listing files: %w", err)
	}
	return list, nil
}

// CardFile returns a file of a card, or notebook.ErrFileNotFound.
func (s *Store) CardFile(ctx context.Context, cardID, fileID string) (*notebook.PersonaFile, error) {
	return cardFile(ctx, s.db, cardID, fileID)
}

func cardFile(ctx context.Context, q querier, cardID, fileID string) (*notebook.PersonaFile, error) {
	f, err := scanFile(q.QueryRowContext(ctx, `SELECT `+fileColumns+` FROM persona_card_files WHERE id = ?`, fileID))
	if errors.Is(err, sql.ErrNoRows) || err == nil && f.CardID != cardID {
		return nil, notebook.ErrFileNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a file: %w", err)
	}
	return &f, nil
}

func insertFile(ctx context.Context, tx *sql.Tx, cardID string, f *notebook.PersonaFile) error {
	f.ID, f.CardID = newID(), cardID
	_, err := tx.ExecContext(ctx, `INSERT INTO persona_card_files (`+fileColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		f.ID, f.CardID, f.FileName, f.OriginalName, f.Hash, f.FileType, f.FileSize, micros(f.CreatedAt), micros(f.UpdatedAt))
	return err
}

// ReplaceFile gives the card with this id the file in the place of the one that
// has its name, and the version, if allow returns nil. It returns the hashes of
// the files that the card no longer has.
func (s *Store) ReplaceFile(ctx context.Context, cardID string, f *notebook.PersonaFile, version string, allow func(*notebook.PersonaCard) error) (replaced []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		c, err := cardByID(ctx, tx, cardID)
		if err != nil {
			return err
		}
		if err := allow(c); err != nil {
			return err
		}
		replaced, err = collect(ctx, tx, scanString, `DELETE FROM persona_card_files WHERE persona_card_id = ? AND file_name = ? RETURNING file_path`, cardID, f.FileName)
		if err != nil {
			return err
		}
		if err := insertFile(ctx, tx, cardID, f); err != nil {
			return err
		}
		c.Version, c.UpdatedAt = version, f.UpdatedAt
		return saveCard(ctx, tx, c)
	})
	return replaced, err
}

// DeleteFile removes a file of a card if allow returns nil, and with its last
// file the card. It returns the hashes of the files that it referred to.
func (s *Store) DeleteFile(ctx context.Context, cardID, fileID string, allow func(*notebook.PersonaCard) error) (hashes []string, cardDeleted bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		c, err := cardByID(ctx, tx, cardID)
		if err != nil {
			return err
		}
		if err := allow(c); err != nil {
			return err
		}
		f, err := cardFile(ctx, tx, cardID, fileID)
		if err != nil {
			return err
		}
		var files int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM persona_card_files WHERE persona_card_id = ?`, cardID).Scan(&files); err != nil {
			return err
		}
		if files == 1 {
			cardDeleted = true
			hashes, err = deleteCard(ctx, tx, cardID)
			return err
		}
		hashes = []string{f.Hash}
		_, err = tx.ExecContext(ctx, `DELETE FROM persona_card_files WHERE id = ?`, fileID)
		return err
	})
	return hashes, cardDeleted, err
}

// FileReferenced reports whether any row refers to the file with this hash.
func (s *Store) FileReferenced(ctx context.Context, hash string) (referenced bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM persona_card_files WHERE file_path = ?)`, hash).Scan(&referenced)
	return referenced, err
}
