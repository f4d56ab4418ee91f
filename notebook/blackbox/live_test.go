package blackbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
)

// A listener is a WebSocket connection.
type listener struct {
	*site
	conn *websocket.Conn
	ctx  context.Context
}

// An update is what a listener is told.
type update struct {
	Type        string
	Unread      *int
	LastMessage *letter `json:"last_message"`
}

// listen connects with a token.
func (s *site) listen(token string) *listener {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute) // a listener who waits for what never comes fails its test
	s.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, s.url+"/api/ws/"+token, &websocket.DialOptions{HTTPClient: s.http})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = conn.CloseNow() })
	return &listener{s, conn, ctx}
}

// next returns the next update.
func (l *listener) next() (u update) {
	l.Helper()
	_, data, err := l.conn.Read(l.ctx)
	if err != nil {
		l.Fatal(err)
	}
	if err := json.Unmarshal(data, &u); err != nil || u.Type != "message_update" || u.Unread == nil {
		l.Fatalf("%s: %v", data, err)
	}
	return u
}

// want reads until the update has come that says this; title is "" for no
// message. Updates in between are as old as the moment in which they were made.
func (l *listener) want(what string, unread int, title string) {
	l.Helper()
	for {
		u := l.next()
		got := ""
		if u.LastMessage != nil {
			got = u.LastMessage.Title
		}
		if *u.Unread == unread && got == title {
			return
		}
		l.Logf("%s: %d %q before %d %q", what, *u.Unread, got, unread, title)
	}
}

// wantEnd reads until the connection ends, which it must with this status.
func (l *listener) wantEnd(what string, want websocket.StatusCode) {
	l.Helper()
	for {
		if _, _, err := l.conn.Read(l.ctx); err != nil {
			if got := websocket.CloseStatus(err); got != want {
				l.Errorf("%s: the connection ended with %v (%v), want %v", what, got, err, want)
			}
			return
		}
	}
}

// TestListenersAreToldOfEveryChange changes bob's messages in every way in which
// somebody can.
func TestListenersAreToldOfEveryChange(t *testing.T) {
	behave(t, []behaviour{
		{"on connect and after every change", func(s *site) {
			c := s.newPublic("bob", "Mai")
			waiting := s.newPending("bob", "waiting")
			s.exec("DELETE FROM messages")
			bob, again := s.listen(s.tokens["bob"]), s.listen(s.tokens["bob"])
			both := func(what string, unread int, title string) {
				s.Helper()
				bob.want(what, unread, title)
				again.want(what, unread, title)
			}
			both("connect", 0, "")
			id := s.mail("alice", "bob", "first")
			both("a message", 1, "first")
			s.as("bob").post(aMessage(id)+"/read", nil).want(http.StatusOK)
			both("read", 0, "first")
			s.as("bob").del(aMessage(id)).want(http.StatusOK)
			both("deleted", 0, "")
			ids := s.announce("moderator", "all")
			both("an announcement", 1, "all")
			s.as("moderator").put(aMessage(ids[0]), map[string]string{"title": "better"}).want(http.StatusOK)
			both("an announcement changed", 1, "better")
			s.as("moderator").del(aMessage(ids[0])).want(http.StatusOK)
			both("an announcement deleted", 0, "")
			s.as("moderator").post("/api/review/persona/"+waiting.ID+"/approve", nil).want(http.StatusOK)
			both("a review", 1, "人设卡审核通过")
			mine := s.comment("bob", c.ID, "", "mine")
			s.comment("alice", c.ID, "", "first")
			both("a comment", 2, "您的人设卡《Mai》有新评论")
			s.react("alice", mine.ID, "like")
			both("a reaction", 3, "您的评论收到了一个赞")
			s.listen(s.tokens["bob"]).want("connect later", 3, "您的评论收到了一个赞")
		}},
		{"of what a cascade takes away", func(s *site) {
			s.mail("alice", "bob", "first")
			bob := s.listen(s.tokens["bob"])
			bob.want("connect", 1, "first")
			s.exec("DELETE FROM users WHERE username = 'alice'")
			s.mail("moderator", "admin", "wakes everybody")
			bob.want("a cascade", 0, "")
		}},
		{"but not of what is somebody else's", func(s *site) {
			c := s.newPublic("admin", "Mai")
			bob, alice := s.listen(s.tokens["bob"]), s.listen(s.tokens["alice"])
			bob.want("connect", 0, "")
			alice.want("connect", 0, "")
			for _, title := range []string{"one", "two", "three"} {
				s.mail("moderator", "alice", title)
				s.as("bob").post(persona(c.ID)+"/star", nil).want(http.StatusOK)
			}
			s.mail("alice", "bob", "first")
			if u := bob.next(); *u.Unread != 1 || u.LastMessage == nil || u.LastMessage.Title != "first" {
				s.Errorf("bob was told %+v", u)
			}
			alice.want("hers", 3, "three")
		}},
		{"as GET messages sees it", func(s *site) {
			bob := s.listen(s.tokens["bob"])
			bob.want("connect", 0, "")
			for _, title := range []string{"one", "two", "three"} {
				s.equal("before", s.letters("bob", "/api/messages?page_size=1") != nil, true)
				s.mail("alice", "bob", title)
				u := bob.next()
				newest := s.letters("bob", "/api/messages?page_size=1")[0]
				if u.LastMessage == nil || u.LastMessage.ID != newest.ID || newest.Title != title {
					s.Errorf("told of %+v, the list has %+v", u.LastMessage, newest)
				}
			}
		}},
	})
}

// TestListenersAreShownOut takes away the right to listen while somebody does.
func TestListenersAreShownOut(t *testing.T) {
	behave(t, []behaviour{
		{"who has no good token", func(s *site) {
			for _, token := range []string{"garbage", "a.b.c", s.tokens["bob"] + "x", s.revoked("carol"), s.token("bob", "access", -time.Second), s.token("bob", "refresh", time.Hour)} {
				s.listen(token).wantEnd(token, websocket.StatusPolicyViolation)
			}
			s.exec("UPDATE users SET ban_reason = 'spam' WHERE username = 'bob'")
			s.listen(s.tokens["bob"]).wantEnd("banned", websocket.StatusPolicyViolation)
		}},
		{"whose time has come", func(s *site) {
			bob := s.listen(s.token("bob", "access", 2*time.Second))
			bob.want("connect", 0, "")
			bob.wantEnd("expired", websocket.StatusPolicyViolation)
		}},
		{"who changes his password", func(s *site) {
			bob, alice := s.listen(s.tokens["bob"]), s.listen(s.tokens["alice"])
			bob.want("connect", 0, "")
			s.as("bob").put("/api/users/me/password", map[string]string{
				"current_password": password, "new_password": "New-Horse-22", "confirm_password": "New-Horse-22",
			}).want(http.StatusOK)
			bob.wantEnd("a new password", websocket.StatusPolicyViolation)
			alice.want("connect", 0, "")
			s.mail("moderator", "alice", "still here")
			alice.want("another's new password", 1, "still here")
		}},
		{"who is banned", func(s *site) {
			s.shownOut("UPDATE users SET ban_reason = 'spam', locked_until = NULL WHERE username = 'bob'")
		}},
		{"who is banned for a day", func(s *site) {
			s.shownOut("UPDATE users SET ban_reason = 'spam', locked_until = ? WHERE username = 'bob'", time.Now().Add(24*time.Hour).UnixMicro())
		}},
		{"who is made inactive", func(s *site) { s.shownOut("UPDATE users SET is_active = FALSE WHERE username = 'bob'") }},
		{"who is deleted", func(s *site) { s.shownOut("DELETE FROM users WHERE username = 'bob'") }},
		{"when the service stops", func(s *site) {
			bob := s.listen(s.tokens["bob"])
			bob.want("connect", 0, "")
			go s.handler.Close()
			bob.wantEnd("stopped", websocket.StatusGoingAway)
		}},
	})
}

// shownOut lets bob listen and executes the statement, which must end that.
func (s *site) shownOut(statement string, args ...any) {
	s.Helper()
	bob := s.listen(s.tokens["bob"])
	bob.want("connect", 0, "")
	s.exec(statement, args...)
	s.mail("moderator", "alice", "wakes everybody")
	bob.wantEnd(statement, websocket.StatusPolicyViolation)
}

// token makes a token as the site would.
func (s *site) token(name, kind string, life time.Duration) string {
	s.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": s.ids[name], "type": kind, "pwd_ver": 0, "sid": s.session(name), "exp": jwt.NewNumericDate(time.Now().Add(life)),
	}).SignedString([]byte(secret))
	if err != nil {
		s.Fatal(err)
	}
	return token
}

// session returns the session that somebody's token came of.
func (s *site) session(name string) string {
	s.Helper()
	var c struct {
		Session string `json:"sid"`
		jwt.RegisteredClaims
	}
	if _, _, err := jwt.NewParser().ParseUnverified(s.tokens[name], &c); err != nil {
		s.Fatal(err)
	}
	return c.Session
}
