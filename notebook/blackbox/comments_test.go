package blackbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestComments(t *testing.T) {
	const invalid = http.StatusUnprocessableEntity
	mine := func(c said) string {
		if c.MyReaction == nil {
			return ""
		}
		return *c.MyReaction
	}
	behave(t, []behaviour{
		{"the oldest first", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.equal("before", s.contents(c.ID), "")
			for _, content := range []string{"one", "two", "three"} {
				got := s.comment("bob", c.ID, "", " "+content+" ")
				s.equal("content", got.Content, content)
				s.equal("author", got.Username+" "+got.UserID, "bob "+s.ids["bob"])
			}
			s.equal("comments", s.contents(c.ID), "one two three")
		}},
		{"an answer keeps its parentId", func(s *site) {
			c := s.newPublic("alice", "Mai")
			first := s.comment("bob", c.ID, "", "first")
			s.comment("alice", c.ID, first.ID, "answer")
			list := s.said("bob", c.ID)
			if len(list) != 2 || list[0].ParentID != nil || list[1].ParentID == nil || *list[1].ParentID != first.ID {
				s.Errorf("%+v", list)
			}
		}},
		{"an answer to nothing, or to a comment elsewhere, is 404", func(s *site) {
			c, other := s.newPublic("alice", "Mai"), s.newPublic("alice", "other")
			first := s.comment("bob", other.ID, "", "first")
			s.tryComment("bob", c.ID, first.ID, "answer").want(http.StatusNotFound)
			s.tryComment("bob", c.ID, unknownID, "answer").want(http.StatusNotFound).code("COMMENT_NOT_FOUND")
			s.equal("comments", s.contents(c.ID), "")
		}},
		{"1 to 500 characters", func(s *site) {
			c := s.newPublic("alice", "Mai")
			for _, content := range []string{"", "   ", strings.Repeat("好", 501)} {
				s.tryComment("bob", c.ID, "", content).want(invalid).code("COMMENT_CONTENT_INVALID")
			}
			longest := strings.Repeat("好", 500)
			s.comment("bob", c.ID, "", longest)
			s.equal("comments", s.contents(c.ID), longest)
		}},
		{"a bad type is 422, an unknown target 404", func(s *site) {
			for kind, status := range map[string]int{"weather": invalid, "": invalid, "persona": http.StatusNotFound, "knowledge": http.StatusNotFound} {
				s.as("bob").post("/api/comments", map[string]any{"target_type": kind, "target_id": unknownID, "content": "c"}).want(status)
				s.as("bob").get(commentsOn(kind, unknownID)).want(status)
			}
			s.as("bob").get("/api/comments").want(invalid)
		}},
		{"are for users", func(s *site) {
			c := s.newPublic("alice", "Mai")
			first := s.comment("bob", c.ID, "", "first")
			s.nobody().get(commentsOn("persona", c.ID)).want(http.StatusUnauthorized)
			s.nobody().post("/api/comments", map[string]any{"target_type": "persona", "target_id": c.ID, "content": "c"}).want(http.StatusUnauthorized)
			s.nobody().post(aComment(first.ID)+"/react", map[string]string{"action": "like"}).want(http.StatusUnauthorized)
			s.nobody().del(aComment(first.ID)).want(http.StatusUnauthorized)
			s.nobody().post(aComment(first.ID)+"/restore", nil).want(http.StatusUnauthorized)
		}},
		{"on a private card are for those who may read it", func(s *site) {
			c := s.newCard("alice", "Mai")
			first := s.comment("alice", c.ID, "", "first")
			s.comment("moderator", c.ID, first.ID, "answer")
			s.equal("comments", s.contents(c.ID), "first answer")
			s.as("bob").get(commentsOn("persona", c.ID)).want(http.StatusForbidden)
			s.tryComment("bob", c.ID, "", "c").want(http.StatusForbidden)
			s.as("bob").post(aComment(first.ID)+"/react", map[string]string{"action": "like"}).want(http.StatusForbidden)
			s.as("bob").del(aComment(first.ID)).want(http.StatusForbidden)
		}},
		{"a muted user is 403, until his time has come", func(s *site) {
			c := s.newPublic("alice", "Mai")
			const mute = "UPDATE users SET is_muted = TRUE, muted_until = ? WHERE username = 'bob'"
			s.exec(mute, nil)
			s.tryComment("bob", c.ID, "", "c").want(http.StatusForbidden).code("USER_MUTED")
			s.exec(mute, time.Now().Add(time.Hour).UnixMicro())
			s.tryComment("bob", c.ID, "", "c").want(http.StatusForbidden)
			s.equal("comments", s.contents(c.ID), "")
			s.exec(mute, time.Now().Add(-time.Second).UnixMicro())
			s.comment("bob", c.ID, "", "at last")
			s.equal("comments", s.contents(c.ID), "at last")
		}},
		{"reactions toggle", func(s *site) {
			c := s.newPublic("alice", "Mai")
			id := s.comment("bob", c.ID, "", "first").ID
			for i, step := range []struct {
				action          string
				likes, dislikes int
				mine            string
			}{
				{"like", 1, 0, "like"}, {"like", 0, 0, ""}, {"like", 1, 0, "like"}, {"dislike", 0, 1, "dislike"},
				{"clear", 0, 0, ""}, {"clear", 0, 0, ""}, {"dislike", 0, 1, "dislike"},
			} {
				got := s.react("alice", id, step.action)
				s.equal("id", got.ID, id)
				for _, seen := range []said{got, s.said("alice", c.ID)[0]} {
					if seen.LikeCount != step.likes || seen.DislikeCount != step.dislikes || mine(seen) != step.mine {
						s.Errorf("step %d: %+v", i, seen)
					}
				}
				other := s.said("bob", c.ID)[0]
				if other.LikeCount != step.likes || mine(other) != "" {
					s.Errorf("step %d, for bob: %+v", i, other)
				}
			}
			s.as("alice").post(aComment(id)+"/react", map[string]string{"action": "love"}).want(invalid)
			s.as("alice").post(aComment(unknownID)+"/react", map[string]string{"action": "like"}).want(http.StatusNotFound)
		}},
		{"deleting one takes what answers it, restoring brings that back", func(s *site) {
			c := s.newPublic("alice", "Mai")
			first := s.comment("bob", c.ID, "", "first")
			answer := s.comment("alice", c.ID, first.ID, "answer")
			s.comment("bob", c.ID, answer.ID, "again")
			s.comment("bob", c.ID, "", "other")
			s.equal("comments", s.contents(c.ID), "first answer again other")
			s.as("bob").del(aComment(first.ID)).want(http.StatusOK)
			s.equal("comments", s.contents(c.ID), "other")
			s.as("bob").del(aComment(first.ID)).want(http.StatusNotFound)
			s.as("alice").post(aComment(answer.ID)+"/restore", nil).want(http.StatusConflict)
			s.as("bob").post(aComment(first.ID)+"/restore", nil).want(http.StatusOK)
			s.equal("comments", s.contents(c.ID), "first answer again other")
			s.as("bob").post(aComment(first.ID)+"/restore", nil).want(http.StatusConflict)
			s.equal("rows", s.count("comments", "target_id", c.ID), 4)
		}},
		{"are deleted and restored by their author, the owner, moderators and admins", func(s *site) {
			c := s.newPublic("alice", "Mai")
			id := s.comment("bob", c.ID, "", "first").ID
			s.revoked("carol")
			s.exec("UPDATE users SET hashed_password = (SELECT hashed_password FROM users WHERE username = 'bob') WHERE username = 'carol'")
			s.logIn("carol")
			s.as("carol").del(aComment(id)).want(http.StatusForbidden)
			for _, name := range []string{"bob", "alice", "moderator", "admin", "root"} {
				s.as(name).del(aComment(id)).want(http.StatusOK)
				s.equal("comments", s.contents(c.ID), "")
				s.as("carol").post(aComment(id)+"/restore", nil).want(http.StatusForbidden)
				s.as(name).post(aComment(id)+"/restore", nil).want(http.StatusOK)
				s.equal("comments", s.contents(c.ID), "first")
			}
			// What somebody else deleted is not theirs to restore, but for the staff.
			for _, name := range []string{"alice", "moderator"} {
				s.as(name).del(aComment(id)).want(http.StatusOK)
				s.as("bob").post(aComment(id)+"/restore", nil).want(http.StatusForbidden)
				s.equal("comments", s.contents(c.ID), "")
				s.as("moderator").post(aComment(id)+"/restore", nil).want(http.StatusOK)
			}
			s.as("root").del(aComment(unknownID)).want(http.StatusNotFound)
			s.as("root").post(aComment(unknownID)+"/restore", nil).want(http.StatusNotFound)
		}},
		{"tell the owner and the author of what they answer, once, and nobody of himself", func(s *site) {
			about := func(name string) string { return s.titles(name, "/api/messages/by-type/comment") }
			c := s.newPublic("alice", "Mai")
			first := s.comment("bob", c.ID, "", "first")
			s.equal("alice's", about("alice"), "您的人设卡《Mai》有新评论")
			s.equal("bob's", about("bob"), "")
			s.comment("admin", c.ID, first.ID, "answer")
			s.equal("alice's", about("alice"), "您的人设卡《Mai》有新评论 您的人设卡《Mai》有新评论")
			s.equal("bob's", about("bob"), "您的评论有新回复")
			mine := s.comment("alice", c.ID, "", "mine")
			s.comment("bob", c.ID, mine.ID, "answer")
			s.equal("alice's newest", s.letters("alice", "/api/messages")[0].Title, "您的评论有新回复")
			s.equal("alice's", len(s.letters("alice", "/api/messages/by-type/comment")), 3)
			s.equal("bob's", len(s.letters("bob", "/api/messages/by-type/comment")), 1)
		}},
		{"reactions tell the author, who is not told of himself", func(s *site) {
			c := s.newPublic("alice", "Mai")
			id := s.comment("bob", c.ID, "", "first").ID
			s.react("bob", id, "like")
			s.equal("bob's", s.titles("bob", "/api/messages"), "")
			s.react("alice", id, "like")
			s.equal("bob's", s.titles("bob", "/api/messages/by-type/reaction"), "您的评论收到了一个赞")
			s.react("alice", id, "like") // taken back
			s.equal("bob's", len(s.letters("bob", "/api/messages")), 1)
		}},
		{"go with the card", func(s *site) {
			c := s.newPublic("alice", "Mai")
			s.comment("alice", c.ID, s.comment("bob", c.ID, "", "first").ID, "answer")
			s.equal("comments", s.contents(c.ID), "first answer")
			s.as("alice").del(persona(c.ID)).want(http.StatusOK)
			s.as("alice").get(commentsOn("persona", c.ID)).want(http.StatusNotFound)
			s.equal("rows", s.count("comments", "target_id", c.ID), 0)
		}},
		{"on a knowledge base", func(s *site) {
			s.exec(`INSERT INTO knowledge_bases (id, name, description, uploader_id, base_path, is_public, version, created_at, updated_at)
				VALUES ('kb', 'Mai', 'd', ?, 'p', TRUE, '1.0', 0, 0)`, s.ids["alice"])
			path := commentsOn("knowledge", "kb")
			s.as("bob").get(path).want(http.StatusOK)
			s.as("bob").post("/api/comments", map[string]any{"target_type": "knowledge", "target_id": "kb", "content": "c"}).want(http.StatusOK)
			var list []said
			s.as("bob").get(path).want(http.StatusOK).data(&list)
			s.equal("comments", len(list), 1)
			s.equal("alice's", s.titles("alice", "/api/messages"), "您的知识库《Mai》有新评论")
			s.exec("UPDATE knowledge_bases SET is_public = FALSE")
			s.as("bob").get(path).want(http.StatusForbidden)
			s.as("alice").get(path).want(http.StatusOK)
			s.exec("DELETE FROM knowledge_bases")
			s.as("alice").get(path).want(http.StatusNotFound)
			s.equal("rows", s.count("comments", "target_id", "kb"), 0)
		}},
	})
}
