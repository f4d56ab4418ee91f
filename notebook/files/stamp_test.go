package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook/files"
)

func TestStampSeesEveryEdit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "d.json")
	old := time.Now().Add(-time.Hour)
	write := func(name, content string, changed time.Time) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	look := func() files.Stamp {
		t.Helper()
		s, err := files.Look(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	edits := []struct {
		name string
		do   func()
	}{
		{"made", func() { write(path, "one", old) }},
		{"changed in place", func() { write(path, "two", old.Add(time.Nanosecond*1000)) }},
		{"grown, at the same time", func() { write(path, "three", old.Add(time.Nanosecond*1000)) }},
		{"replaced by one of the same size and time", func() {
			write(path+".new", "THREE", old.Add(time.Nanosecond*1000))
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}},
		{"removed", func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}},
	}
	before := look()
	if !before.Equal(look()) || before.Equal(files.Stamp{}) || (files.Stamp{}).Equal(files.Stamp{}) {
		t.Error("a file that is not there is not the same as before, or no stamp at all is")
	}
	for _, edit := range edits {
		edit.do()
		after := look()
		if after.Equal(before) || !after.Equal(look()) {
			t.Errorf("%s: the edit is not seen, or one that was not made", edit.name)
		}
		_, read, err := files.ReadStamped(path, 10)
		if err != nil || !read.Equal(after) {
			t.Errorf("%s: what is read has another stamp: %v", edit.name, err)
		}
		before = after
	}
}

func TestStampSettles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d.json")
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := files.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	if now := time.Now(); s.Settled(now) || !s.Settled(now.Add(time.Minute)) || s.Settled(now.Add(-time.Minute)) {
		t.Error("a file settles some time after its last change, not before")
	}
}

func TestReadStampedIsBounded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "d.json")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, _, err := files.ReadStamped(path, 5); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if _, _, err := files.ReadStamped(path, 4); err == nil || !strings.Contains(err.Error(), "more than 4 bytes") {
		t.Errorf("too large: %v", err)
	}
	if _, _, err := files.ReadStamped(dir, 5); err == nil {
		t.Error("a directory was read")
	}
}
