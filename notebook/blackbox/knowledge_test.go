package blackbox_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func text(name, content string) file {
	return file{name: name, content: content, contentType: "text/plain"}
}

// stored returns how many files are on the disk, unfinished ones included.
func (s *site) stored() (n int) {
	s.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "files"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// nothing fails the test if an upload has left anything.
func (s *site) nothing() {
	s.Helper()
	s.equal("files on the disk", s.stored(), 0)
	for _, table := range []string{"knowledge_bases", "knowledge_base_files", "upload_records"} {
		s.equal("rows in "+table, s.text("SELECT count(*) FROM "+table), "0")
	}
}

// numbered returns so many small files.
func numbered(n int) []file {
	list := make([]file, n)
	for i := range list {
		list[i] = text(fmt.Sprintf("%03d.txt", i), strconv.Itoa(i))
	}
	return list
}

var about = map[string]string{"name": "Mai", "description": "what she knows"}

func TestKnowledgeUpload(t *testing.T) {
	const path = "/api/knowledge/upload"
	refused := func(status int, code string, files ...file) func(s *site) {
		return func(s *site) {
			s.as("alice").upload(path, about, files...).want(status).code(code)
			s.nothing()
		}
	}
	const invalid = http.StatusUnprocessableEntity
	behaveWith(t, "knowledge", []behaviour{
		{"several files make a private base", func(s *site) {
			c := s.as("alice").upload(path, map[string]string{
				"name": "麦麦 <b>", "description": "d", "copyright_owner": "o", "content": "c", "tags": "x,y",
			}, text("b.txt", "plain"), text("A.JSON", "{}")).card()
			got := s.detail("alice", c.ID)
			s.equal("name", got.Name, "麦麦 <b>")
			s.equal("copyright owner", got.CopyrightOwner, "o")
			s.equal("version", got.Version, "1.0")
			s.equal("public or pending", got.IsPublic || got.IsPending, false)
			s.equal("files", len(got.Files), 2)
			s.equal("first", got.Files[0].OriginalName+got.Files[0].FileType, "A.JSON.json")
			s.equal("size of the second", got.Files[1].FileSize, int64(5))
		}},
		{"without name, description, files or token", func(s *site) {
			for field, code := range map[string]string{"name": "KNOWLEDGE_FIELDS_MISSING", "description": "KNOWLEDGE_FIELDS_MISSING"} {
				s.as("alice").upload(path, map[string]string{field: "only"}, text("a.txt", "a")).want(invalid).code(code)
			}
			s.as("alice").upload(path, about).want(invalid).code("KNOWLEDGE_FILES_MISSING")
			s.nobody().upload(path, about, text("a.txt", "a")).want(http.StatusUnauthorized)
			s.nothing()
		}},
		{"is_public puts it in review", func(s *site) {
			s.equal("pending", s.newPending("alice", "Mai").IsPending, true)
			s.equal("public list", s.list(s.nobody(), s.path("public")).Pagination.Total, 0)
			s.equal("waiting for review", s.list(s.as("moderator"), s.review("pending")).names(), "Mai")
			s.equal("cards waiting for review", s.list(s.as("moderator"), "/api/review/persona/pending").names(), "")
		}},
		{"a name is unique per uploader", func(s *site) {
			c := s.newCard("alice", "Mai")
			before := s.stored()
			s.as("alice").upload(path, about, text("new.txt", "new")).want(http.StatusConflict).code("KNOWLEDGE_NAME_TAKEN")
			s.equal("files on the disk", s.stored(), before)
			s.equal("her bases", s.list(s.as("alice"), s.path("user/")+s.ids["alice"]).Pagination.Total, 1)
			s.newCard("bob", "Mai")
			s.as("alice").del(s.item(c.ID)).want(http.StatusOK)
			s.newCard("alice", "Mai")
		}},
		{"a hundred files", func(s *site) {
			c := s.as("alice").upload(path, about, numbered(100)...).card()
			s.equal("files", len(s.detail("alice", c.ID).Files), 100)
		}},
		{"a hundred and one", refused(invalid, "KNOWLEDGE_FILE_COUNT_INVALID", numbered(101)...)},
		{"two files of one name", refused(http.StatusConflict, "KNOWLEDGE_FILE_NAME_TAKEN", text("a.txt", "1"), text("a.txt", "2"))},
		{"an empty file", refused(invalid, "KNOWLEDGE_FILE_EMPTY", text("a.txt", "a"), text("b.txt", ""))},
		{"an archive", refused(invalid, "KNOWLEDGE_FILE_TYPE_INVALID", text("a.txt", "a"), text("bomb.zip", bomb))},
		{"a program", refused(invalid, "KNOWLEDGE_FILE_TYPE_INVALID", text("a.txt.exe", "MZ"))},
		{"a persona card's file", refused(invalid, "KNOWLEDGE_FILE_TYPE_INVALID", config(validTOML))},
		{"a path of Windows", refused(invalid, "KNOWLEDGE_FILE_NAME_INVALID", text(`..\\..\\a.txt`, "a"))},
		{"a drive of Windows", refused(invalid, "KNOWLEDGE_FILE_NAME_INVALID", text(`C:a.txt`, "a"))},
		{"an extension without a name", refused(invalid, "KNOWLEDGE_FILE_NAME_INVALID", text(`.txt`, "a"))},
		{"a name longer than file systems hold", refused(invalid, "KNOWLEDGE_FILE_NAME_INVALID", text(strings.Repeat("n", 252)+".txt", "a"))},
		{"of a path, the name alone counts", func(s *site) {
			c := s.as("alice").upload(path, about, text("../../../../tmp/知识.txt", "a")).card()
			s.equal("name", s.detail("alice", c.ID).Files[0].FileName, "知识.txt")
			s.equal("files on the disk", s.stored(), 1)
		}},
		{"the content is the uploader's affair", func(s *site) {
			for name, content := range map[string]string{
				"bomb.txt": bomb, "broken.json": `{"a":`, "latin.txt": "\xe9\x00\xff", "bom.json": "\ufeff{}",
			} {
				c := s.as("alice").upload(path, map[string]string{"name": name, "description": "d"}, text(name, content)).card()
				for range 2 {
					a := s.as("alice").get(s.item(c.ID) + "/file/" + s.detail("alice", c.ID).Files[0].FileID).want(http.StatusOK)
					s.equal(name, string(a.body), content)
				}
				s.equal("size", s.detail("alice", c.ID).Files[0].FileSize, int64(len(content)))
			}
			s.equal("files on the disk", s.stored(), 4)
		}},
		{"a body that ends too early", func(s *site) {
			form := "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nwhole\r\n" +
				"--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"b.txt\"\r\n\r\nhal"
			s.as("alice").send(http.MethodPost, path, "multipart/form-data; boundary=b", strings.NewReader(form)).
				want(invalid).code("UPLOAD_MALFORMED")
			s.nothing()
		}},
		{"a connection that ends too early", func(s *site) {
			form := "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\n" + strings.Repeat("x", 1<<20)
			if _, err := s.as("alice").try(http.MethodPost, path, "multipart/form-data; boundary=b", cutOff{strings.NewReader(form)}); err == nil {
				s.Error("the upload was answered")
			}
			for end := time.Now().Add(time.Minute); s.stored() > 0 && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			s.nothing()
		}},
		{"too many fields", func(s *site) {
			fields := map[string]string{"name": "n", "description": "d"}
			for n := range 100 {
				fields["x"+strconv.Itoa(n)] = "y"
			}
			s.as("alice").upload(path, fields, text("a.txt", "a")).want(invalid).code("KNOWLEDGE_FILE_CONTENT_SIZE_EXCEEDED")
			s.nothing()
		}},
		{"a failure of the database", func(s *site) {
			refuse, allow := "CREATE TRIGGER refuse BEFORE INSERT ON upload_records BEGIN SELECT raise(ABORT, 'secret cause'); END", "DROP TRIGGER refuse"
			if *onPostgres {
				refuse, allow = "ALTER TABLE upload_records ADD CONSTRAINT secret_cause CHECK (FALSE) NOT VALID", "ALTER TABLE upload_records DROP CONSTRAINT secret_cause"
			}
			s.exec(refuse)
			a := s.as("alice").upload(path, about, numbered(3)...).want(http.StatusInternalServerError)
			if strings.Contains(string(a.body), "cause") {
				s.Errorf("the cause is told: %s", a.body)
			}
			s.nothing()
			s.exec(allow)
			s.newCard("alice", "Mai")
		}},
		{"a failure of the disk", func(s *site) {
			tmp := filepath.Join(s.dir, "files", "tmp")
			if err := os.Rename(tmp, tmp+"-away"); err != nil {
				s.Fatal(err)
			}
			a := s.as("alice").upload(path, about, numbered(3)...).want(http.StatusInternalServerError)
			if strings.Contains(string(a.body), "tmp") {
				s.Errorf("the cause is told: %s", a.body)
			}
			s.nothing()
			if err := os.Rename(tmp+"-away", tmp); err != nil {
				s.Fatal(err)
			}
			s.newCard("alice", "Mai")
		}},
	})
}

// cutOff is a body that fails where it should end.
type cutOff struct{ start io.Reader }

func (c cutOff) Read(p []byte) (int, error) {
	n, err := c.start.Read(p)
	if errors.Is(err, io.EOF) {
		err = fs.ErrClosed
	}
	return n, err
}

// bomb is an archive of a few kilobytes that would unpack to sixteen megabytes.
var bomb = func() string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	entry, err := w.Create("zeros.txt")
	if err == nil {
		_, err = entry.Write(make([]byte, 16<<20))
	}
	if err != nil || w.Close() != nil || b.Len() > 1<<16 {
		panic("no bomb")
	}
	return b.String()
}()

func TestKnowledgeFiles(t *testing.T) {
	add := func(s *site, id string) string { return s.item(id) + "/files" }
	names := func(s *site, id string) string {
		var list []string
		for _, f := range s.detail("alice", id).Files {
			list = append(list, f.FileName)
		}
		return strings.Join(list, " ")
	}
	first := text("a.txt", "first")
	base := func(s *site) card { return s.as("alice").upload(s.path("upload"), about, first).card() }
	behaveWith(t, "knowledge", []behaviour{
		{"are added", func(s *site) {
			c := base(s)
			s.equal("before", names(s, c.ID), "a.txt")
			s.as("alice").upload(add(s, c.ID), nil, text("c.json", "[]"), text("b.txt", "b")).want(http.StatusOK)
			s.equal("after", names(s, c.ID), "a.txt b.txt c.json")
			s.as("moderator").upload(add(s, c.ID), nil, text("d.txt", "d")).want(http.StatusOK)
			s.equal("after the moderator's", names(s, c.ID), "a.txt b.txt c.json d.txt")
		}},
		{"of a name that is there are a conflict, and change nothing", func(s *site) {
			c := base(s)
			s.as("alice").upload(add(s, c.ID), nil, text("b.txt", "b"), text("a.txt", "other")).want(http.StatusConflict).code("KNOWLEDGE_FILE_NAME_TAKEN")
			s.equal("files", names(s, c.ID), "a.txt")
			s.equal("files on the disk", s.stored(), 1)
		}},
		{"are a hundred at most", func(s *site) {
			c := s.as("alice").upload(s.path("upload"), about, numbered(99)...).card()
			s.as("alice").upload(add(s, c.ID), nil, text("x.txt", "x"), text("y.txt", "y")).want(http.StatusUnprocessableEntity).code("KNOWLEDGE_FILE_COUNT_INVALID")
			s.equal("files", len(s.detail("alice", c.ID).Files), 99)
			s.as("alice").upload(add(s, c.ID), nil, text("x.txt", "x")).want(http.StatusOK)
			s.equal("files", len(s.detail("alice", c.ID).Files), 100)
		}},
		{"added by another user is 403, by nobody 401, to an unknown base 404, none at all 422", func(s *site) {
			c := base(s)
			s.as("bob").upload(add(s, c.ID), nil, first).want(http.StatusForbidden)
			s.nobody().upload(add(s, c.ID), nil, first).want(http.StatusUnauthorized)
			s.as("alice").upload(add(s, unknownID), nil, first).want(http.StatusNotFound)
			s.as("alice").upload(add(s, c.ID), map[string]string{"x": "y"}).want(http.StatusUnprocessableEntity)
		}},
		{"of a public or pending base are fixed", func(s *site) {
			for _, c := range []card{s.newPublic("alice", "public"), s.newPending("alice", "pending")} {
				s.as("alice").upload(add(s, c.ID), nil, first).want(http.StatusForbidden)
				s.as("alice").del(s.item(c.ID) + "/" + s.detail("alice", c.ID).Files[0].FileID).want(http.StatusForbidden)
			}
		}},
		{"are deleted one by one, the last with the base", func(s *site) {
			c := base(s)
			s.as("alice").upload(add(s, c.ID), nil, text("b.txt", "b")).want(http.StatusOK)
			list := s.detail("alice", c.ID).Files
			s.as("bob").del(s.item(c.ID) + "/" + list[0].FileID).want(http.StatusForbidden)
			s.as("alice").del(s.item(c.ID) + "/" + list[0].FileID).want(http.StatusOK)
			s.equal("files", names(s, c.ID), "b.txt")
			s.as("alice").get(s.item(c.ID) + "/file/" + list[0].FileID).want(http.StatusNotFound)
			s.equal("files on the disk", s.stored(), 1)
			s.as("alice").del(s.item(c.ID) + "/" + list[0].FileID).want(http.StatusNotFound)
			s.as("alice").del(s.item(c.ID) + "/" + list[1].FileID).want(http.StatusOK)
			s.as("alice").get(s.item(c.ID)).want(http.StatusNotFound)
			s.equal("files on the disk", s.stored(), 0)
		}},
		{"of equal content are kept once, until the last is gone", func(s *site) {
			c := s.as("alice").upload(s.path("upload"), about, text("a.txt", "same"), text("b.txt", "same")).card()
			d := s.as("bob").upload(s.path("upload"), about, text("c.json", "same")).card()
			s.equal("files on the disk", s.stored(), 1)
			s.as("alice").del(s.item(c.ID)).want(http.StatusOK)
			s.equal("content", string(s.as("bob").get(s.item(d.ID)+"/file/"+s.detail("bob", d.ID).Files[0].FileID).want(http.StatusOK).body), "same")
			s.as("bob").del(s.item(d.ID)).want(http.StatusOK)
			s.equal("files on the disk", s.stored(), 0)
		}},
		{"have a README.txt beside them in the archive, even beside one of theirs", func(s *site) {
			c := s.as("alice").upload(s.path("upload"), about, text("readme.TXT", "mine"), text("数据.json", "{}")).card()
			a := s.as("alice").once(s.item(c.ID) + "/download").want(http.StatusOK)
			archive, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
			if err != nil {
				s.Fatal(err)
			}
			var list []string
			for _, f := range archive.File {
				list = append(list, f.Name)
			}
			s.equal("files", strings.Join(list, " "), "readme.TXT 数据.json README-1.txt")
		}},
		{"that have rotted are an error, not an archive", func(s *site) {
			c := base(s)
			if err := os.WriteFile(s.kept(first.content), []byte("rotten"), 0o600); err != nil {
				s.Fatal(err)
			}
			s.as("alice").once(s.item(c.ID) + "/download").want(http.StatusInternalServerError)
			s.as("alice").once(s.item(c.ID) + "/file/" + s.detail("alice", c.ID).Files[0].FileID).want(http.StatusInternalServerError)
			s.equal("downloads", s.detail("alice", c.ID).Downloads, 0)
		}},
	})
}
