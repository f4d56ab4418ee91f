package blackbox_test

import (
	"archive/zip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestLargeFilesAreNotHeldInMemory moves the largest file that there may be up
// and down again. It runs alone, since it counts what the process allocates.
func TestLargeFilesAreNotHeldInMemory(t *testing.T) {
	const largest, bound = 100 << 20, 32 << 20
	s := newSite(t, true)
	s.kind = "knowledge"
	s.http.Timeout *= 10 // so much takes long where the race detector looks on
	allocated := func(what string, f func()) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > bound {
			t.Errorf("%s took %d MB of memory", what, n>>20)
		}
	}
	upload := func(name string, size int64) (a answer) {
		head := "--b\r\nContent-Disposition: form-data; name=\"%s\"%s\r\n\r\n%s"
		form := io.MultiReader(
			strings.NewReader(fmt.Sprintf(head, "name", "", name)), strings.NewReader(fmt.Sprintf("\r\n"+head, "description", "", "d")),
			strings.NewReader(fmt.Sprintf("\r\n"+head, "files", `; filename="large.txt"`, "")), io.LimitReader(zeros{}, size), strings.NewReader("\r\n--b--\r\n"),
		)
		return s.as("alice").send(http.MethodPost, s.path("upload"), "multipart/form-data; boundary=b", form)
	}
	var made card
	allocated("uploading", func() { made = upload("large", largest).card() })
	s.equal("size", s.detail("alice", made.ID).Files[0].FileSize, int64(largest))
	s.equal("files on the disk", s.stored(), 1)
	for range 2 {
		allocated("downloading the file", func() {
			s.equal("bytes", s.drain("alice", s.item(made.ID)+"/file/"+s.detail("alice", made.ID).Files[0].FileID, io.Discard), int64(largest))
		})
	}
	archive, err := os.Create(filepath.Join(t.TempDir(), "large.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	allocated("downloading the archive", func() { s.drain("alice", s.item(made.ID)+"/download", archive) })
	r, err := zip.OpenReader(archive.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s.equal("size in the archive", r.File[0].UncompressedSize64, uint64(largest))

	allocated("refusing", func() {
		upload("too large", largest+1).want(http.StatusUnprocessableEntity).code("KNOWLEDGE_FILE_SIZE_EXCEEDED")
	})
	s.equal("files on the disk", s.stored(), 1)
	s.as("alice").del(s.item(made.ID)).want(http.StatusOK)
	s.equal("files on the disk", s.stored(), 0)
}

// zeros is an endless file.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// drain gets an answer piece by piece and returns its length.
func (s *site) drain(as, path string, to io.Writer) int64 {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.tokens[as])
	w, err := s.http.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer w.Body.Close()
	s.equal("status", w.StatusCode, http.StatusOK)
	n, err := io.Copy(to, w.Body)
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// TestBodyThatIsDeclaredTooLarge is answered before anything of it is sent.
func TestBodyThatIsDeclaredTooLarge(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		for kind, size := range map[string]int64{"persona": 17 << 20, "knowledge": 100*100<<20 + 17<<20} {
			sent, end := io.Pipe() // to which nobody writes
			r, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.url+"/api/"+kind+"/upload", sent)
			if err != nil {
				s.Fatal(err)
			}
			r.ContentLength = size
			r.Header.Set("Authorization", "Bearer "+s.tokens["alice"])
			r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
			w, err := s.http.Do(r)
			if err != nil {
				s.Fatal(err)
			}
			w.Body.Close()
			end.Close()
			s.equal(kind, w.StatusCode, http.StatusUnprocessableEntity)
		}
	})
}
