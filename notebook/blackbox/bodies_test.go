package blackbox_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// kept returns the path of the file on disk that holds the content.
func (s *site) kept(content string) string {
	s.Helper()
	var found string
	err := filepath.WalkDir(filepath.Join(s.dir, "files"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil && string(data) == content {
			found = path
			return fs.SkipAll
		}
		return err
	})
	if err != nil || found == "" {
		s.Fatal(errors.Join(errors.New("no file on disk holds what was uploaded"), err))
	}
	return found
}

// TestBinaryBodies serves every byte there is, NUL among them, from the handler
// and from the store. A TOML cannot hold them, so the row and the disk are given
// another file than the one that was uploaded.
func TestBinaryBodies(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		c := s.newCard("alice", "Mai")
		want := make([]byte, 3<<20)
		random := rand.NewChaCha8([32]byte{1})
		_, _ = random.Read(want) // never fails
		copy(want, "\x00\xff\r\n\x1a\x00")
		hash := fmt.Sprintf("%x", sha256.Sum256(want))
		dir := filepath.Join(filepath.Dir(filepath.Dir(s.kept(validTOML))), hash[:2])
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, hash), want, 0o600)); err != nil {
			s.Fatal(err)
		}
		s.exec("UPDATE persona_card_files SET file_path = ?, file_size = ? WHERE persona_card_id = ?", hash, len(want), c.ID)
		path := persona(c.ID) + "/file/" + s.detail("alice", c.ID).Files[0].FileID
		for range 3 {
			a := s.as("alice").get(path).want(http.StatusOK)
			if !bytes.Equal(a.body, want) {
				s.Errorf("%d bytes came back that differ from the %d on the disk", len(a.body), len(want))
			}
			if s.cached && a.header.Get("ETag") == "" {
				s.Errorf("a stored answer has no validator: %v", a.header)
			}
		}
	})
}
