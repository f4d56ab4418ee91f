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
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Errors of Open and Read.
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
	if err := os.MkdirAll(s.temporary(), 0o700); err != nil {
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
func (s *Store) Put(data []byte) (*Draft, error) { return s.PutFrom(bytes.NewReader(data)) }

// PutFrom stores what it reads until io.EOF, of which it holds little in memory.
// When it returns without an error everything is on disk. An error of the reader
// is returned, wrapped.
func (s *Store) PutFrom(r io.Reader) (*Draft, error) {
	f, err := os.CreateTemp(s.temporary(), "put-*")
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // fails once it is renamed
	h := sha256.New()
	size, err := io.Copy(io.MultiWriter(f, h), r)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	hash := hex.EncodeToString(h.Sum(nil))
	s.mu.Lock()
	s.drafts[hash]++
	s.mu.Unlock()
	d := &Draft{Hash: hash, Size: size, s: s}
	if err := s.adopt(f.Name(), hash); err != nil {
		return nil, fmt.Errorf("files: %w", errors.Join(err, d.Release(context.Background())))
	}
	return d, nil
}

// adopt gives a temporary file that is complete its place.
func (s *Store) adopt(temporary, hash string) error {
	// A file that is there is complete, since it got its name last; but bytes
	// can rot, and here is a good copy.
	if c, err := s.Open(hash); err == nil {
		return c.Close()
	}
	dir := filepath.Dir(s.path(hash))
	if err := os.Mkdir(dir, 0o700); err == nil {
		err = syncDir(s.dir)
		if err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(temporary, s.path(hash)); err != nil {
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

// maxHeld is how much of a file Open keeps in memory, in bytes.
const maxHeld = 64 << 10

// Open returns the content of the file, having verified it. The caller closes
// it. A file that is removed meanwhile can be read to its end.
func (s *Store) Open(hash string) (io.ReadCloser, error) {
	if !valid(hash) {
		return nil, ErrNotFound
	}
	f, err := os.Open(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("files: %w", err)
	}
	content, err := verified(f, hash)
	if err != nil {
		return nil, fmt.Errorf("files: %w", errors.Join(err, f.Close()))
	}
	return content, nil
}

// verified returns what the file contains if that has the hash.
func verified(f *os.File, hash string) (io.ReadCloser, error) {
	h := sha256.New()
	var head bytes.Buffer
	n, err := io.CopyN(io.MultiWriter(h, &head), f, maxHeld)
	if err == nil {
		_, err = io.Copy(h, f)
	} else if errors.Is(err, io.EOF) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	if hex.EncodeToString(h.Sum(nil)) != hash {
		return nil, fmt.Errorf("%w: %s", ErrCorrupt, hash)
	}
	if n < maxHeld {
		return io.NopCloser(&head), f.Close()
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return f, nil
}

// Read returns the content of the file, having verified it.
func (s *Store) Read(hash string) ([]byte, error) {
	content, err := s.Open(hash)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(content)
	if err = errors.Join(err, content.Close()); err != nil {
		return nil, fmt.Errorf("files: %w", err)
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
