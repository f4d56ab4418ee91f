package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestPersonaUpload(t *testing.T) {
	const path = "/api/persona/upload"
	fields := map[string]string{"name": "Mai", "description": "a cat"}
	refused := func(code string, files ...file) func(s *site) {
		return func(s *site) {
			s.as("alice").upload(path, fields, files...).want(http.StatusUnprocessableEntity).code(code)
			s.equal("the number of her cards", s.list(s.as("alice"), "/api/persona/user/"+s.ids["alice"]).Pagination.Total, 0)
		}
	}
	behave(t, []behaviour{
		{"a valid TOML makes a private card", func(s *site) {
			c := s.as("alice").upload(path, map[string]string{
				"name": "麦麦 <b>", "description": "d", "copyright_owner": "o", "content": "c", "tags": "x,y",
			}, config(validTOML)).card()
			got := s.detail("alice", c.ID)
			s.equal("name", got.Name, "麦麦 <b>")
			s.equal("description", got.Description, "d")
			s.equal("copyright owner", got.CopyrightOwner, "o")
			s.equal("content", got.Content, "c")
			s.equal("uploader", got.UploaderID, s.ids["alice"])
			s.equal("public", got.IsPublic, false)
			s.equal("pending", got.IsPending, false)
			s.equal("files", len(got.Files), 1)
		}},
		{"without a name is 422", func(s *site) {
			s.as("alice").upload(path, map[string]string{"description": "d"}, config(validTOML)).want(http.StatusUnprocessableEntity)
		}},
		{"without a description is 422", func(s *site) {
			s.as("alice").upload(path, map[string]string{"name": "n"}, config(validTOML)).want(http.StatusUnprocessableEntity)
		}},
		{"without a file is 422", func(s *site) {
			s.as("alice").upload(path, fields).want(http.StatusUnprocessableEntity)
		}},
		{"without a token is 401", func(s *site) {
			s.nobody().upload(path, fields, config(validTOML)).want(http.StatusUnauthorized)
		}},
		{"with a garbage token is 401", func(s *site) {
			visitor{s, "garbage"}.upload(path, fields, config(validTOML)).want(http.StatusUnauthorized)
		}},
		{"is_public puts it in review", func(s *site) {
			s.equal("public list", s.list(s.nobody(), "/api/persona/public").Pagination.Total, 0)
			c := s.newPending("alice", "Mai")
			s.equal("public", c.IsPublic, false)
			s.equal("pending", c.IsPending, true)
			s.equal("public list", s.list(s.nobody(), "/api/persona/public").Pagination.Total, 0)
			s.equal("waiting for review", s.list(s.as("moderator"), "/api/review/persona/pending").names(), "Mai")
		}},
		{"the version comes from the TOML", func(s *site) {
			for content, version := range map[string]string{
				validTOML: "1.2.3", "version = 7": "7", "[meta]\nversion = '2'": "2", "[a.b]\nversion = '9.9'": "9.9",
			} {
				c := s.as("alice").upload(path, fields, config(content)).card()
				s.equal("version of "+content, s.detail("alice", c.ID).Version, version)
			}
		}},
		{"two files are refused", refused("PERSONA_FILE_COUNT_INVALID", config(validTOML), config(validTOML))},
		{"a file of another name is refused", refused("PERSONA_FILE_NAME_INVALID", file{name: "config.toml", content: validTOML})},
		{"a file of another type is refused", refused("PERSONA_FILE_TYPE_INVALID", file{name: "bot_config.txt", content: validTOML})},
		{"a broken TOML is refused", refused("PERSONA_TOML_PARSE_ERROR", config("[inner\nversion = "))},
		{"a TOML without a version is refused", refused("PERSONA_TOML_VERSION_MISSING", config("[inner]\nname = 'x'"))},
		{"a huge file is refused", refused("PERSONA_FILE_SIZE_EXCEEDED", config(validTOML+strings.Repeat("# filler\n", 700_000)))},
		{"two users may use one name", func(s *site) {
			s.newCard("alice", "Mai")
			s.newCard("bob", "Mai")
		}},
	})
}

// Lists show the texts of up to a hundred items: none is longer than a text is.
func TestTextsAreBounded(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		alice, refused := s.as("alice"), http.StatusUnprocessableEntity
		long := strings.Repeat("x", 20_001)
		for _, name := range []string{"description", "content", "tags", "copyright_owner"} {
			fields := map[string]string{"name": "Mai", "description": "d"}
			fields[name] = long
			alice.upload("/api/persona/upload", fields, config(validTOML)).want(refused).code("TEXT_TOO_LONG")
		}
		alice.upload("/api/persona/upload", map[string]string{"name": "Mai", "description": "d"}, config("version = '"+long+"'")).
			want(refused).code("TEXT_TOO_LONG")
		s.equal("files on the disk", s.stored(), 0)
		c := s.newCard("alice", "Mai")
		for _, name := range []string{"description", "content", "tags"} {
			alice.json(http.MethodPut, persona(c.ID), map[string]any{name: long}).want(refused).code("TEXT_TOO_LONG")
		}
		alice.upload(persona(c.ID)+"/files", nil, config("version = '"+long+"'")).want(refused).code("TEXT_TOO_LONG")
		pending := s.newPending("alice", "Mai")
		s.as("moderator").json(http.MethodPost, "/api/review/persona/"+pending.ID+"/reject", map[string]any{"reason": long}).want(refused).code("REASON_INVALID")
		for _, text := range []string{strings.Repeat("x", 60_000), "%01"} {
			s.nobody().get("/api/persona/public?name=" + text).want(refused).code("SEARCH_INVALID")
			s.nobody().get("/api/knowledge/public?uploader_id=" + text).want(refused).code("SEARCH_INVALID")
			s.as("moderator").get("/api/review/persona/pending?name=" + text).want(refused).code("SEARCH_INVALID")
			alice.get("/api/persona/user/" + s.ids["alice"] + "?tag=" + text).want(refused).code("SEARCH_INVALID")
			s.as("admin").get("/api/admin/users?search=" + text).want(refused).code("SEARCH_INVALID")
		}
	})
}
