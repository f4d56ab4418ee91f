package blackbox_test

import (
	"encoding/json"
	"net/http"
	"testing"
)

// message returns the sentence of an error and closes the answer.
func message(s *site, w *http.Response) string {
	s.Helper()
	defer w.Body.Close()
	var got struct{ Error struct{ Message string } }
	if err := json.NewDecoder(w.Body).Decode(&got); err != nil {
		s.Fatal(err)
	}
	return got.Error.Message
}

func TestUpdate(t *testing.T) {
	behaveBoth(t, []behaviour{
		{"by the owner", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.equal("before", s.detail("alice", c.ID).Description, "about Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"description": "new", "content": "more", "tags": "a,b"}).want(http.StatusOK)
			got := s.detail("alice", c.ID)
			s.equal("description", got.Description, "new")
			s.equal("content", got.Content, "more")
		}},
		{"tags as a list are the same as a string", func(s *site) {
			c, d := s.newCard("alice", "list"), s.newCard("alice", "string")
			s.as("alice").put(s.item(c.ID), map[string]any{"tags": []string{"cat", "dog"}}).want(http.StatusOK)
			s.as("alice").put(s.item(d.ID), map[string]any{"tags": "cat,dog"}).want(http.StatusOK)
			list, _ := json.Marshal(s.detail("alice", c.ID).Tags)
			text, _ := json.Marshal(s.detail("alice", d.ID).Tags)
			s.equal("tags", string(list), string(text))
		}},
		{"by another user is 403", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("bob").put(s.item(c.ID), map[string]any{"content": "new"}).want(http.StatusForbidden)
			s.equal("content", s.detail("alice", c.ID).Content, "as it was")
		}},
		{"by nobody is 401", func(s *site) {
			s.nobody().put(s.item(s.newCard("alice", "Mai").ID), map[string]any{"content": "new"}).want(http.StatusUnauthorized)
		}},
		{"by a moderator and an admin", func(s *site) {
			c := s.newCard("alice", "Mai")
			for _, name := range []string{"moderator", "admin"} {
				s.as(name).put(s.item(c.ID), map[string]any{"content": "by " + name}).want(http.StatusOK)
				s.equal("content", s.detail("alice", c.ID).Content, "by "+name)
			}
		}},
		{"of an unknown card is 404", func(s *site) {
			s.as("alice").put(s.item(unknownID), map[string]any{"content": "new"}).want(http.StatusNotFound)
		}},
		{"of a public card: the description is 403", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"description": "new"}).want(http.StatusForbidden)
			s.equal("description", s.detail("alice", c.ID).Description, "about Mai")
		}},
		{"of a public card: the content alone may change", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.equal("before", s.nobody().get(s.item(c.ID)).card().Content, "")
			s.as("alice").put(s.item(c.ID), map[string]any{"content": "new"}).want(http.StatusOK)
			s.equal("after", s.nobody().get(s.item(c.ID)).card().Content, "new")
		}},
		{"of a pending card: the description is 403", func(s *site) {
			c := s.newPending("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"description": "new"}).want(http.StatusForbidden)
		}},
		{"of a pending card: the content alone may change", func(s *site) {
			c := s.newPending("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"content": "new"}).want(http.StatusOK)
			s.equal("content", s.detail("alice", c.ID).Content, "new")
		}},
		{"an empty body is 422", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{}).want(http.StatusUnprocessableEntity)
			s.as("alice").put(s.item(c.ID), nil).want(http.StatusUnprocessableEntity)
		}},
		{"the name is kept as it was", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"name": "other", "content": "new"}).want(http.StatusOK)
			got := s.detail("alice", c.ID)
			s.equal("name", got.Name, "Mai")
			s.equal("content", got.Content, "new")
		}},
		{"the copyright owner is kept as it was", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"copyright_owner": "thief", "content": "new"}).want(http.StatusOK)
			s.equal("copyright owner", s.detail("alice", c.ID).CopyrightOwner, "the artist")
		}},
		{"is_pending asks for review", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.equal("waiting", s.list(s.as("moderator"), s.review("pending")).Pagination.Total, 0)
			s.as("alice").put(s.item(c.ID), map[string]any{"is_pending": true}).want(http.StatusOK)
			s.equal("waiting", s.list(s.as("moderator"), s.review("pending")).names(), "Mai")
		}},
		{"is_public is for moderators", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").put(s.item(c.ID), map[string]any{"is_public": true}).want(http.StatusForbidden)
			s.equal("public list", s.list(s.nobody(), s.path("public")).names(), "")
			s.as("moderator").put(s.item(c.ID), map[string]any{"is_public": true}).want(http.StatusOK)
			s.equal("public list", s.list(s.nobody(), s.path("public")).names(), "Mai")
		}},
	})
}

func TestDelete(t *testing.T) {
	behaveBoth(t, []behaviour{
		{"by the owner: the card is gone everywhere", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
			s.equal("public list", s.list(s.nobody(), s.path("public")).names(), "Mai")
			s.equal("bob's stars", s.list(s.as("bob"), "/api/users/stars").names(), "Mai")
			s.nobody().get(s.item(c.ID)).want(http.StatusOK)
			s.as("alice").del(s.item(c.ID)).want(http.StatusOK)
			s.nobody().get(s.item(c.ID)).want(http.StatusNotFound)
			s.equal("public list", s.list(s.nobody(), s.path("public")).Pagination.Total, 0)
			s.equal("alice's cards", s.list(s.as("alice"), s.path("user/")+s.ids["alice"]).Pagination.Total, 0)
			s.equal("bob's stars", s.list(s.as("bob"), "/api/users/stars").Pagination.Total, 0)
		}},
		{"the rows are gone", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("bob").post(s.item(c.ID)+"/star", nil).want(http.StatusOK)
			s.as("alice").del(s.item(c.ID)).want(http.StatusOK)
			for table, column := range map[string]string{
				"persona_cards": "id", "persona_card_files": "persona_card_id", "knowledge_bases": "id", "knowledge_base_files": "knowledge_base_id", "star_records": "target_id",
			} {
				s.equal("rows in "+table, s.count(table, column, c.ID), 0)
			}
		}},
		{"by another user is 403", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.as("bob").del(s.item(c.ID)).want(http.StatusForbidden)
			s.detail("alice", c.ID)
		}},
		{"by an admin and a moderator", func(s *site) {
			for _, name := range []string{"admin", "moderator"} {
				c := s.newCard("alice", "Mai")
				s.as(name).del(s.item(c.ID)).want(http.StatusOK)
				s.as("alice").get(s.item(c.ID)).want(http.StatusNotFound)
			}
		}},
		{"of an unknown card is 404", func(s *site) { s.as("alice").del(s.item(unknownID)).want(http.StatusNotFound) }},
		{"twice is 404", func(s *site) {
			c := s.newCard("alice", "Mai")
			s.as("alice").del(s.item(c.ID)).want(http.StatusOK)
			s.as("alice").del(s.item(c.ID)).want(http.StatusNotFound)
		}},
		{"by nobody is 401", func(s *site) {
			s.nobody().del(s.item(s.newPublic("alice", "Mai").ID)).want(http.StatusUnauthorized)
		}},
	})
}

func TestReview(t *testing.T) {
	review := func(s *site, id, verdict string) string { return s.review(id + "/" + verdict) }
	pending := func(s *site) string { return s.review("pending") }
	behaveBoth(t, []behaviour{
		{"the list is for moderators and admins", func(s *site) {
			s.newPending("alice", "Mai")
			for _, name := range []string{"moderator", "admin", "root"} {
				s.equal("names", s.list(s.as(name), pending(s)).names(), "Mai")
			}
			s.as("alice").get(pending(s)).want(http.StatusForbidden)
			s.nobody().get(pending(s)).want(http.StatusUnauthorized)
		}},
		{"the list filters, sorts and pages", func(s *site) {
			s.newPending("alice", "a")
			s.newPending("bob", "b")
			s.newPending("alice", "c")
			list := func(query ...string) string { return s.list(s.as("moderator"), pending(s), query...).names() }
			s.equal("by name", list("name", "b"), "b")
			s.equal("by uploader", list("uploader_id", s.ids["bob"]), "b")
			s.equal("oldest first", list("sort_by", "created_at", "sort_order", "asc"), "a b c")
			s.equal("second page", list("sort_by", "created_at", "sort_order", "asc", "page_size", "2", "page", "2"), "c")
		}},
		{"approve publishes", func(s *site) {
			c := s.newPending("alice", "Mai")
			s.equal("public", s.list(s.nobody(), s.path("public")).names(), "")
			s.equal("waiting", s.list(s.as("moderator"), pending(s)).names(), "Mai")
			s.as("moderator").post(review(s, c.ID, "approve"), nil).want(http.StatusOK)
			s.equal("public", s.list(s.nobody(), s.path("public")).names(), "Mai")
			s.equal("waiting", s.list(s.as("moderator"), pending(s)).names(), "")
			got := s.nobody().get(s.item(c.ID)).card()
			s.equal("public", got.IsPublic, true)
			s.equal("pending", got.IsPending, false)
			s.equal("upload record", s.text("SELECT status FROM upload_records WHERE target_id = ?", c.ID), "approved")
			s.equal("recipient of the message", s.text("SELECT recipient_id FROM messages"), s.ids["alice"])
		}},
		{"reject keeps it private, with the reason", func(s *site) {
			c := s.newPending("alice", "Mai")
			s.equal("before", s.detail("alice", c.ID).IsPending, true)
			s.as("admin").post(review(s, c.ID, "reject"), map[string]string{"reason": "太短了"}).want(http.StatusOK)
			got := s.detail("alice", c.ID)
			s.equal("public", got.IsPublic, false)
			s.equal("pending", got.IsPending, false)
			s.equal("reason", got.RejectionReason, "太短了")
			s.equal("upload record", s.text("SELECT status FROM upload_records WHERE target_id = ?", c.ID), "rejected")
			s.equal("recipient of the message", s.text("SELECT recipient_id FROM messages"), s.ids["alice"])
		}},
		{"is not for users, nor for nobody", func(s *site) {
			c := s.newPending("alice", "Mai")
			for _, verdict := range []string{"approve", "reject"} {
				s.as("alice").post(review(s, c.ID, verdict), map[string]string{"reason": "r"}).want(http.StatusForbidden)
				s.nobody().post(review(s, c.ID, verdict), map[string]string{"reason": "r"}).want(http.StatusUnauthorized)
			}
			s.equal("pending", s.detail("alice", c.ID).IsPending, true)
		}},
		{"of an unknown card is 404, of one not in review a conflict", func(s *site) {
			s.as("moderator").post(review(s, unknownID, "approve"), nil).want(http.StatusNotFound)
			s.as("moderator").post(review(s, s.newCard("alice", "Mai").ID, "approve"), nil).want(http.StatusConflict)
		}},
		{"reject without a reason is 422", func(s *site) {
			c := s.newPending("alice", "Mai")
			s.as("moderator").post(review(s, c.ID, "reject"), map[string]string{"reason": " "}).want(http.StatusUnprocessableEntity)
		}},
	})
}
