package blackbox_test

import (
	"net/http"
	"testing"

	"github.com/unstale/unstale"
)

// TestInvalidateMessageCache: the message's resource is the message with the id,
// and what somebody with the id and I have written to each other.
func TestInvalidateMessageCache(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	id := s.mail("bob", "alice", "hello")
	with := func(id string) read { return read{"alice", "/api/messages?page=1&other_user_id=" + unstale.Escape(id)} }
	reads := map[string]read{
		"mail": {"alice", "/api/messages"}, "direct": {"alice", "/api/messages/by-type/direct"}, "me": {"alice", "/api/users/me"},
		"with bob": with(s.ids["bob"]),
	}
	all := []string{"mail", "direct", "with bob"}
	for _, id2 := range hostileIDs {
		s.copied("messages", id, id2, nil)
		reads[id2], reads["with "+id2] = read{"alice", "/api/messages/" + unstale.Escape(id2)}, with(id2)
		all = append(all, id2, "with "+id2)
	}
	for _, id := range hostileIDs {
		s.clears(map[string]any{"resource": "message", "id": id}, reads, id, "with "+id)
		s.clears(map[string]any{"patterns": []string{"maimnp:http:*messages/{message_id}*"}, "id": id}, reads, id)
		s.clears(map[string]any{"patterns": []string{"maimnp:http:*messages*user_id={user_id}*"}, "id": id}, reads, "with "+id)
	}
	s.clears(map[string]any{"resource": "message", "id": s.ids["bob"]}, reads, "with bob")
	s.clears(map[string]any{"resource": "message"}, reads, all...)
}

// TestInvalidateCommentCache: the comment's resource is what is said on the
// target with the id. No GET shows one comment by its own id.
func TestInvalidateCommentCache(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	c := s.newPublic("alice", "Mai")
	on := func(id string) read {
		return read{"bob", "/api/comments?target_id=" + unstale.Escape(id) + "&target_type=persona"}
	}
	reads := map[string]read{"card": {"", persona(c.ID)}, "mail": {"alice", "/api/messages"}, c.ID: on(c.ID)}
	all := []string{c.ID}
	for _, id := range hostileIDs {
		s.copied("persona_cards", c.ID, id, map[string]string{"name": "copy " + id})
		reads[id] = on(id)
		all = append(all, id)
	}
	for _, id := range all {
		s.clears(map[string]any{"resource": "comment", "id": id}, reads, id)
		s.clears(map[string]any{"patterns": []string{"maimnp:http:*comments*target_id={target_id}*"}, "id": id}, reads, id)
		s.clears(map[string]any{"patterns": []string{"maimnp:http:*comments/{comment_id}*"}, "id": id}, reads)
	}
	s.clears(map[string]any{"resource": "comment"}, reads, all...)
}

// TestMessageService: create, delete, update and the broadcasts.
func TestMessageService(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	mail := read{"alice", "/api/messages"}
	var id string
	s.shows("create_message", func() { id = s.mail("bob", "alice", "hello") }, mail, read{"alice", "/api/messages/by-type/direct"})
	one := read{"alice", "/api/messages/" + id}
	s.shows("mark_message_read", func() { s.as("alice").post("/api/messages/"+id+"/read", nil).want(http.StatusOK) }, mail, one)
	s.shows("delete_message", func() { s.as("alice").del("/api/messages/" + id).want(http.StatusOK) }, mail, one)
	announced := []read{mail, {"bob", "/api/messages/by-type/announcement"}, {"moderator", "/api/admin/broadcast-messages"}}
	var copies []string
	s.shows("create_broadcast", func() { copies = s.announce("moderator", "news") }, announced...)
	s.shows("update_broadcast", func() {
		s.as("moderator").put("/api/messages/"+copies[0], map[string]string{"title": "later news"}).want(http.StatusOK)
	}, announced...)
	s.shows("delete_broadcast", func() { s.as("moderator").del("/api/messages/" + copies[0]).want(http.StatusOK) }, announced...)
}

// TestCommentService: create and delete.
func TestCommentService(t *testing.T) {
	t.Parallel()
	s := newSite(t, true)
	c := s.newPublic("alice", "Mai")
	list := read{"alice", "/api/comments?target_type=persona&target_id=" + c.ID}
	var id string
	s.shows("create_comment", func() { id = s.comment("bob", c.ID, "", "well done").ID }, list, read{"alice", "/api/messages"})
	s.shows("react", func() { s.react("alice", id, "like") }, list, read{"bob", "/api/messages"})
	s.shows("delete_comment", func() { s.as("bob").del("/api/comments/" + id).want(http.StatusOK) }, list)
	s.shows("restore_comment", func() { s.as("bob").post("/api/comments/"+id+"/restore", nil).want(http.StatusOK) }, list)
}
