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

const (
	validTOML = "[inner]\nversion = \"1.2.3\"\n"
	unknownID = "00000000-0000-4000-8000-000000000000"
)

func config(content string) file { return file{name: "bot_config.toml", content: content} }

// newCard uploads a private card.
func (s *site) newCard(owner, name string) card {
	s.Helper()
	return s.as(owner).upload("/api/persona/upload", map[string]string{
		"name": name, "description": "about " + name, "copyright_owner": "the artist", "content": "as it was", "tags": "one,two",
	}, config(validTOML)).card()
}

// newPending uploads a card and asks for its review.
func (s *site) newPending(owner, name string) card {
	s.Helper()
	return s.as(owner).upload("/api/persona/upload", map[string]string{
		"name": name, "description": "about " + name, "copyright_owner": "the artist", "tags": "one,two", "is_public": "true",
	}, config(validTOML)).card()
}

// newPublic uploads a card that then passes its review.
func (s *site) newPublic(owner, name string) card {
	s.Helper()
	c := s.newPending(owner, name)
	s.as("moderator").post("/api/review/persona/"+c.ID+"/approve", nil).want(http.StatusOK)
	return c
}

// newRejected uploads a card that then fails its review.
func (s *site) newRejected(owner, name string) card {
	s.Helper()
	c := s.newPending(owner, name)
	s.as("moderator").post("/api/review/persona/"+c.ID+"/reject", map[string]string{"reason": "too short"}).want(http.StatusOK)
	return c
}

// detail returns a card as somebody sees it.
func (s *site) detail(as, id string) card {
	s.Helper()
	return s.as(as).get("/api/persona/" + id).card()
}

func persona(id string) string { return "/api/persona/" + id }

// starred returns what somebody is told about his star.
func (s *site) starred(as, id string) bool {
	s.Helper()
	var got struct{ Starred bool }
	s.as(as).get(persona(id) + "/starred").want(http.StatusOK).data(&got)
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
