package blackbox_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestMessages(t *testing.T) {
	const invalid = http.StatusUnprocessableEntity
	const all = "/api/messages"
	behave(t, []behaviour{
		{"reach their recipient", func(s *site) {
			s.equal("before", s.titles("bob", all), "")
			id := s.mail("alice", "bob", "first")
			s.mail("alice", "bob", "second")
			s.equal("bob's", s.titles("bob", all), "second first")
			s.equal("alice's", s.titles("alice", all), "")
			var m letter
			s.as("bob").get(aMessage(id)).want(http.StatusOK).data(&m)
			if m.ID != id || m.SenderID != s.ids["alice"] || m.RecipientID != s.ids["bob"] || m.IsRead || m.MessageType != "direct" || m.Content != "how are you?" {
				s.Errorf("%+v", m)
			}
		}},
		{"an unknown recipient is 404, and nobody gets anything", func(s *site) {
			s.trySend("alice", map[string]any{"recipient_id": unknownID}).want(http.StatusNotFound).code("RECIPIENT_NOT_FOUND")
			s.trySend("alice", map[string]any{"recipient_ids": []string{s.ids["bob"], unknownID}}).want(http.StatusNotFound)
			s.equal("bob's", s.titles("bob", all), "")
		}},
		{"20 recipients give count 20", func(s *site) {
			var ids []string
			for i := range 20 {
				id := fmt.Sprintf("user-%02d", i)
				s.exec("INSERT INTO users (id, username, email, hashed_password, created_at) VALUES (?, ?, ?, 'x', 0)", id, id, id+"@example.com")
				ids = append(ids, id)
			}
			got := s.sent(s.trySend("alice", map[string]any{"recipient_ids": append(ids, ids[0]), "recipient_id": ids[1]}))
			s.equal("count", len(got), 20)
			for _, id := range ids {
				s.equal("messages to "+id, s.count("messages", "recipient_id", id), 1)
			}
		}},
		{"have limits", func(s *site) {
			bob := map[string]any{"recipient_id": s.ids["bob"]}
			many := make([]string, 101)
			for i := range many {
				many[i] = fmt.Sprint(i)
			}
			for _, wrong := range []map[string]any{
				{"title": " "}, {"title": strings.Repeat("好", 201)}, {"content": ""}, {"content": strings.Repeat("好", 10001)},
				{"summary": strings.Repeat("好", 501)}, {"message_type": "comment"}, {"message_type": "weather"},
				{"recipient_id": ""}, {"recipient_id": nil, "recipient_ids": []string{}}, {"recipient_id": nil, "recipient_ids": many},
				{"broadcast_scope": "all_users"},
			} {
				input := map[string]any{"recipient_id": bob["recipient_id"]}
				for k, v := range wrong {
					input[k] = v
				}
				as := "alice"
				if wrong["broadcast_scope"] != nil {
					as = "moderator" // direct, and to bob
				}
				s.trySend(as, input).want(invalid)
			}
			s.equal("bob's", s.titles("bob", all), "")
			s.sent(s.trySend("alice", map[string]any{"recipient_id": s.ids["bob"], "title": strings.Repeat("好", 200), "content": strings.Repeat("好", 10000), "summary": nil, "broadcast_scope": nil}))
		}},
		{"are their owner's alone", func(s *site) {
			id := s.mail("alice", "bob", "secret")
			for _, name := range []string{"moderator", "admin", "root"} {
				s.as(name).get(aMessage(id)).want(http.StatusForbidden)
				s.as(name).post(aMessage(id)+"/read", nil).want(http.StatusForbidden)
				s.as(name).put(aMessage(id), map[string]string{"title": "t"}).want(http.StatusForbidden)
				s.as(name).del(aMessage(id)).want(http.StatusForbidden)
				s.equal("of "+name, s.titles(name, all), "")
			}
			s.as("alice").get(aMessage(id)).want(http.StatusOK) // she wrote it, but it is his
			s.as("alice").post(aMessage(id)+"/read", nil).want(http.StatusForbidden)
			s.as("alice").put(aMessage(id), map[string]string{"title": "t"}).want(http.StatusForbidden)
			s.as("alice").del(aMessage(id)).want(http.StatusForbidden)
			s.nobody().get(aMessage(id)).want(http.StatusUnauthorized)
			s.nobody().get(all).want(http.StatusUnauthorized)
			s.nobody().post("/api/messages/send", map[string]string{"title": "t"}).want(http.StatusUnauthorized)
			s.equal("bob's", s.titles("bob", all), "secret")
		}},
		{"unknown ones are 404", func(s *site) {
			s.as("bob").get(aMessage(unknownID)).want(http.StatusNotFound).code("MESSAGE_NOT_FOUND")
			s.as("bob").post(aMessage(unknownID)+"/read", nil).want(http.StatusNotFound)
			s.as("bob").put(aMessage(unknownID), map[string]string{"title": "t"}).want(http.StatusNotFound)
			s.as("bob").del(aMessage(unknownID)).want(http.StatusNotFound)
		}},
		{"are read and deleted by their recipient, and changed by nobody", func(s *site) {
			id := s.mail("alice", "bob", "first")
			see := func() (m letter) {
				s.as("bob").get(aMessage(id)).want(http.StatusOK).data(&m)
				return m
			}
			s.equal("read", see().IsRead, false)
			for range 2 {
				s.as("bob").post(aMessage(id)+"/read", nil).want(http.StatusOK)
				s.equal("read", see().IsRead, true)
			}
			for _, name := range []string{"alice", "bob", "root"} {
				s.as(name).put(aMessage(id), map[string]any{"title": "forged"}).want(http.StatusForbidden)
			}
			if m := see(); m.Title != "first" || m.Content != "how are you?" {
				s.Errorf("%+v", m)
			}
			var got struct {
				DeletedCount int `json:"deleted_count"`
			}
			s.as("bob").del(aMessage(id)).want(http.StatusOK).data(&got)
			s.equal("deleted", got.DeletedCount, 1)
			s.as("bob").get(aMessage(id)).want(http.StatusNotFound)
			s.equal("bob's", s.titles("bob", all), "")
		}},
		{"are listed by page, by type, and by who wrote to whom", func(s *site) {
			for i := range 5 {
				s.mail("alice", "bob", fmt.Sprint(i))
			}
			s.mail("bob", "alice", "back")
			s.mail("admin", "bob", "other")
			s.announce("admin", "all")
			s.equal("page 2", s.titles("bob", all+"?page=2&page_size=3"), "3 2 1")
			s.equal("beyond", s.titles("bob", all+"?page=9"), "")
			s.equal("total", s.list(s.as("bob"), all, "page", "9").Pagination.Total, 7)
			s.equal("with alice", s.titles("bob", all+"?other_user_id="+s.ids["alice"]), "back 4 3 2 1 0")
			s.equal("with bob", s.titles("alice", all+"?other_user_id="+s.ids["bob"]), "back 4 3 2 1 0")
			s.equal("with nobody", s.titles("bob", all+"?other_user_id=%25"), "")
			s.equal("announcements", s.titles("bob", all+"/by-type/announcement"), "all")
			s.equal("direct", s.titles("bob", all+"/by-type/direct?page_size=2"), "other 4")
			s.equal("reactions", s.titles("bob", all+"/by-type/reaction"), "")
			s.equal("of an unknown type", s.titles("bob", all+"/by-type/weather"), "")
			for _, query := range []string{"page=0", "page=-1", "page_size=0", "page_size=101"} {
				s.as("bob").get(all + "?" + query).want(invalid)
			}
		}},
	})
}

func TestBroadcasts(t *testing.T) {
	const list = "/api/admin/broadcast-messages"
	type cast struct {
		ID, Title string
		Sender    struct{ ID, Username string }
		Stats     struct {
			Sent   int `json:"total_sent"`
			Read   int `json:"total_read"`
			Unread int `json:"total_unread"`
		}
	}
	casts := func(s *site, query string) (got []cast) {
		s.Helper()
		s.as("moderator").get(list + query).want(http.StatusOK).data(&got)
		return got
	}
	others := len(everybody) - 1
	behave(t, []behaviour{
		{"reach everybody but the sender", func(s *site) {
			s.equal("count", len(s.announce("moderator", "news")), others)
			for _, p := range everybody {
				want := "news"
				if p.name == "moderator" {
					want = ""
				}
				s.equal("of "+p.name, s.titles(p.name, "/api/messages"), want)
			}
		}},
		{"are for moderators and up", func(s *site) {
			input := map[string]any{"message_type": "announcement", "broadcast_scope": "all_users"}
			s.trySend("alice", input).want(http.StatusForbidden)
			for _, name := range []string{"moderator", "admin", "root"} {
				s.equal("count", len(s.announce(name, "news")), others)
				s.as(name).get(list).want(http.StatusOK)
			}
			s.equal("alice's", s.titles("alice", "/api/messages"), "news news news")
			s.as("alice").get(list).want(http.StatusForbidden)
			s.nobody().get(list).want(http.StatusUnauthorized)
		}},
		{"an announcement to some is for moderators, too", func(s *site) {
			s.trySend("alice", map[string]any{"message_type": "announcement", "recipient_ids": []string{s.ids["bob"]}}).want(http.StatusForbidden)
			ids := s.sent(s.trySend("moderator", map[string]any{"message_type": "announcement", "recipient_ids": []string{s.ids["bob"], s.ids["admin"]}}))
			s.equal("bob's", s.titles("bob", "/api/messages/by-type/announcement"), "hello")
			s.equal("broadcasts", len(casts(s, "")), 0)
			s.as("moderator").del(aMessage(ids[0])).want(http.StatusOK)
			s.equal("bob's", s.titles("bob", "/api/messages/by-type/announcement"), "")
		}},
		{"are changed and deleted by their sender, every copy", func(s *site) {
			ids := s.announce("moderator", "news")
			s.announce("moderator", "other")
			var got struct {
				UpdatedCount int `json:"updated_count"`
				DeletedCount int `json:"deleted_count"`
			}
			s.equal("bob's", s.titles("bob", "/api/messages"), "other news")
			s.as("moderator").put(aMessage(ids[0]), map[string]string{"title": "better"}).want(http.StatusOK).data(&got)
			s.equal("changed", got.UpdatedCount, others)
			s.equal("bob's", s.titles("bob", "/api/messages"), "other better")
			s.equal("alice's", s.titles("alice", "/api/messages"), "other better")
			s.as("admin").put(aMessage(s.copyOf("news", "bob", ids)), map[string]string{"title": "worse"}).want(http.StatusForbidden)
			s.as("moderator").del(aMessage(ids[1])).want(http.StatusOK).data(&got)
			s.equal("deleted", got.DeletedCount, others)
			s.equal("bob's", s.titles("bob", "/api/messages"), "other")
			s.equal("broadcasts", len(casts(s, "")), 1)
		}},
		{"a recipient acts on his copy", func(s *site) {
			ids := s.announce("moderator", "news")
			mine := s.copyOf("news", "bob", ids)
			s.as("bob").del(aMessage(mine)).want(http.StatusOK)
			s.equal("bob's", s.titles("bob", "/api/messages"), "")
			s.equal("alice's", s.titles("alice", "/api/messages"), "news")
			s.equal("copies", casts(s, "")[0].Stats.Sent, others-1)
		}},
		{"are listed with what became of them", func(s *site) {
			s.equal("before", len(casts(s, "")), 0)
			s.announce("moderator", "first")
			ids := s.announce("admin", "second")
			for i, name := range []string{"alice", "bob"} {
				s.as(name).post(aMessage(s.copyOf("second", name, ids))+"/read", nil).want(http.StatusOK)
				got := casts(s, "")
				if len(got) != 2 || got[0].Title != "second" || got[1].Title != "first" || got[0].Sender.Username != "admin" || got[0].Sender.ID != s.ids["admin"] ||
					!slices.Contains(ids, got[0].ID) {
					s.Fatalf("%+v", got)
				}
				if st := got[0].Stats; st.Sent != others || st.Read != i+1 || st.Unread != others-i-1 {
					s.Errorf("%+v", st)
				}
				s.equal("read of the other", got[1].Stats.Read, 0)
			}
			s.equal("page 2", casts(s, "?page=2&page_size=1")[0].Title, "first")
			s.as("moderator").get(list + "?page_size=101").want(http.StatusUnprocessableEntity)
		}},
	})
}

// copyOf returns the id of somebody's copy among those of an announcement.
func (s *site) copyOf(title, name string, ids []string) string {
	s.Helper()
	for _, m := range s.letters(name, "/api/messages") {
		if slices.Contains(ids, m.ID) {
			return m.ID
		}
	}
	s.Fatalf("%s has no copy of %q", name, title)
	return ""
}
