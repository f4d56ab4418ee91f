package blackbox_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestPublicList(t *testing.T) {
	behaveBoth(t, []behaviour{
		{"an empty list is [] with total 0", func(s *site) {
			p := s.list(s.nobody(), s.path("public"))
			s.equal("length", len(p.Data), 0)
			s.equal("total", p.Pagination.Total, 0)
		}},
		{"only public cards are in it", func(s *site) {
			s.newCard("alice", "private")
			s.newPending("alice", "pending")
			s.newRejected("alice", "rejected")
			s.newPublic("alice", "public")
			for _, v := range []visitor{s.nobody(), s.as("alice"), s.as("root")} {
				s.equal("names", s.list(v, s.path("public")).names(), "public")
			}
		}},
		{"a card names its author", func(s *site) {
			s.newPublic("alice", "public")
			c := s.list(s.nobody(), s.path("public")).Data[0]
			s.equal("author", c.Author, "alice")
			s.equal("author's id", c.AuthorID, s.ids["alice"])
		}},
		{"pages", func(s *site) {
			for i := range 5 {
				s.newPublic("alice", strconv.Itoa(i))
			}
			for n, want := range []string{1: "0 1", 2: "2 3", 3: "4", 4: ""} {
				if n == 0 {
					continue
				}
				p := s.list(s.nobody(), s.path("public"), "page", strconv.Itoa(n), "page_size", "2", "sort_by", "created_at", "sort_order", "asc")
				s.equal("names", p.names(), want)
				s.equal("page", p.Pagination.Page, n)
				s.equal("page size", p.Pagination.PageSize, 2)
				s.equal("total", p.Pagination.Total, 5)
				s.equal("pages", p.Pagination.TotalPages, 3)
			}
		}},
		{"a page far beyond the end is empty with the right total", func(s *site) {
			s.newPublic("alice", "public")
			p := s.list(s.nobody(), s.path("public"), "page", "1000000")
			s.equal("length", len(p.Data), 0)
			s.equal("total", p.Pagination.Total, 1)
		}},
		{"page and page_size out of range are 422", func(s *site) {
			for _, q := range []string{"page=0", "page=-1", "page=x", "page_size=0", "page_size=-1", "page_size=101", "page=99999999999999999999"} {
				s.nobody().get(s.path("public") + "?" + q).want(http.StatusUnprocessableEntity)
			}
		}},
		{"an unknown order is the usual one", func(s *site) {
			s.newPublic("alice", "1")
			s.newPublic("alice", "2")
			for _, query := range []string{"sort_by=hashed_password", "sort_order=sideways", "sort_by=&sort_order=", "sort_order=DESC"} {
				s.equal(query, s.nobody().get(s.path("public")+"?"+query).page().names(), "2 1")
			}
			s.equal("upwards", s.nobody().get(s.path("public")+"?sort_order=ASC").page().names(), "1 2")
		}},
		{"name is a substring", func(s *site) {
			s.newPublic("alice", "麦麦猫")
			s.newPublic("alice", "麦狗")
			s.equal("names", s.list(s.nobody(), s.path("public"), "name", "麦猫").names(), "麦麦猫")
			s.equal("names", s.list(s.nobody(), s.path("public"), "name", "鱼").names(), "")
		}},
		{"SQL metacharacters in a name match themselves", func(s *site) {
			for _, name := range []string{"100%", "a_b", `it's "x"; DROP TABLE users;--`, `back\slash`} {
				s.newPublic("alice", name)
			}
			for query, want := range map[string]string{
				"%": "100%", "_": "a_b", "'": `it's "x"; DROP TABLE users;--`, `\`: `back\slash`, `' OR 1=1 --`: "", "a_": "a_b", "aXb": "",
			} {
				s.equal("names for "+query, s.list(s.nobody(), s.path("public"), "name", query).names(), want)
			}
		}},
		{"uploader_id takes an id", func(s *site) {
			s.newPublic("alice", "A")
			s.newPublic("bob", "B")
			s.equal("names", s.list(s.nobody(), s.path("public"), "uploader_id", s.ids["bob"]).names(), "B")
		}},
		{"uploader_id takes a username", func(s *site) {
			s.newPublic("alice", "A")
			s.newPublic("bob", "B")
			s.equal("names", s.list(s.nobody(), s.path("public"), "uploader_id", "alice").names(), "A")
			s.equal("names", s.list(s.nobody(), s.path("public"), "uploader_id", "zoe").names(), "")
		}},
		{"sorts by time, both ways", func(s *site) {
			s.newPublic("alice", "1")
			s.newPublic("alice", "2")
			for _, by := range []string{"created_at", "updated_at"} {
				s.equal("ascending by "+by, s.list(s.nobody(), s.path("public"), "sort_by", by, "sort_order", "asc").names(), "1 2")
				s.equal("descending by "+by, s.list(s.nobody(), s.path("public"), "sort_by", by, "sort_order", "desc").names(), "2 1")
			}
		}},
		{"sorts by name and downloads, both ways", func(s *site) {
			for _, name := range []string{"b", "C", "a"} {
				c := s.newPublic("alice", name)
				for range map[string]int{"b": 2, "C": 1}[name] {
					s.nobody().once(s.item(c.ID) + "/download").want(http.StatusOK)
				}
			}
			for by, want := range map[string]string{"name": "a b C", "downloads": "a C b"} {
				s.equal("ascending by "+by, s.list(s.nobody(), s.path("public"), "sort_by", by, "sort_order", "asc").names(), want)
				down := strings.Fields(want)
				slices.Reverse(down)
				s.equal("descending by "+by, s.list(s.nobody(), s.path("public"), "sort_by", by, "sort_order", "desc").names(), strings.Join(down, " "))
			}
		}},
		{"what is in review is sorted in the same ways", func(s *site) {
			s.newPending("alice", "b")
			s.newPending("alice", "a")
			list := func(by string) string {
				return s.list(s.as("moderator"), s.review("pending"), "sort_by", by, "sort_order", "asc").names()
			}
			s.equal("by name", list("name"), "a b")
			s.equal("by time", list("created_at"), "b a")
			s.equal("by downloads, then id", list("downloads"), s.list(s.as("moderator"), s.review("pending"), "sort_by", "star_count", "sort_order", "asc").names())
			s.equal("by what is unknown", list("weather"), "b a")
		}},
		{"sorts by stars, both ways", func(s *site) {
			liked := s.newPublic("alice", "liked")
			s.newPublic("alice", "ignored")
			s.as("bob").post(s.item(liked.ID)+"/star", nil).want(http.StatusOK)
			s.equal("ascending", s.list(s.nobody(), s.path("public"), "sort_by", "star_count", "sort_order", "asc").names(), "ignored liked")
			s.equal("descending", s.list(s.nobody(), s.path("public"), "sort_by", "star_count", "sort_order", "desc").names(), "liked ignored")
		}},
	})
}

func TestOfUser(t *testing.T) {
	own := func(s *site) string { return s.path("user/") + s.ids["alice"] }
	every := func(s *site) {
		s.newCard("alice", "b-private")
		s.newPending("alice", "c-pending")
		s.newRejected("alice", "d-rejected")
		s.newPublic("alice", "a-public")
		s.newCard("bob", "other")
	}
	behaveBoth(t, []behaviour{
		{"has all cards of the user and no others", func(s *site) {
			every(s)
			p := s.list(s.as("alice"), own(s), "sort_by", "name", "sort_order", "asc")
			s.equal("names", p.names(), "a-public b-private c-pending d-rejected")
			s.equal("total", p.Pagination.Total, 4)
		}},
		{"filters by status", func(s *site) {
			every(s)
			for status, want := range map[string]string{"approved": "a-public", "pending": "c-pending", "rejected": "d-rejected"} {
				s.equal(status, s.list(s.as("alice"), own(s), "status", status).names(), want)
			}
			s.equal("all", s.list(s.as("alice"), own(s), "status", "all").Pagination.Total, 4)
			s.equal("unknown", s.list(s.as("alice"), own(s), "status", "lost").Pagination.Total, 4)
		}},
		{"filters by name", func(s *site) {
			every(s)
			s.equal("names", s.list(s.as("alice"), own(s), "name", "-p", "sort_by", "name", "sort_order", "asc").names(), "a-public b-private c-pending")
		}},
		{"filters by tag", func(s *site) {
			every(s)
			c := s.newCard("alice", "tagged")
			s.as("alice").put(s.item(c.ID), map[string]any{"tags": []string{"cat", "dog"}}).want(http.StatusOK)
			s.equal("names", s.list(s.as("alice"), own(s), "tag", "dog").names(), "tagged")
		}},
		{"sorts by name, both ways", func(s *site) {
			every(s)
			s.equal("descending", s.list(s.as("alice"), own(s), "sort_by", "name", "sort_order", "desc").names(), "d-rejected c-pending b-private a-public")
		}},
		{"sorts by downloads", func(s *site) {
			every(s)
			c := s.newPublic("alice", "popular")
			s.nobody().once(s.item(c.ID) + "/download").want(http.StatusOK)
			s.equal("first", s.list(s.as("alice"), own(s), "sort_by", "downloads", "sort_order", "desc").Data[0].Name, "popular")
		}},
		{"pages", func(s *site) {
			every(s)
			p := s.list(s.as("alice"), own(s), "page", "2", "page_size", "3", "sort_by", "name", "sort_order", "asc")
			s.equal("names", p.names(), "d-rejected")
			s.equal("pages", p.Pagination.TotalPages, 2)
		}},
		{"another user's is 403", func(s *site) {
			every(s)
			s.as("bob").get(own(s)).want(http.StatusForbidden)
		}},
		{"without a token is 401", func(s *site) {
			s.nobody().get(own(s)).want(http.StatusUnauthorized)
		}},
		{"moderators and admins see anybody's", func(s *site) {
			every(s)
			for _, name := range []string{"moderator", "admin", "root"} {
				s.equal("total", s.list(s.as(name), own(s)).Pagination.Total, 4)
			}
		}},
	})
}

func TestStars(t *testing.T) {
	behaveBoth(t, []behaviour{
		{"the list holds what one starred, newest first", func(s *site) {
			one, two := s.newPublic("alice", "one"), s.newPublic("alice", "two")
			s.as("bob").post(s.item(one.ID)+"/star", nil).want(http.StatusOK)
			s.as("bob").post(s.item(two.ID)+"/star", nil).want(http.StatusOK)
			for _, path := range []string{"/api/users/stars", "/api/user/stars"} {
				s.equal("names", s.list(s.as("bob"), path).names(), "two one")
				s.equal("names", s.list(s.as("bob"), path, "sort_order", "asc").names(), "one two")
				s.equal("alice's", s.list(s.as("alice"), path).Pagination.Total, 0)
			}
			s.equal("target", s.list(s.as("bob"), "/api/users/stars").Data[0].TargetID, two.ID)
		}},
		{"by type, sorted, paged", func(s *site) {
			one, two := s.newPublic("alice", "one"), s.newPublic("alice", "two")
			s.as("bob").post(s.item(one.ID)+"/star", nil).want(http.StatusOK)
			s.as("bob").post(s.item(two.ID)+"/star", nil).want(http.StatusOK)
			s.as("alice").post(s.item(one.ID)+"/star", nil).want(http.StatusOK)
			list := func(query ...string) page { return s.list(s.as("bob"), "/api/users/stars", query...) }
			s.equal("most stars first", list("sort_by", "star_count", "sort_order", "desc").names(), "one two")
			for _, kind := range bothKinds {
				want := map[bool]int{true: 2, false: 0}[kind == s.kind]
				s.equal(kind, list("star_type", kind).Pagination.Total, want)
				s.equal(kind+" by its older name", list("type", kind).Pagination.Total, want)
			}
			s.equal("second page", list("page", "2", "page_size", "1", "sort_order", "asc").names(), "two")
			s.equal("with details", list("include_details", "true", "sort_order", "asc").Data[0].CopyrightOwner, "the artist")
		}},
		{"what is out of range is cut or falls back, nobody is 401", func(s *site) {
			one, two := s.newPublic("alice", "one"), s.newPublic("alice", "two")
			s.as("bob").post(s.item(one.ID)+"/star", nil).want(http.StatusOK)
			s.as("bob").post(s.item(two.ID)+"/star", nil).want(http.StatusOK)
			for _, c := range []struct {
				query, names string
				page, size   int
			}{
				{"page=0", "two one", 1, 20}, {"page=-1", "two one", 1, 20}, {"page_size=51", "two one", 1, 50}, {"page_size=0", "two", 1, 1},
				{"page=2000000000", "", 100_000_000, 20}, {"star_type=user", "", 1, 20}, {"type=user", "two one", 1, 20}, {"sort_by=name", "two one", 1, 20},
			} {
				p := s.as("bob").get("/api/users/stars?" + c.query).page()
				s.equal("names with "+c.query, p.names(), c.names)
				s.equal("page with "+c.query, p.Pagination.Page, c.page)
				s.equal("size with "+c.query, p.Pagination.PageSize, c.size)
			}
			s.as("bob").get("/api/users/stars?page=x").want(http.StatusUnprocessableEntity)
			s.nobody().get("/api/users/stars?" + url.Values{"page": {"1"}}.Encode()).want(http.StatusUnauthorized)
		}},
	})
}
