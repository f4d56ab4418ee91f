package main

import (
	"bytes"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUnusableDirectory(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	plain := filepath.Join(base, "plain")
	if err := os.WriteFile(plain, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{plain, filepath.Join(plain, "below"), "/proc/self/notebook"} {
		spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).fails(1, "data directory", dir)
	}
	if got, err := os.ReadFile(plain); err != nil || string(got) != "precious" {
		t.Errorf("%q %v", got, err)
	}
	if os.Geteuid() == 0 {
		return // who may write everywhere
	}
	locked := filepath.Join(base, "locked")
	if err := os.Mkdir(locked, 0o500); err != nil {
		t.Fatal(err)
	}
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", locked).fails(1, "not allowed", locked)
}

// TestLostDatabase takes the database away, and expects everything else to be
// left for whoever has a backup of it.
func TestLostDatabase(t *testing.T) {
	t.Parallel()
	model := t.TempDir()
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", model, "--demo").started().stop()
	says := map[string]string{"emptied": "empty", "missing": "missing"}
	for name, lose := range map[string]func(path string) error{
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"missing": os.Remove,
	} {
		for _, without := range []string{"nothing else", "secret", "files"} {
			t.Run(name+" without "+without, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "data")
				if err := os.CopyFS(dir, os.DirFS(model)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, "notebook.db")
				if err := os.Chmod(filepath.Join(dir, "secret"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, without)), os.Remove(filepath.Join(dir, "lock")), lose(path)); err != nil {
					t.Fatal(err)
				}
				before := content(t, dir)
				if without != "files" && !strings.Contains(strings.Join(slices.Collect(maps.Keys(before)), " "), "files/") {
					t.Fatal("the demo has no uploaded files")
				}
				spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).fails(1, path, says[name], "backup")
				after := content(t, dir)
				delete(after, "lock")
				if !maps.Equal(before, after) {
					t.Errorf("%d files before the start, %d after it", len(before), len(after))
				}
			})
		}
	}
}

// TestStartThatCameToNothing leaves what a start leaves that could not finish:
// the next one begins anew.
func TestStartThatCameToNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"lock", "notebook.db"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "files", "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).started().stop()
}

// content returns what the files below a directory hold.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		all[filepath.ToSlash(name)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDamagedDatabase damages the file in several ways, and expects it to be
// left as it is for whoever wants to repair it.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	model := t.TempDir()
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", model, "--demo").started().stop()
	sound, err := os.ReadFile(filepath.Join(model, "notebook.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"no database":          func([]byte) []byte { return []byte(strings.Repeat("precious text\n", 1000)) },
		"cut off":              func(b []byte) []byte { return b[:len(b)/2+7] },
		"zeros after its head": func(b []byte) []byte { clear(b[4096:]); return b },
		"noise in its schema":  func(b []byte) []byte { copy(b[100:4096], bytes.Repeat([]byte{0xa5}, 3996)); return b },
		"text in one page":     func(b []byte) []byte { copy(b[3*4096:4*4096], strings.Repeat("text", 1024)); return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "notebook.db")
			damaged := damage(bytes.Clone(sound))
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				t.Fatal(err)
			}
			spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).fails(1, "damaged", path)
			if left, err := os.ReadFile(path); err != nil || !bytes.Equal(left, damaged) {
				t.Errorf("the damaged file was changed: %d bytes, then %d, %v", len(damaged), len(left), err)
			}
		})
	}
}
