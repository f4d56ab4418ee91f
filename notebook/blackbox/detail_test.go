package blackbox_test

import (
	"net/http"
	"path"
	"testing"
)

func TestDetail(t *testing.T) {
	behaveBoth(t, []behaviour{
		{"a public card is for anybody, with its files", func(s *site) {
			c := s.newPublic("alice", "Mai")
			for _, v := range []visitor{s.nobody(), s.as("bob"), s.as("alice")} {
				got := v.get(s.item(c.ID)).card()
				s.equal("name", got.Name, "Mai")
				s.equal("author", got.Author, "alice")
				s.equal("number of files", len(got.Files), 1)
				s.equal("file name", got.Files[0].OriginalName, s.file().name)
				s.equal("file type", got.Files[0].FileType, path.Ext(s.file().name))
				s.equal("file size", got.Files[0].FileSize, int64(len(validTOML)))
			}
		}},
		{"an unknown one is 404", func(s *site) {
			s.nobody().get(s.item(unknownID)).want(http.StatusNotFound)
			s.as("alice").get(s.item(unknownID)).want(http.StatusNotFound)
			s.as("alice").get(s.item("1%27%20OR%201=1")).want(http.StatusNotFound)
		}},
		{"a private card is for its owner, moderators and admins", func(s *site) {
			for _, c := range []card{s.newCard("alice", "private"), s.newPending("alice", "pending"), s.newRejected("alice", "rejected")} {
				for _, name := range []string{"alice", "moderator", "admin", "root"} {
					s.equal("name for "+name, s.detail(name, c.ID).Name, c.Name)
				}
				s.as("bob").get(s.item(c.ID)).want(http.StatusForbidden)
				s.nobody().get(s.item(c.ID)).want(http.StatusUnauthorized)
			}
		}},
		{"HEAD answers like GET without the body", func(s *site) {
			c := s.newPublic("alice", "Mai")
			get := s.nobody().get(s.item(c.ID))
			head := s.nobody().head(s.item(c.ID))
			s.equal("status", head.status, http.StatusOK)
			s.equal("length of the body", len(head.body), 0)
			s.equal("ETag", head.header.Get("ETag"), get.header.Get("ETag"))
		}},
		{"errors speak the language of the client", func(s *site) {
			c := s.newCard("alice", "private")
			var sentences []string
			for _, language := range []string{"", "en", "zh-CN", "en"} {
				r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+s.item(c.ID), nil)
				if err != nil {
					s.Fatal(err)
				}
				if language != "" {
					r.Header.Set("Accept-Language", language)
				}
				w, err := s.http.Do(r)
				if err != nil {
					s.Fatal(err)
				}
				sentences = append(sentences, message(s, w))
			}
			s.equal("Chinese by default", sentences[0], sentences[2])
			s.equal("English again", sentences[1], sentences[3])
			if sentences[0] == sentences[1] {
				s.Errorf("English and Chinese are the same: %q", sentences[0])
			}
		}},
	})
}

func TestStarred(t *testing.T) {
	behaveBoth(t, []behaviour{
		{"is false at first", func(s *site) {
			s.equal("starred", s.starred("bob", s.newPublic("alice", "Mai").ID), false)
		}},
		{"is true after a star, for who gave it", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.equal("before", s.starred("bob", c.ID), false)
			s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
			s.equal("after", s.starred("bob", c.ID), true)
			s.equal("for alice", s.starred("alice", c.ID), false)
		}},
		{"is false after the star was taken back", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
			s.equal("before", s.starred("bob", c.ID), true)
			s.as("bob").del(s.item(c.ID) + "/star").want(http.StatusOK)
			s.equal("after", s.starred("bob", c.ID), false)
		}},
		{"without a token is 401", func(s *site) {
			s.nobody().get(s.item(s.newPublic("alice", "Mai").ID) + "/starred").want(http.StatusUnauthorized)
		}},
	})
}

func TestStar(t *testing.T) {
	star := func(s *site, id string) string { return s.item(id) + "/star" }
	behaveBoth(t, []behaviour{
		{"counts", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.equal("before", s.detail("alice", c.ID).StarCount, 0)
			s.as("bob").post(star(s, c.ID), nil).want(http.StatusOK)
			s.equal("after one", s.detail("alice", c.ID).StarCount, 1)
			s.as("alice").post(star(s, c.ID), nil).want(http.StatusOK)
			s.equal("after two", s.nobody().get(s.item(c.ID)).card().StarCount, 2)
		}},
		{"a second one takes it back", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("bob").post(star(s, c.ID), nil).want(http.StatusOK)
			s.equal("after one", s.detail("alice", c.ID).StarCount, 1)
			s.as("bob").post(star(s, c.ID), nil).want(http.StatusOK)
			s.equal("after two", s.detail("alice", c.ID).StarCount, 0)
			s.equal("starred", s.starred("bob", c.ID), false)
		}},
		{"of an unknown card is 404", func(s *site) { s.as("bob").post(star(s, unknownID), nil).want(http.StatusNotFound) }},
		{"without a token is 401", func(s *site) {
			s.nobody().post(star(s, s.newPublic("alice", "Mai").ID), nil).want(http.StatusUnauthorized)
		}},
		{"is taken back by DELETE", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("bob").post(star(s, c.ID), nil).want(http.StatusOK)
			s.equal("before", s.detail("bob", c.ID).StarCount, 1)
			s.as("bob").del(star(s, c.ID)).want(http.StatusOK)
			s.equal("after", s.detail("bob", c.ID).StarCount, 0)
		}},
		{"DELETE without a star is 404", func(s *site) {
			s.as("bob").del(star(s, s.newPublic("alice", "Mai").ID)).want(http.StatusNotFound)
			s.as("bob").del(star(s, unknownID)).want(http.StatusNotFound)
		}},
		{"DELETE without a token is 401", func(s *site) {
			s.nobody().del(star(s, s.newPublic("alice", "Mai").ID)).want(http.StatusUnauthorized)
		}},
	})
}
