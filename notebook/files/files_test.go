package files

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

// rows is a stand-in for the table that refers to files.
type rows struct {
	mu  sync.Mutex
	set map[string]bool
	err error
}

func (r *rows) referenced(_ context.Context, hash string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set[hash], r.err
}

func (r *rows) refer(hash string, yes bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set[hash] = yes
}

func open(t *testing.T, dir string, r *rows) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, r.referenced)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, content string) *Draft {
	t.Helper()
	d, err := s.Put([]byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// kept reports how many files there are, temporary ones included.
func kept(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDraftWithoutRowLeavesNothing(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	d := put(t, s, "hello")
	if data, err := s.Read(d.Hash); err != nil || string(data) != "hello" || d.Size != 5 {
		t.Fatalf("Read = %q, %v; size %d", data, err, d.Size)
	}
	if err := d.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := kept(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
	if _, err := s.Read(d.Hash); !errors.Is(err, ErrNotFound) {
		t.Errorf("Read after release: %v", err)
	}
}

func TestFileStaysWhileARowRefersToIt(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	d := put(t, s, "hello")
	r.refer(d.Hash, true)
	for range 2 {
		if err := d.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Collect(t.Context(), d.Hash); err != nil || kept(t, dir) != 1 {
		t.Fatalf("Collect: %v, %d files", err, kept(t, dir))
	}
	r.refer(d.Hash, false)
	if err := s.Collect(t.Context(), d.Hash); err != nil || kept(t, dir) != 0 {
		t.Fatalf("Collect: %v, %d files", err, kept(t, dir))
	}
}

// The last row that refers to a file goes while somebody uploads the same
// bytes: they must still be there for his row.
func TestFileStaysWhileAnotherDraftHoldsIt(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	first := put(t, s, "same")
	r.refer(first.Hash, true)
	_ = first.Release(t.Context())

	second := put(t, s, "same")
	r.refer(first.Hash, false)
	if err := s.Collect(t.Context(), first.Hash); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(second.Hash); err != nil {
		t.Fatalf("the second draft lost its file: %v", err)
	}
	r.refer(second.Hash, true)
	_ = second.Release(t.Context())
	if _, err := s.Read(second.Hash); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentUploadsOfTheSameBytes(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				d, err := s.Put([]byte("same"))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.Read(d.Hash); err != nil {
					t.Errorf("held file: %v", err)
				}
				if err := d.Release(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := kept(t, dir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestOpenSweepsOrphans(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	orphan, wanted := put(t, s, "orphan"), put(t, s, "wanted")
	r.refer(wanted.Hash, true)
	if err := os.WriteFile(filepath.Join(s.temporary(), "put-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, r) // as after a crash: no draft was released
	if _, err := s.Read(orphan.Hash); !errors.Is(err, ErrNotFound) {
		t.Errorf("orphan: %v", err)
	}
	if _, err := s.Read(wanted.Hash); err != nil {
		t.Errorf("wanted: %v", err)
	}
	if n := kept(t, dir); n != 2 {
		t.Errorf("%d files, want the wanted one and the foreign one", n)
	}
}

func TestNothingIsRemovedWhileTheDatabaseCannotSay(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	d := put(t, s, "hello")
	r.err = errors.New("database is away")
	if err := d.Release(t.Context()); !errors.Is(err, r.err) {
		t.Errorf("Release: %v", err)
	}
	if _, err := s.Read(d.Hash); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestCorruptFile(t *testing.T) {
	t.Parallel()
	dir, r := t.TempDir(), &rows{set: map[string]bool{}}
	s := open(t, dir, r)
	d := put(t, s, "hello")
	if err := os.WriteFile(s.path(d.Hash), []byte("hellO"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(d.Hash); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("Read: %v", err)
	}
	put(t, s, "hello") // a good copy heals it
	if _, err := s.Read(d.Hash); err != nil {
		t.Errorf("Read after another upload: %v", err)
	}
}

func TestHashIsNoPath(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), &rows{set: map[string]bool{}})
	for _, hash := range []string{"", "x", "../../etc/passwd", "AB"} {
		if _, err := s.Read(hash); !errors.Is(err, ErrNotFound) {
			t.Errorf("Read(%q): %v", hash, err)
		}
		if err := s.Collect(t.Context(), hash); err != nil {
			t.Errorf("Collect(%q): %v", hash, err)
		}
	}
}

// Files larger than what is held in memory come back as they went in, are found
// out when they rot, and can be read to the end when they are removed meanwhile.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, maxHeld - 1, maxHeld, maxHeld + 1, 3 * maxHeld} {
		dir := t.TempDir()
		s := open(t, dir, &rows{set: map[string]bool{}})
		content := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		d, err := s.PutFrom(iotest.OneByteReader(bytes.NewReader(content)))
		if err != nil || d.Size != int64(size) {
			t.Fatalf("%d bytes: %+v, %v", size, d, err)
		}
		if again, err := s.PutFrom(bytes.NewReader(content)); err != nil || again.Hash != d.Hash || again.Release(t.Context()) != nil || kept(t, dir) != 1 {
			t.Errorf("%d bytes once more: %+v, %v", size, again, err)
		}
		if got, err := s.Read(d.Hash); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes came back as %d, %v", size, len(got), err)
		}
		open, err := s.Open(d.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Release(t.Context()); err != nil || kept(t, dir) != 0 {
			t.Errorf("%d files are left, %v", kept(t, dir), err)
		}
		got, err := io.ReadAll(open)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes that were removed came back as %d, %v", size, len(got), err)
		}
		if err := open.Close(); err != nil {
			t.Error(err)
		}
		if size == 0 {
			continue
		}
		if d, err = s.PutFrom(bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		content[size-1]++
		if err := os.WriteFile(s.path(d.Hash), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(d.Hash); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes, the last of which has changed: %v", size, err)
		}
	}
}

func TestReaderThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, &rows{set: map[string]bool{}})
	gone := errors.New("the client is gone")
	_, err := s.PutFrom(io.MultiReader(strings.NewReader(strings.Repeat("x", 2*maxHeld)), iotest.ErrReader(gone)))
	if !errors.Is(err, gone) || kept(t, dir) != 0 || len(s.drafts) != 0 {
		t.Errorf("%v, %d files, %d drafts", err, kept(t, dir), len(s.drafts))
	}
}
