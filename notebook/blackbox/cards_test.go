package blackbox_test

import (
	"net/http"
	"net/url"
	"testing"
)

// A behaviour is one case of what the notebook promises.
type behaviour struct {
	name string
	test func(s *site)
}

// behave runs every behaviour on a site of its own, with the cache and without.
func behave(t *testing.T, list []behaviour) {
	t.Helper()
	t.Parallel()
	for _, b := range list {
		t.Run(b.name, func(t *testing.T) { modes(t, b.test) })
	}
}

// bothKinds are the kinds of items.
var bothKinds = []string{"persona", "knowledge"}

// behaveBoth runs every behaviour once with persona cards and once with
// knowledge bases, where the rule is the same.
func behaveBoth(t *testing.T, list []behaviour) {
	t.Helper()
	t.Parallel()
	for _, kind := range bothKinds {
		t.Run(kind, func(t *testing.T) { behaveWith(t, kind, list) })
	}
}

// behaveWith runs every behaviour with items of one kind.
func behaveWith(t *testing.T, kind string, list []behaviour) {
	t.Helper()
	t.Parallel()
	for _, b := range list {
		t.Run(b.name, func(t *testing.T) {
			modes(t, func(s *site) {
				s.kind = kind
				b.test(s)
			})
		})
	}
}

const (
	validTOML = "[inner]\nversion = \"1.2.3\"\n"
	unknownID = "00000000-0000-4000-8000-000000000000"
)

func config(content string) file { return file{name: "bot_config.toml", content: content} }

// path returns a path about items of the site's kind.
func (s *site) path(rest string) string { return "/api/" + s.kind + "/" + rest }

// item returns the path of an item.
func (s *site) item(id string) string { return s.path(id) }

// review returns a path about the review of items.
func (s *site) review(rest string) string { return "/api/review/" + s.kind + "/" + rest }

// file returns a file that an item of the site's kind may consist of.
func (s *site) file() file {
	if s.kind == "knowledge" {
		return file{name: "笔记 notes.txt", content: validTOML}
	}
	return config(validTOML)
}

// newCard uploads a private item of the site's kind, which is a persona card
// where a test says nothing else.
func (s *site) newCard(owner, name string) card {
	s.Helper()
	return s.as(owner).upload(s.path("upload"), map[string]string{
		"name": name, "description": "about " + name, "copyright_owner": "the artist", "content": "as it was", "tags": "one,two",
	}, s.file()).card()
}

// newPending uploads an item and asks for its review.
func (s *site) newPending(owner, name string) card {
	s.Helper()
	return s.as(owner).upload(s.path("upload"), map[string]string{
		"name": name, "description": "about " + name, "copyright_owner": "the artist", "tags": "one,two", "is_public": "true",
	}, s.file()).card()
}

// newPublic uploads an item that then passes its review.
func (s *site) newPublic(owner, name string) card {
	s.Helper()
	c := s.newPending(owner, name)
	s.as("moderator").post(s.review(c.ID)+"/approve", nil).want(http.StatusOK)
	return c
}

// newRejected uploads an item that then fails its review.
func (s *site) newRejected(owner, name string) card {
	s.Helper()
	c := s.newPending(owner, name)
	s.as("moderator").post(s.review(c.ID)+"/reject", map[string]string{"reason": "too short"}).want(http.StatusOK)
	return c
}

// detail returns an item as somebody sees it.
func (s *site) detail(as, id string) card {
	s.Helper()
	return s.as(as).get(s.item(id)).card()
}

func persona(id string) string { return "/api/persona/" + id }

// starred returns what somebody is told about his star.
func (s *site) starred(as, id string) bool {
	s.Helper()
	var got struct{ Starred bool }
	s.as(as).get(s.item(id) + "/starred").want(http.StatusOK).data(&got)
	return got.Starred
}

func (s *site) list(v visitor, path string, query ...string) page {
	s.Helper()
	values := make(url.Values)
	for i := 0; i+1 < len(query); i += 2 {
		values.Add(query[i], query[i+1])
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return v.get(path).page()
}

func (s *site) equal(what string, got, want any) {
	s.Helper()
	if got != want {
		s.Errorf("%s is %v, want %v", what, got, want)
	}
}
