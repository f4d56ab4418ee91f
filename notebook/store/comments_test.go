package store_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

func anyTarget(*notebook.Target) error                     { return nil }
func anyComment(*notebook.Comment, *notebook.Target) error { return nil }

// say adds a comment, the later the more there are.
func say(t *testing.T, s *store.Store, by *notebook.User, on *notebook.Item, parent *notebook.Comment, content string) *notebook.Comment {
	t.Helper()
	now := epoch.Add(time.Duration(count(t, s, `SELECT count(*) FROM comments`)) * time.Second)
	c := &notebook.Comment{UserID: by.ID, Username: by.Username, TargetKind: on.Kind, TargetID: on.ID, Content: content, CreatedAt: now, UpdatedAt: now}
	if parent != nil {
		c.ParentID = &parent.ID
	}
	if err := s.CreateComment(t.Context(), c, anyTarget); err != nil {
		t.Fatal(err)
	}
	return c
}

// told returns what is on an item: the contents in their order.
func told(t *testing.T, s *store.Store, on *notebook.Item) string {
	t.Helper()
	var list []string
	for _, c := range must(s.Comments(t.Context(), "", on.Kind, on.ID))(t) {
		list = append(list, c.Content)
	}
	return strings.Join(list, " ")
}

func TestDeleteAndRestoreComments(t *testing.T) { onEach(t, testDeleteAndRestoreComments) }

func testDeleteAndRestoreComments(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
		on, other := item(t, s, k, ann, "on", public), item(t, s, k, ann, "other", public)
		a := say(t, s, ann, on, nil, "a")
		b := say(t, s, bob, on, a, "b")
		c := say(t, s, ann, on, b, "c")
		say(t, s, bob, on, nil, "d")
		say(t, s, bob, other, nil, "e")
		remove := func(c *notebook.Comment) error { return s.DeleteComment(ctx, c.ID, ann.ID, epoch, anyComment) }
		restore := func(c *notebook.Comment) error { return s.RestoreComment(ctx, ann, c.ID, epoch, anyComment) }
		for _, step := range []struct {
			do   func(*notebook.Comment) error
			what *notebook.Comment
			err  error
			want string
		}{
			{restore, a, notebook.ErrCommentNotDeleted, "a b c d"},
			{remove, c, nil, "a b d"},
			{remove, c, notebook.ErrCommentNotFound, "a b d"},
			{remove, a, nil, "d"},
			{restore, b, notebook.ErrCommentParentGone, "d"},
			{restore, c, notebook.ErrCommentParentGone, "d"},
			{restore, a, nil, "a b d"}, // c was not taken by a's deletion
			{restore, c, nil, "a b c d"},
			{remove, b, nil, "a d"},
			{restore, b, nil, "a b c d"},
		} {
			if err := step.do(step.what); !errors.Is(err, step.err) {
				t.Errorf("%s: %v, want %v", step.what.Content, err, step.err)
			}
			if got := told(t, s, on); got != step.want {
				t.Fatalf("after %s: %q, want %q", step.what.Content, got, step.want)
			}
		}
		if got := told(t, s, other); got != "e" {
			t.Errorf("on another item: %q", got)
		}
		// Nothing can be said to what is deleted, or on another item.
		if err := remove(b); err != nil {
			t.Fatal(err)
		}
		for _, wrong := range []notebook.Comment{
			{TargetKind: k, TargetID: on.ID, ParentID: &b.ID}, {TargetKind: k, TargetID: other.ID, ParentID: &a.ID},
		} {
			wrong.UserID, wrong.Content = ann.ID, "x"
			if err := s.CreateComment(ctx, &wrong, anyTarget); !errors.Is(err, notebook.ErrCommentNotFound) {
				t.Errorf("an answer to nothing: %v", err)
			}
		}
		if _, err := s.React(ctx, ann, b.ID, notebook.Like, epoch, anyTarget); !errors.Is(err, notebook.ErrCommentNotFound) {
			t.Errorf("a reaction to what is deleted: %v", err)
		}
		// A comment that the deletion of a vanished one took comes back alone.
		if _, err := s.DB().ExecContext(ctx, `DELETE FROM comments WHERE id = $1`, b.ID); err != nil {
			t.Fatal(err)
		}
		if err := restore(c); err != nil || told(t, s, on) != "a c d" {
			t.Errorf("%q %v", told(t, s, on), err)
		}
	})
}

// What goes with an item or a user goes however long the thread is: SQLite gives
// up on cascades after 1000 levels.
func TestCommentsGoWithWhatTheyAreAbout(t *testing.T) { onEach(t, testCommentsGoWithWhatTheyAreAbout) }

func testCommentsGoWithWhatTheyAreAbout(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
		first, second := item(t, s, k, ann, "first", public), item(t, s, k, ann, "second", public)
		kept := say(t, s, ann, second, nil, "kept")
		liked(t, s, bob, kept)
		answer := say(t, s, bob, second, kept, "bob's")
		say(t, s, ann, second, answer, "ann's")
		for _, on := range []*notebook.Item{first, second} {
			if _, err := s.DB().ExecContext(ctx, `WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
				INSERT INTO comments (id, user_id, target_id, target_type, parent_id, content, created_at, updated_at)
				SELECT CAST($1 AS TEXT) || i, $2, $1, $3, CASE i WHEN 0 THEN NULL ELSE CAST($1 AS TEXT) || (i - 1) END, 'long', 0, 0 FROM n`, on.ID, bob.ID, k); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.DeleteComment(ctx, first.ID+"0", "somebody", epoch, anyComment); err != nil || told(t, s, first) != "" {
			t.Errorf("a long thread: %v", err)
		}
		if _, err := s.DeleteItem(ctx, k, first.ID, anybody); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s, `SELECT count(*) FROM comments WHERE target_id = $1`, first.ID); n != 0 {
			t.Errorf("%d comments on nothing", n)
		}
		if _, err := s.DB().ExecContext(ctx, `DELETE FROM users WHERE id = $1`, bob.ID); err != nil {
			t.Fatal(err)
		}
		if got := told(t, s, second); got != "kept ann's" {
			t.Errorf("after bob has gone: %q", got)
		}
		if n := count(t, s, `SELECT sum(like_count) FROM comments`); n != 0 {
			t.Errorf("%d likes by nobody", n)
		}
	})
}

func liked(t *testing.T, s *store.Store, by *notebook.User, c *notebook.Comment) {
	t.Helper()
	if _, err := s.React(t.Context(), by, c.ID, notebook.Like, epoch, anyTarget); err != nil {
		t.Fatal(err)
	}
}

func TestReactions(t *testing.T) { onEach(t, testReactions) }

func testReactions(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	on := item(t, s, notebook.TargetPersona, ann, "on", public)
	c := say(t, s, ann, on, nil, "a")
	liked(t, s, ann, c)
	for i, step := range []struct {
		give            notebook.Reaction
		mine            notebook.Reaction
		likes, dislikes int
		messages        int
	}{
		{notebook.Like, notebook.Like, 2, 0, 1},
		{notebook.Dislike, notebook.Dislike, 1, 1, 1}, // of whom the author has been told
		{notebook.Dislike, notebook.NoReaction, 1, 0, 1},
		{notebook.NoReaction, notebook.NoReaction, 1, 0, 1},
		{notebook.Like, notebook.Like, 2, 0, 1},
		{notebook.NoReaction, notebook.NoReaction, 1, 0, 1},
	} {
		got := must(s.React(ctx, bob, c.ID, step.give, epoch, anyTarget))(t)
		if got.Mine != step.mine || got.Likes != step.likes || got.Dislikes != step.dislikes {
			t.Errorf("step %d: %+v", i, got)
		}
		if n := count(t, s, `SELECT count(*) FROM messages WHERE message_type = 'reaction' AND recipient_id = $1`, ann.ID); n != step.messages {
			t.Errorf("step %d: %d messages", i, n)
		}
	}
	if _, err := s.React(ctx, bob, "x", notebook.Like, epoch, anyTarget); !errors.Is(err, notebook.ErrCommentNotFound) {
		t.Error(err)
	}
}

// One message for each who is concerned, none for oneself.
func TestCommentsSendMessages(t *testing.T) { onEach(t, testCommentsSendMessages) }

func testCommentsSendMessages(t *testing.T, open opener) {
	t.Parallel()
	s := open(t)
	people := map[string]*notebook.User{}
	for _, name := range []string{"owner", "author", "writer"} {
		people[name] = user(t, s, name, notebook.RoleUser)
	}
	for i, test := range []struct {
		author, writer string // of what is answered, "" for nothing, and of the comment
		want           string
	}{
		{"", "writer", "owner"},
		{"", "owner", ""},
		{"author", "writer", "author owner"},
		{"author", "author", "owner"},
		{"author", "owner", "author"},
		{"owner", "writer", "owner"},
		{"owner", "owner", ""},
	} {
		on := item(t, s, notebook.TargetKnowledge, people["owner"], "on"+strconv.Itoa(i), public)
		var parent *notebook.Comment
		if test.author != "" {
			parent = say(t, s, people[test.author], on, nil, "first")
		}
		if _, err := s.DB().ExecContext(t.Context(), `DELETE FROM messages`); err != nil {
			t.Fatal(err)
		}
		say(t, s, people[test.writer], on, parent, "second")
		var got []string
		for _, name := range []string{"author", "owner", "writer"} {
			list, _, err := s.Messages(t.Context(), notebook.MessageFilter{UserID: people[name].ID, Type: notebook.MessageComment, Page: notebook.Page{Number: 1, Size: 10}})
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range list {
				got = append(got, name)
				if m.SenderID != people[test.writer].ID || !strings.Contains(m.Content, "second") || !strings.Contains(m.Content, on.Name) {
					t.Errorf("%+v: %+v", test, m)
				}
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v: messages to %v", test, got)
		}
	}
}

func TestRestoreOthersDeletions(t *testing.T) { onEach(t, testRestoreOthersDeletions) }

func testRestoreOthersDeletions(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	on := item(t, s, notebook.TargetPersona, ann, "on", public)
	a := say(t, s, bob, on, nil, "a")
	if err := s.DeleteComment(ctx, a.ID, ann.ID, epoch, anyComment); err != nil {
		t.Fatal(err)
	}
	if err := s.RestoreComment(ctx, bob, a.ID, epoch, anyComment); !errors.Is(err, notebook.ErrForbidden) {
		t.Errorf("the author: %v", err)
	}
	if err := s.RestoreComment(ctx, ann, a.ID, epoch, anyComment); err != nil {
		t.Errorf("who deleted it: %v", err)
	}
}
