// Package files keeps uploaded files on disk under the SHA-256 of their
// content: the same bytes are kept once, and a name always means the same bytes.
//
// A file is complete and durable before anything may refer to it: Put writes a
// temporary file, syncs it, renames it and syncs the directory. It is removed
// only when no row refers to it. Between Put and the commit of the row that
// refers to it the returned Draft holds the file; releasing the draft, like
// Collect after a deletion has committed, removes the file unless a row or
// another draft still needs it. A crash in between leaves a file that nobody
// refers to, which the next Open removes.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Errors of Read.
var (
	// ErrNotFound means that there is no file with this hash.
	ErrNotFound = errors.New("files: not found")
	// ErrCorrupt means that a file's content no longer has the hash it is kept
	// under.
	ErrCorrupt = errors.New("files: content does not match its hash")
)

// A Referenced function reports whether any row refers to the file with this
// hash. It must see every commit that precedes the call.
type Referenced func(ctx context.Context, hash string) (bool, error)

// Store is a directory of files. All methods may be called concurrently, but
// only one Store at a time may use a directory.
type Store struct {
	dir        string
	referenced Referenced

	// mu orders removing a file after asking whether it is needed: while it is
	// held, no draft of the file can appear.
	mu     sync.Mutex
	drafts map[string]int // open drafts by hash
}

// Open opens the directory, creates it if there is none, and removes what no
// row refers to.
func Open(ctx context.Context, dir string, referenced Referenced) (*Store, error) {
	s := &Store{dir: dir, referenced: referenced, drafts: map[string]int{}}
	if err := os.MkdirAll(s.temporary(), 0o750); err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if err := s.sweep(ctx); err != nil {
		return nil, fmt.Errorf("files: removing orphans: %w", err)
	}
	return s, nil
}

func (s *Store) temporary() string { return filepath.Join(s.dir, "tmp") }

// path returns where the file with this hash is kept. Two levels keep
// directories small.
func (s *Store) path(hash string) string { return filepath.Join(s.dir, hash[:2], hash) }

// A Draft holds a file until the row that refers to it has committed, or has
// not. The caller releases it in either case.
type Draft struct {
	Hash string
	Size int64
	once sync.Once
	s    *Store
}

// Put stores the bytes. When it returns without an error they are on disk.
func (s *Store) Put(data []byte) (*Draft, error) {
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:])
	s.mu.Lock()
	s.drafts[hash]++
	s.mu.Unlock()
	d := &Draft{Hash: hash, Size: int64(len(data)), s: s}
	if err := s.write(hash, data); err != nil {
		return nil, fmt.Errorf("files: %w", errors.Join(err, d.Release(context.Background())))
	}
	return d, nil
}

func (s *Store) write(hash string, data []byte) error {
	// A file that is there is complete, since it got its name last; but bytes
	// can rot, and here is a good copy.
	if _, err := s.Read(hash); err == nil {
		return nil
	}
	f, err := os.CreateTemp(s.temporary(), "put-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails once it is renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	dir := filepath.Dir(s.path(hash))
	if err := os.Mkdir(dir, 0o750); err == nil {
		err = syncDir(s.dir)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(f.Name(), s.path(hash)); err != nil {
		return err
	}
	return syncDir(dir)
}

// Release ends the hold on the file, and removes it if neither a row nor
// another draft needs it. Only the first call has an effect. An error means
// that a file may have been left behind; the next Open removes it.
func (d *Draft) Release(ctx context.Context) (err error) {
	d.once.Do(func() {
		s := d.s
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.drafts[d.Hash]--; s.drafts[d.Hash] == 0 {
			delete(s.drafts, d.Hash)
		}
		err = s.collect(ctx, d.Hash)
	})
	return err
}

// Collect removes those of the files that are no longer needed. It is called
// after the deletion of rows that referred to them has committed.
func (s *Store) Collect(ctx context.Context, hashes ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, hash := range hashes {
		errs = append(errs, s.collect(ctx, hash))
	}
	return errors.Join(errs...)
}

// collect removes the file if it is not needed. s.mu must be held.
func (s *Store) collect(ctx context.Context, hash string) error {
	if !valid(hash) || s.drafts[hash] > 0 {
		return nil
	}
	// A client that leaves must not leave a file behind.
	needed, err := s.referenced(context.WithoutCancel(ctx), hash)
	if err != nil || needed {
		return err
	}
	if err := os.Remove(s.path(hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Read returns the content of the file, having verified it.
func (s *Store) Read(hash string) ([]byte, error) {
	if !valid(hash) {
		return nil, ErrNotFound
	}
	data, err := os.ReadFile(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != hash {
		return nil, fmt.Errorf("%w: %s", ErrCorrupt, hash)
	}
	return data, nil
}

// sweep removes temporary files and files that no row refers to.
func (s *Store) sweep(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil || e.IsDir():
			return err
		case filepath.Dir(path) == s.temporary():
			return os.Remove(path)
		case valid(e.Name()) && path == s.path(e.Name()):
			return s.collect(ctx, e.Name())
		}
		return nil // somebody else's file
	})
}

// valid reports whether hash is a SHA-256 in hexadecimal, and so no way out of
// the directory.
func valid(hash string) bool {
	b, err := hex.DecodeString(hash)
	return err == nil && len(b) == sha256.Size && hash == hex.EncodeToString(b)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	return errors.Join(err, d.Close())
}
