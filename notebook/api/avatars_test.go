package api

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"io/fs"
	"math/rand/v2"
	"mime/multipart"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/avatar"
	"github.com/unstale/unstale/notebook/service"
)

// dots returns a PNG of random pixels: every seed makes another picture.
func dots(t *testing.T, seed uint64) []byte {
	t.Helper()
	m, r := image.NewGray(image.Rect(0, 0, 200, 200)), rand.New(rand.NewPCG(seed, 0))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (s *site) avatar(token string, file []byte) *httptest.ResponseRecorder {
	s.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	part, err := m.CreateFormFile("avatar", "me.png")
	if err != nil {
		s.Fatal(err)
	}
	_, _ = part.Write(file)
	_ = m.Close()
	return s.send("POST", "/api/users/me/avatar", token, &body, "Content-Type", m.FormDataContentType())
}

// files returns how many files there are on disk, unfinished ones included.
func (s *site) files() (n int) {
	s.Helper()
	var database string
	if err := s.store.DB().QueryRowContext(s.Context(), "SELECT file FROM pragma_database_list").Scan(&database); err != nil {
		s.Fatal(err)
	}
	err := filepath.WalkDir(filepath.Join(filepath.Dir(database), "files"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func TestAvatarThatIsRefusedLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	good := dots(t, 1)
	tooLarge := append(bytes.Clone(good), make([]byte, avatar.MaxSize+1-len(good))...)
	for code, file := range map[string][]byte{
		"AVATAR_TYPE_INVALID": []byte("<svg/>"), "AVATAR_CORRUPT": good[:len(good)/2], "AVATAR_SIZE_EXCEEDED": tooLarge,
	} {
		s.wantFailure(s.avatar(ann, file), 422, "VALIDATION_ERROR", code)
	}
	s.wantFailure(s.send("POST", "/api/users/me/avatar", ann, strings.NewReader("--b--"), "Content-Type", "multipart/form-data; boundary=b"), 422, "VALIDATION_ERROR", "AVATAR_MISSING")
	s.wantFailure(s.json("POST", "/api/users/me/avatar", ann, "{}"), 422, "VALIDATION_ERROR", "UPLOAD_MALFORMED")
	s.wantFailure(s.avatar("", good), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	// The disk has the picture when the database fails.
	s.exec("CREATE TRIGGER refuse BEFORE UPDATE ON users BEGIN SELECT raise(ABORT, 'disk full'); END")
	s.wantFailure(s.avatar(ann, good), 500, "DATABASE_ERROR", "INTERNAL_ERROR")
	if n := s.files(); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

// The files on disk are those that somebody has: the same picture once, however
// many have it, and none that nobody has any more.
func TestAvatarFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, bob := s.user("bob", notebook.RoleUser)
	put := func(token string, seed uint64) {
		if w := s.avatar(token, dots(t, seed)); w.Code != 200 {
			t.Fatal(w.Body)
		}
	}
	want := func(what string, files int) {
		t.Helper()
		if n := s.files(); n != files {
			t.Errorf("%s: %d files, want %d", what, n, files)
		}
	}
	put(ann, 1)
	const one = 2 // with the thumbnail
	want("ann has a picture", one)
	put(ann, 1)
	want("the same again", one)
	put(bob, 1)
	want("bob has it too", one)
	put(ann, 2)
	want("ann has another", 2*one)
	s.send("DELETE", "/api/users/me/avatar", bob, nil)
	want("bob has none", one)
	s.send("DELETE", "/api/users/me/avatar", ann, nil)
	want("nobody has one", 0)
}

// endless is a form whose file has no end.
type endless struct {
	head io.Reader
	read int
}

func (e *endless) Read(p []byte) (int, error) {
	n, err := e.head.Read(p)
	if err != nil {
		clear(p)
		n = len(p)
	}
	e.read += n
	return n, nil
}

func TestAvatarIsNotReadWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	for _, name := range []string{"avatar", "other"} {
		body := &endless{head: strings.NewReader("--b\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"x.png\"\r\n\r\n")}
		s.wantFailure(s.send("POST", "/api/users/me/avatar", ann, body, "Content-Type", "multipart/form-data; boundary=b"), 422, "VALIDATION_ERROR", "AVATAR_SIZE_EXCEEDED")
		if body.read > service.MaxBody+1 {
			t.Errorf("%s: %d bytes were read", name, body.read)
		}
	}
	// Without a token nothing is.
	body := &endless{head: strings.NewReader("")}
	s.wantFailure(s.send("POST", "/api/users/me/avatar", "", body, "Content-Type", "multipart/form-data; boundary=b"), 401, "AUTHENTICATION_ERROR", "AUTHENTICATION_REQUIRED")
	if body.read > 0 {
		t.Errorf("a stranger's %d bytes were read", body.read)
	}
}
