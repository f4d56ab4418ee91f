package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/unstale/unstale/notebook"
)

func scanFile(row scanner) (notebook.ItemFile, error) {
	var f notebook.ItemFile
	err := row.Scan(&f.ID, &f.ItemID, &f.FileName, &f.OriginalName, &f.Hash, &f.FileType, &f.FileSize, timeColumn{&f.CreatedAt}, timeColumn{&f.UpdatedAt})
	return f, err
}

// ItemFiles returns the files of an item in the order of their names.
func (s *Store) ItemFiles(ctx context.Context, k notebook.ItemKind, id string) ([]notebook.ItemFile, error) {
	list, err := collect(ctx, s.db, scanFile, statements(k).files, id)
	if err != nil {
		return nil, fmt.Errorf("store: listing files: %w", err)
	}
	return list, nil
}

// ItemFile returns a file of an item, or notebook.ErrFileNotFound.
func (s *Store) ItemFile(ctx context.Context, k notebook.ItemKind, id, fileID string) (*notebook.ItemFile, error) {
	return itemFile(ctx, s.db, k, id, fileID)
}

func itemFile(ctx context.Context, q querier, k notebook.ItemKind, id, fileID string) (*notebook.ItemFile, error) {
	f, err := scanFile(q.QueryRowContext(ctx, statements(k).file, fileID))
	if errors.Is(err, sql.ErrNoRows) || err == nil && f.ItemID != id {
		return nil, notebook.ErrFileNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a file: %w", err)
	}
	return &f, nil
}

// insertFiles adds files to the item, and sets their ids. It fails with
// notebook.ErrFileTaken.
func insertFiles(ctx context.Context, tx *sql.Tx, i *notebook.Item, files []notebook.ItemFile) error {
	text := statements(i.Kind)
	for n := range files {
		f := &files[n]
		f.ID, f.ItemID = newID(), i.ID
		var taken bool
		if err := tx.QueryRowContext(ctx, text.fileExists, i.ID, f.FileName).Scan(&taken); err != nil {
			return fmt.Errorf("store: looking for a file: %w", err)
		}
		if taken {
			return notebook.ErrFileTaken.Of(i.Kind).With("filename", f.FileName)
		}
		_, err := tx.ExecContext(ctx, text.insertFile,
			f.ID, f.ItemID, f.FileName, f.OriginalName, f.Hash, f.FileType, f.FileSize, micros(f.CreatedAt), micros(f.UpdatedAt))
		if err != nil {
			return fmt.Errorf("store: adding a file: %w", err)
		}
	}
	return nil
}

// AddFiles adds files to an item if allow, which may alter the item, returns
// nil. A persona card's takes the place of the one that has its name. It fails
// with notebook.ErrFileTaken, with notebook.ErrFileCount if there were too many, or
// with notebook.ErrQuota.
// It returns the hashes of the files that the item no longer has.
func (s *Store) AddFiles(ctx context.Context, k notebook.ItemKind, id string, files []notebook.ItemFile, q notebook.Quota, allow func(*notebook.Item) error) (replaced []string, err error) {
	text := statements(k)
	err = s.write(ctx, func(tx *sql.Tx) error {
		i, err := updateItem(ctx, tx, k, id, allow)
		if err != nil {
			return err
		}
		replaced = nil
		if k == notebook.TargetPersona {
			for _, f := range files {
				hashes, err := collect(ctx, tx, scanString, text.replaceFile, id, f.FileName)
				if err != nil {
					return err
				}
				replaced = append(replaced, hashes...)
			}
		}
		if err := insertFiles(ctx, tx, i, files); err != nil {
			return err
		}
		n, err := countFiles(ctx, tx, k, id)
		if err == nil && n > k.MaxFiles() {
			err = notebook.ErrFileCount.Of(k)
		}
		if err == nil {
			err = checkQuota(ctx, tx, i.UploaderID, q)
		}
		return err
	})
	return replaced, err
}

func countFiles(ctx context.Context, tx *sql.Tx, k notebook.ItemKind, id string) (n int, err error) {
	err = tx.QueryRowContext(ctx, statements(k).countFiles, id).Scan(&n)
	return n, err
}

// DeleteFile removes a file of an item if allow, which may alter the item,
// returns nil, and with its last file the item. It returns the hashes of the
// files that it referred to.
func (s *Store) DeleteFile(ctx context.Context, k notebook.ItemKind, id, fileID string, allow func(*notebook.Item) error) (hashes []string, itemDeleted bool, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := updateItem(ctx, tx, k, id, allow); err != nil {
			return err
		}
		f, err := itemFile(ctx, tx, k, id, fileID)
		if err != nil {
			return err
		}
		n, err := countFiles(ctx, tx, k, id)
		if err != nil {
			return err
		}
		if n == 1 {
			itemDeleted = true
			hashes, err = deleteItem(ctx, tx, k, id)
			return err
		}
		hashes = []string{f.Hash}
		_, err = tx.ExecContext(ctx, statements(k).removeFile, fileID)
		return err
	})
	return hashes, itemDeleted, err
}

// FileReferenced reports whether any row refers to the file with this hash.
func (s *Store) FileReferenced(ctx context.Context, hash string) (referenced bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM persona_card_files WHERE file_path = $1)
		OR EXISTS (SELECT 1 FROM knowledge_base_files WHERE file_path = $1)
		OR EXISTS (SELECT 1 FROM users WHERE avatar_path = $1) OR EXISTS (SELECT 1 FROM users WHERE avatar_thumbnail = $1)`, hash).Scan(&referenced)
	return referenced, err
}
