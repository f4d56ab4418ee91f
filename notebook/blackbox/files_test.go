package blackbox_test

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// binaryTOML is valid, starts a comment with what text tools stumble over, and
// is longer than any buffer on its way. (TOML allows no NUL; see
// TestBinaryBodies for those.)
var binaryTOML = validTOML + "# \u2028\ufeff\U0010ffff 麦麦\r\n" + strings.Repeat("# 0123456789abcdef\n", 13_000)

func TestPersonaFiles(t *testing.T) {
	add := func(id string) string { return persona(id) + "/files" }
	newer := config("version = '2.0'")
	behave(t, []behaviour{
		{"a new one replaces the TOML and the version", func(s *site) {
			c := s.newCard("alice", "Mai")
			before := s.detail("alice", c.ID)
			s.equal("version before", before.Version, "1.2.3")
			s.as("alice").upload(add(c.ID), nil, newer).want(http.StatusOK)
			after := s.detail("alice", c.ID)
			s.equal("version after", after.Version, "2.0")
			s.equal("number of files", len(after.Files), 1)
			s.equal("content", string(s.as("alice").get(persona(c.ID)+"/file/"+after.Files[0].FileID).want(http.StatusOK).body), newer.content)
		}},
		{"added by another user is 403, by nobody 401", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("bob").upload(add(c.ID), nil, newer).want(http.StatusForbidden)
			s.nobody().upload(add(c.ID), nil, newer).want(http.StatusUnauthorized)
		}},
		{"added to a public card is 403", func(s *site) {
			s.as("alice").upload(add(s.newPublic("alice", "Mai").ID), nil, newer).want(http.StatusForbidden)
		}},
		{"added to a pending card is 403", func(s *site) {
			s.as("alice").upload(add(s.newPending("alice", "Mai").ID), nil, newer).want(http.StatusForbidden)
		}},
		{"added to an unknown card is 404", func(s *site) {
			s.as("alice").upload(add(unknownID), nil, newer).want(http.StatusNotFound)
		}},
		{"none at all is 422", func(s *site) {
			s.as("alice").upload(add(s.newCard("alice", "Mai").ID), map[string]string{"x": "y"}).want(http.StatusUnprocessableEntity)
		}},
		{"a broken TOML changes nothing", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").upload(add(c.ID), nil, config("= broken")).want(http.StatusUnprocessableEntity).code("PERSONA_TOML_PARSE_ERROR")
			s.equal("version", s.detail("alice", c.ID).Version, "1.2.3")
		}},
		{"the last one takes the card with it", func(s *site) {
			c := s.newCard("alice", "Mai")
			id := s.detail("alice", c.ID).Files[0].FileID
			s.as("alice").del(persona(c.ID) + "/" + id).want(http.StatusOK)
			s.as("alice").get(persona(c.ID)).want(http.StatusNotFound)
			s.equal("her cards", s.list(s.as("alice"), "/api/persona/user/"+s.ids["alice"]).Pagination.Total, 0)
		}},
		{"deleted by another user is 403, of a public card 403, an unknown one 404", func(s *site) {
			c, public := s.newCard("alice", "private"), s.newPublic("alice", "public")
			s.as("bob").del(persona(c.ID) + "/" + s.detail("alice", c.ID).Files[0].FileID).want(http.StatusForbidden)
			s.as("alice").del(persona(public.ID) + "/" + s.detail("alice", public.ID).Files[0].FileID).want(http.StatusForbidden)
			s.as("alice").del(persona(c.ID) + "/" + unknownID).want(http.StatusNotFound)
			s.as("alice").del(persona(unknownID) + "/" + unknownID).want(http.StatusNotFound)
		}},
	})
}

func TestDownload(t *testing.T) {
	zipOf := func(s *site, id string) string { return s.item(id) + "/download" }
	behaveBoth(t, []behaviour{
		{"of a public card needs no token", func(s *site) {
			c := s.newPublic("alice", "Mai")
			a := s.nobody().once(zipOf(s, c.ID)).want(http.StatusOK)
			archive, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
			if err != nil {
				s.Fatal(err)
			}
			found := make(map[string]string)
			for _, f := range archive.File {
				r, err := f.Open()
				if err != nil {
					s.Fatal(err)
				}
				content, err := io.ReadAll(r)
				if err != nil {
					s.Fatal(err)
				}
				found[f.Name] = string(content)
			}
			s.equal("number of files", len(found), 2)
			s.equal("content", found[s.file().name], validTOML)
			if !strings.Contains(found["README.txt"], "Mai") {
				s.Errorf("README.txt does not name the card: %q", found["README.txt"])
			}
		}},
		{"counts every one, and is never stored", func(s *site) {
			c := s.newPublic("alice", "Mai")
			for n := range 3 {
				s.equal("downloads", s.nobody().get(s.item(c.ID)).card().Downloads, n)
				a := s.nobody().once(zipOf(s, c.ID)).want(http.StatusOK)
				if a.hit() || !strings.Contains(a.header.Get("Cache-Control"), "no-store") {
					s.Errorf("a download came with Cache-Status %q and Cache-Control %q", a.header.Get("Cache-Status"), a.header.Get("Cache-Control"))
				}
			}
		}},
		{"of a private card without a token is 401", func(s *site) {
			s.nobody().once(zipOf(s, s.newCard("alice", "Mai").ID)).want(http.StatusUnauthorized)
		}},
		{"of a private card is for its owner", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").once(zipOf(s, c.ID)).want(http.StatusOK)
			s.as("moderator").once(zipOf(s, c.ID)).want(http.StatusOK)
		}},
		{"of a private card as another user is 403", func(s *site) {
			s.as("bob").once(zipOf(s, s.newCard("alice", "Mai").ID)).want(http.StatusForbidden)
		}},
		{"of an unknown card is 404", func(s *site) { s.nobody().once(zipOf(s, unknownID)).want(http.StatusNotFound) }},
	})
}

func TestFile(t *testing.T) {
	path := func(s *site, c card) string {
		return s.item(c.ID) + "/file/" + s.detail("moderator", c.ID).Files[0].FileID
	}
	behaveBoth(t, []behaviour{
		{"is an octet stream", func(s *site) {
			c := s.newPublic("alice", "Mai")
			a := s.as("bob").get(path(s, c)).want(http.StatusOK)
			s.equal("type", a.header.Get("Content-Type"), "application/octet-stream")
			s.equal("content", string(a.body), validTOML)
		}},
		{"is byte for byte what was uploaded, however large", func(s *site) {
			c := s.as("alice").upload(s.path("upload"), map[string]string{"name": "Mai", "description": "d"}, file{name: s.file().name, content: binaryTOML}).card()
			a := s.as("alice").get(path(s, c)).want(http.StatusOK)
			if string(a.body) != binaryTOML {
				s.Errorf("%d bytes came back that differ from the %d uploaded", len(a.body), len(binaryTOML))
			}
		}},
		{"of a private card as another user is 403", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").get(path(s, c)).want(http.StatusOK)
			s.as("bob").get(path(s, c)).want(http.StatusForbidden)
		}},
		{"without a token is 401", func(s *site) {
			for _, c := range []card{s.newCard("alice", "private"), s.newPublic("alice", "public")} {
				s.as("alice").get(path(s, c)).want(http.StatusOK)
				s.nobody().get(path(s, c)).want(http.StatusUnauthorized)
			}
		}},
		{"unknown is 404, and so is one of another card", func(s *site) {
			c, other := s.newPublic("alice", "Mai"), s.newPublic("alice", "other")
			s.as("bob").get(s.item(c.ID) + "/file/" + unknownID).want(http.StatusNotFound)
			s.as("bob").get(s.item(unknownID) + "/file/" + unknownID).want(http.StatusNotFound)
			s.as("bob").get(s.item(c.ID) + "/file/" + s.detail("alice", other.ID).Files[0].FileID).want(http.StatusNotFound)
		}},
	})
}
