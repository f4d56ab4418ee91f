package blackbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A said is a comment as a list or its creation shows it.
type said struct {
	ID, UserID, Username, Content, CreatedAt string
	ParentID                                 *string
	LikeCount, DislikeCount                  int
	MyReaction                               *string
}

// A letter is a message as its recipient sees it.
type letter struct {
	ID, Title, Content string
	RecipientID        string  `json:"recipient_id"`
	SenderID           string  `json:"sender_id"`
	Summary            *string `json:"summary"`
	MessageType        string  `json:"message_type"`
	IsRead             bool    `json:"is_read"`
}

func commentsOn(kind, id string) string {
	return "/api/comments?target_type=" + kind + "&target_id=" + id
}

func aComment(id string) string { return "/api/comments/" + id }
func aMessage(id string) string { return "/api/messages/" + id }

// tryComment sends a comment on a card; parent may be "".
func (s *site) tryComment(as, card, parent, content string) answer {
	s.Helper()
	input := map[string]any{"target_type": "persona", "target_id": card, "content": content, "parent_id": nil}
	if parent != "" {
		input["parent_id"] = parent
	}
	return s.as(as).post("/api/comments", input)
}

// comment adds a comment and returns it.
func (s *site) comment(as, card, parent, content string) said {
	s.Helper()
	var c said
	s.tryComment(as, card, parent, content).want(http.StatusOK).data(&c)
	return c
}

// said returns the comments on a card as somebody sees them.
func (s *site) said(as, card string) []said {
	s.Helper()
	var list []said
	s.as(as).get(commentsOn("persona", card)).want(http.StatusOK).data(&list)
	return list
}

// contents returns what is said on a card, in its order.
func (s *site) contents(card string) string {
	s.Helper()
	var list []string
	for _, c := range s.said("alice", card) {
		list = append(list, c.Content)
	}
	return strings.Join(list, " ")
}

// react gives a reaction and returns what the comment's come to.
func (s *site) react(as, comment, action string) said {
	s.Helper()
	var c said
	s.as(as).post(aComment(comment)+"/react", map[string]string{"action": action}).want(http.StatusOK).data(&c)
	return c
}

// send sends a message, of which more says what is different from a direct one.
func (s *site) trySend(as string, more map[string]any) answer {
	s.Helper()
	input := map[string]any{"title": "hello", "content": "how are you?", "message_type": "direct"}
	for k, v := range more {
		input[k] = v
	}
	return s.as(as).post("/api/messages/send", input)
}

// mail sends a direct message and returns the id of the copy.
func (s *site) mail(as, to, title string) string {
	s.Helper()
	ids := s.sent(s.trySend(as, map[string]any{"title": title, "recipient_id": s.ids[to]}))
	if len(ids) != 1 {
		s.Fatalf("%d messages to %s", len(ids), to)
	}
	return ids[0]
}

// announce sends an announcement to everybody and returns the ids of the copies.
func (s *site) announce(as, title string) []string {
	s.Helper()
	return s.sent(s.trySend(as, map[string]any{"title": title, "message_type": "announcement", "broadcast_scope": "all_users"}))
}

// sent returns the ids of what was sent.
func (s *site) sent(a answer) []string {
	s.Helper()
	var got struct {
		MessageIDs []string `json:"message_ids"`
		Status     string
		Count      int
	}
	a.want(http.StatusOK).data(&got)
	s.equal("count", got.Count, len(got.MessageIDs))
	s.equal("status", got.Status, "sent")
	return got.MessageIDs
}

// letters returns a page of somebody's messages.
func (s *site) letters(as, path string) (list []letter) {
	s.Helper()
	s.as(as).get(path).want(http.StatusOK).data(&list)
	return list
}

// titles returns the titles of somebody's messages, the newest first.
func (s *site) titles(as, path string) string {
	s.Helper()
	var list []string
	for _, m := range s.letters(as, path) {
		list = append(list, m.Title)
	}
	return strings.Join(list, " ")
}

// copyFor returns the id of somebody's copy of an announcement.
func (s *site) copyFor(name string) string {
	s.Helper()
	return s.text("SELECT id FROM messages WHERE message_type = 'announcement' AND recipient_id = ?", s.ids[name])
}

// A talk is a site where people talk: alice has a public and a private card, on
// the public one bob has said something, alice has answered, and the moderator
// likes it; there are messages of every type.
type talk struct {
	*site
	talkIDs
}

type talkIDs struct{ public, private, pending, first, answer, direct string }

// talking is the template of a talk, theTalk what is on it.
var (
	talking template
	theTalk talkIDs
)

func newTalk(t *testing.T) *talk {
	s := talking.site(t, true, func(s *site) {
		people(s)
		theTalk = talkIDs{public: s.newPublic("alice", "public").ID, private: s.newCard("alice", "private").ID, pending: s.newPending("alice", "pending").ID}
		theTalk.first = s.comment("bob", theTalk.public, "", "first").ID
		theTalk.answer = s.comment("alice", theTalk.public, theTalk.first, "answer").ID
		s.comment("alice", theTalk.private, "", "note")
		s.react("moderator", theTalk.first, "like")
		theTalk.direct = s.mail("bob", "alice", "mail")
		s.mail("alice", "bob", "reply")
		s.announce("moderator", "announcement")
	})
	return &talk{s, theTalk}
}

// reads returns the GETs of the talk by a name.
func (w *talk) reads() map[string]read {
	return map[string]read{
		"comments, alice":             {"alice", commentsOn("persona", w.public)},
		"comments, bob":               {"bob", commentsOn("persona", w.public)},
		"comments, moderator":         {"moderator", commentsOn("persona", w.public)},
		"comments, private":           {"alice", commentsOn("persona", w.private)},
		"comments, private, bob":      {"bob", commentsOn("persona", w.private)},
		"messages, alice":             {"alice", "/api/messages"},
		"messages, bob":               {"bob", "/api/messages"},
		"messages, moderator":         {"moderator", "/api/messages"},
		"messages, alice, page 2":     {"alice", "/api/messages?page=2&page_size=1"},
		"messages, alice and bob":     {"alice", "/api/messages?other_user_id=" + w.ids["bob"]},
		"messages, bob and alice":     {"bob", "/api/messages?other_user_id=" + w.ids["alice"]},
		"direct, alice":               {"alice", "/api/messages/by-type/direct"},
		"announcements, alice":        {"alice", "/api/messages/by-type/announcement"},
		"announcements, bob":          {"bob", "/api/messages/by-type/announcement"},
		"about comments, alice":       {"alice", "/api/messages/by-type/comment"},
		"about comments, bob":         {"bob", "/api/messages/by-type/comment"},
		"about reactions, bob":        {"bob", "/api/messages/by-type/reaction"},
		"mail":                        {"alice", aMessage(w.direct)},
		"mail, its sender":            {"bob", aMessage(w.direct)},
		"announcement, alice's copy":  {"alice", aMessage(w.copyFor("alice"))},
		"announcement, bob's copy":    {"bob", aMessage(w.copyFor("bob"))},
		"broadcasts":                  {"moderator", "/api/admin/broadcast-messages"},
		"broadcasts, as admin, small": {"admin", "/api/admin/broadcast-messages?page_size=1"},
	}
}

// A talkWrite changes the talk. shows are the reads whose answers it changes.
type talkWrite struct {
	name  string
	do    func(w *talk)
	shows []string
}

var (
	onPublic = []string{"comments, alice", "comments, bob", "comments, moderator"}
	toAlice  = []string{"messages, alice", "messages, alice, page 2"}
	toBob    = []string{"messages, bob"}
	between  = []string{"messages, alice and bob", "messages, bob and alice"}
	cast     = []string{"broadcasts", "broadcasts, as admin, small"}
	copies   = []string{"announcements, alice", "announcements, bob", "announcement, alice's copy", "announcement, bob's copy"}
)

var talkWrites = []talkWrite{
	{"comment", func(w *talk) { w.comment("bob", w.public, "", "second") },
		slices.Concat(onPublic, toAlice, between, []string{"about comments, alice"})},
	{"answer", func(w *talk) { w.comment("alice", w.public, w.first, "second") },
		slices.Concat(onPublic, toBob, between, []string{"about comments, bob"})},
	{"comment on one's own private card", func(w *talk) { w.comment("alice", w.private, "", "second") }, []string{"comments, private"}},
	{"like", func(w *talk) { w.react("alice", w.first, "like") }, slices.Concat(onPublic, toBob, between, []string{"about reactions, bob"})},
	{"like oneself", func(w *talk) { w.react("bob", w.first, "like") }, onPublic},
	{"change a reaction", func(w *talk) { w.react("moderator", w.first, "dislike") },
		onPublic}, // of what the moderator thinks bob has been told
	{"take a reaction back", func(w *talk) { w.react("moderator", w.first, "clear") }, onPublic},
	{"delete a comment", func(w *talk) { w.as("bob").del(aComment(w.first)).want(http.StatusOK) }, onPublic},
	{"restore a comment", func(w *talk) {
		w.as("bob").del(aComment(w.answer)).want(http.StatusForbidden)
		w.as("alice").del(aComment(w.answer)).want(http.StatusOK)
		for _, content := range []string{"first", "first answer"} {
			w.equal("comments", w.contents(w.public), content)
			if content == "first" {
				w.as("alice").post(aComment(w.answer)+"/restore", nil).want(http.StatusOK)
			}
		}
	}, nil},
	{"send a message", func(w *talk) { w.mail("alice", "bob", "second") }, slices.Concat(toBob, between)},
	{"read a message", func(w *talk) { w.as("alice").post(aMessage(w.direct)+"/read", nil).want(http.StatusOK) },
		slices.Concat(toAlice, between, []string{"direct, alice", "mail", "mail, its sender"})},
	{"delete a message", func(w *talk) { w.as("alice").del(aMessage(w.direct)).want(http.StatusOK) },
		slices.Concat(toAlice, between, []string{"direct, alice", "mail", "mail, its sender"})},
	{"announce", func(w *talk) { w.announce("admin", "second") },
		slices.Concat(toAlice, toBob, cast, []string{"messages, moderator", "announcements, alice", "announcements, bob"})},
	{"read an announcement", func(w *talk) { w.as("bob").post(aMessage(w.copyFor("bob"))+"/read", nil).want(http.StatusOK) },
		slices.Concat(toBob, cast, []string{"announcements, bob", "announcement, bob's copy"})},
	{"change an announcement", func(w *talk) {
		w.as("moderator").put(aMessage(w.copyFor("root")), map[string]string{"title": "changed"}).want(http.StatusOK)
	}, slices.Concat([]string{"messages, alice"}, toBob, cast, copies)},
	{"delete an announcement", func(w *talk) { w.as("moderator").del(aMessage(w.copyFor("root"))).want(http.StatusOK) },
		slices.Concat(toAlice, toBob, cast, copies)},
	{"delete one's copy", func(w *talk) { w.as("bob").del(aMessage(w.copyFor("bob"))).want(http.StatusOK) },
		slices.Concat(toBob, cast, []string{"announcements, bob", "announcement, bob's copy"})},
	{"approve a card", func(w *talk) {
		w.as("moderator").post("/api/review/persona/"+w.pending+"/approve", nil).want(http.StatusOK)
	}, slices.Concat(toAlice, []string{"direct, alice"})},
	{"publish a card", func(w *talk) {
		w.as("moderator").put(persona(w.private), map[string]any{"is_public": true}).want(http.StatusOK)
	}, []string{"comments, private, bob"}},
	{"delete a card", func(w *talk) { w.as("alice").del(persona(w.public)).want(http.StatusOK) }, onPublic},
	{"rename a user", func(w *talk) { w.exec("UPDATE users SET username = 'bobby' WHERE username = 'bob'") }, onPublic},
	{"a new avatar", func(w *talk) { w.exec("UPDATE users SET avatar_updated_at = 1 WHERE username = 'bob'") }, onPublic},
	{"rename a moderator", func(w *talk) { w.exec("UPDATE users SET username = 'mod' WHERE username = 'moderator'") }, cast},
	{"delete a user and, by cascade, what is his", func(w *talk) { w.exec("DELETE FROM users WHERE username = 'bob'") },
		slices.Concat([]string{"comments, alice", "comments, moderator", "comments, bob", "comments, private, bob", "messages, alice", "messages, alice, page 2",
			"direct, alice", "about comments, alice", "mail", "mail, its sender", "announcements, bob", "announcement, bob's copy", "about comments, bob", "about reactions, bob"}, between, toBob, cast)},
	{"delete comments in bulk", func(w *talk) { w.exec("DELETE FROM comments") }, slices.Concat(onPublic, []string{"comments, private"})},
	{"delete messages in bulk", func(w *talk) { w.exec("DELETE FROM messages WHERE message_type = 'announcement'") },
		slices.Concat(toAlice, toBob, cast, copies)},
	{"a star, which nobody talks of", func(w *talk) { w.as("bob").post(persona(w.public)+"/star", nil).want(http.StatusOK) }, nil},
}

// TestEveryWordShowsInTheNextRead is TestEveryWriteShowsInTheNextRead for
// comments and messages.
func TestEveryWordShowsInTheNextRead(t *testing.T) {
	t.Parallel()
	for _, write := range talkWrites {
		t.Run(write.name, func(t *testing.T) {
			t.Parallel()
			w := newTalk(t)
			truth := w.twin()
			reads := w.reads()
			before := make(map[string]answer)
			for name, r := range reads {
				r.ask(w.site)
				a := r.ask(w.site)
				if a.status == http.StatusOK && !a.hit() {
					t.Errorf("%s: the second GET is no hit: %q", name, a.header.Get("Cache-Status"))
				}
				before[name] = a
			}
			write.do(w)
			for name, r := range reads {
				got, want := r.ask(w.site), r.ask(truth)
				if !same(got, want) {
					t.Errorf("%s is stale (%s)\n got %d %s\nwant %d %s", name, got.header.Get("Cache-Status"), got.status, got.body, want.status, want.body)
				}
				if shows := slices.Contains(write.shows, name); shows == same(before[name], want) {
					t.Errorf("%s: does it show the write? want %v: %s", name, shows, want.body)
				}
			}
			for _, name := range write.shows {
				if _, ok := reads[name]; !ok {
					t.Errorf("there is no read %q", name)
				}
			}
		})
	}
}

// TestOwnWordsReachNobodyElse is TestOwnAnswersReachNobodyElse for comments and
// messages.
func TestOwnWordsReachNobodyElse(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cold", "warm"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			w := newTalk(t)
			w.react("alice", w.first, "like") // so that alice and the others see something else
			revoked := w.revoked("carol")
			for _, c := range []struct {
				read
				stranger int // what admin gets, or bob of what is not for users; 200 for an answer of his own
				who      string
			}{
				{read{"alice", commentsOn("persona", w.public)}, http.StatusOK, "bob"},
				{read{"alice", commentsOn("persona", w.private)}, http.StatusForbidden, "bob"},
				{read{"alice", "/api/messages"}, http.StatusOK, "bob"},
				{read{"alice", "/api/messages?other_user_id=" + w.ids["bob"]}, http.StatusOK, "admin"},
				{read{"alice", "/api/messages/by-type/direct"}, http.StatusOK, "admin"},
				{read{"alice", "/api/messages/by-type/announcement"}, http.StatusOK, "bob"},
				{read{"bob", "/api/messages/by-type/reaction"}, http.StatusOK, "admin"},
				{read{"alice", aMessage(w.direct)}, http.StatusForbidden, "admin"},
				{read{"bob", aMessage(w.direct)}, http.StatusForbidden, "moderator"},
				{read{"alice", aMessage(w.copyFor("alice"))}, http.StatusForbidden, "bob"},
				{read{"moderator", "/api/admin/broadcast-messages"}, http.StatusForbidden, "bob"},
			} {
				if mode == "warm" {
					for range 2 {
						c.ask(w.site).want(http.StatusOK)
					}
				}
				for range 2 { // the refusal must not open the door either
					w.nobody().once(c.path).want(http.StatusUnauthorized)
					for _, token := range []string{"garbage", w.tokens[c.as] + "x", revoked} {
						visitor{w.site, token}.once(c.path).want(http.StatusUnauthorized)
					}
					a := w.as(c.who).once(c.path).want(c.stranger)
					if c.stranger == http.StatusOK && same(a, c.ask(w.site)) {
						t.Errorf("GET %s: %s got what is %s's: %s", c.path, c.who, c.as, a.body)
					}
				}
				c.ask(w.site).want(http.StatusOK)
			}
		})
	}
}
