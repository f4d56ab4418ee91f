package store_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

func one(*notebook.Message) (bool, error) { return false, nil }

func TestSendMessage(t *testing.T) { onEach(t, testSendMessage) }

func testSendMessage(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob, cid := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser), user(t, s, "cid", notebook.RoleUser)
	n := notebook.NewMessage{SenderID: ann.ID, Type: notebook.MessageDirect, Title: " t ", Content: "c", Recipients: []string{cid.ID, bob.ID, "", bob.ID}}
	ids := must(s.SendMessage(ctx, n, epoch))(t)
	if len(ids) != 2 {
		t.Fatalf("ids: %v", ids)
	}
	m := must(s.Message(ctx, ids[0]))(t)
	if m.Title != "t" || m.SenderID != ann.ID || m.BroadcastID != nil || m.Read || !m.CreatedAt.Equal(epoch) {
		t.Errorf("%+v", m)
	}
	n.Recipients = []string{bob.ID, "nobody"}
	if _, err := s.SendMessage(ctx, n, epoch); !errors.Is(err, notebook.ErrRecipientNotFound) {
		t.Error(err)
	}
	if n := count(t, s, `SELECT count(*) FROM messages`); n != 2 {
		t.Errorf("%d messages", n)
	}
	if _, err := s.DB().ExecContext(ctx, `UPDATE users SET is_active = FALSE WHERE id = $1`, cid.ID); err != nil {
		t.Fatal(err)
	}
	n.Recipients = []string{cid.ID}
	if _, err := s.SendMessage(ctx, n, epoch); !errors.Is(err, notebook.ErrRecipientNotFound) {
		t.Error(err)
	}
	all := notebook.NewMessage{SenderID: ann.ID, Type: notebook.MessageAnnouncement, Title: "t", Content: "c", ToAll: true}
	if ids := must(s.SendMessage(ctx, all, epoch))(t); len(ids) != 1 || must(s.Message(ctx, ids[0]))(t).RecipientID != bob.ID {
		t.Errorf("a broadcast to %v", ids)
	}
}

// The counts of a broadcast follow its copies, and it goes with the last.
func TestBroadcasts(t *testing.T) { onEach(t, testBroadcasts) }

func testBroadcasts(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleModerator)
	bob, cid := user(t, s, "bob", notebook.RoleUser), user(t, s, "cid", notebook.RoleUser)
	all := notebook.NewMessage{SenderID: ann.ID, Type: notebook.MessageAnnouncement, Title: "t", Content: "c", ToAll: true}
	send := func(after time.Duration) []string { return must(s.SendMessage(ctx, all, epoch.Add(after)))(t) }
	first, second := send(0), send(time.Second)
	page := notebook.Page{Number: 1, Size: 10}
	want := func(what string, sent, read int) {
		t.Helper()
		list, total, err := s.Broadcasts(ctx, page)
		if err != nil || total != 2 || len(list) != 2 {
			t.Fatalf("%s: %d %+v %v", what, total, list, err)
		}
		if b := list[1]; b.Sent != sent || b.Read != read || !slices.Contains(first, b.ID) || b.SenderName != "ann" {
			t.Errorf("%s: %+v, want %d sent and %d read", what, b, sent, read)
		}
		if b := list[0]; b.Sent != 2 || b.Read != 0 || !slices.Contains(second, b.ID) {
			t.Errorf("%s: the other one is %+v", what, b)
		}
	}
	want("at first", 2, 0)
	mark := func(id string) {
		t.Helper()
		if err := s.ReadMessage(ctx, id, func(*notebook.Message) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	mark(first[0])
	mark(first[0])
	want("read", 2, 1)
	title := "new"
	if n, err := s.UpdateMessage(ctx, first[1], notebook.MessageChange{Title: &title}, func(*notebook.Message) error { return nil }); n != 2 || err != nil {
		t.Error(n, err)
	}
	list, _, err := s.Broadcasts(ctx, page)
	if err != nil || list[1].Title != "new" || list[0].Title != "t" || must(s.Message(ctx, first[0]))(t).Title != "new" {
		t.Errorf("%+v %v", list, err)
	}
	if n, err := s.DeleteMessage(ctx, first[0], one); n != 1 || err != nil {
		t.Error(n, err)
	}
	want("a copy deleted", 1, 0)
	if _, err := s.DB().ExecContext(ctx, `DELETE FROM users WHERE id IN ($1, $2)`, bob.ID, cid.ID); err != nil {
		t.Fatal(err)
	}
	if _, total, err := s.Broadcasts(ctx, page); total != 0 || err != nil {
		t.Errorf("after the last copy: %d %v", total, err)
	}
	if ids := send(0); len(ids) != 0 || count(t, s, `SELECT count(*) FROM broadcasts`) != 0 {
		t.Errorf("a broadcast to nobody: %v", ids)
	}
}

// Whatever changes the messages of a user raises his number, and nobody else's.
func TestMessageChanges(t *testing.T) { onEach(t, testMessageChanges) }

func testMessageChanges(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob, cid := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser), user(t, s, "cid", notebook.RoleUser)
	id := must(s.SendMessage(ctx, notebook.NewMessage{SenderID: cid.ID, Type: notebook.MessageDirect, Title: "t", Content: "c", Recipients: []string{ann.ID, bob.ID}}, epoch))(t)
	of := func(u *notebook.User) int64 { return must(s.MessageChanges(ctx, u.ID))(t) }
	for _, statement := range []string{
		`INSERT INTO messages (id, recipient_id, sender_id, title, content, created_at) VALUES ('1', $1, '` + cid.ID + `', 't', 'c', 0)`,
		`UPDATE messages SET is_read = TRUE WHERE recipient_id = $1`,
		`UPDATE messages SET title = 'new' WHERE recipient_id = $1`,
		`DELETE FROM messages WHERE recipient_id = $1 AND id = '1'`,
		`DELETE FROM users WHERE id = '` + cid.ID + `' AND $1 <> ''`, // a cascade
	} {
		before, other := of(ann), of(bob)
		if _, err := s.DB().ExecContext(ctx, statement, ann.ID); err != nil {
			t.Fatal(err)
		}
		if of(ann) <= before {
			t.Errorf("%s: not seen", statement)
		}
		if of(bob) != other && !strings.Contains(statement, "DELETE FROM users") {
			t.Errorf("%s: seen by bob", statement)
		}
	}
	if _, err := s.Message(ctx, id[0]); !errors.Is(err, notebook.ErrMessageNotFound) {
		t.Error(err)
	}
	if in := must(s.Inbox(ctx, ann.ID))(t); in.Unread != 0 || in.Last != nil {
		t.Errorf("%+v", in)
	}
	if n := must(s.MessageChanges(ctx, "nobody"))(t); n != 0 {
		t.Error(n)
	}
}

func TestInbox(t *testing.T) { onEach(t, testInbox) }

func testInbox(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	var ids []string
	for i := range 3 {
		n := notebook.NewMessage{SenderID: ann.ID, Type: notebook.MessageDirect, Title: "t", Content: "c", Recipients: []string{bob.ID}}
		ids = append(ids, must(s.SendMessage(ctx, n, epoch.Add(time.Duration(i)*time.Second)))(t)...)
	}
	if err := s.ReadMessage(ctx, ids[0], func(*notebook.Message) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if in := must(s.Inbox(ctx, bob.ID))(t); in.Unread != 2 || in.Last == nil || in.Last.ID != ids[2] {
		t.Errorf("%+v", in)
	}
	for _, f := range []notebook.MessageFilter{{UserID: ann.ID, OtherID: bob.ID}, {UserID: bob.ID, OtherID: ann.ID}, {UserID: bob.ID}} {
		f.Page = notebook.Page{Number: 2, Size: 2}
		list, total, err := s.Messages(ctx, f)
		if err != nil || total != 3 || len(list) != 1 || list[0].ID != ids[0] {
			t.Errorf("%+v: %d %+v %v", f, total, list, err)
		}
	}
	if _, total, err := s.Messages(ctx, notebook.MessageFilter{UserID: ann.ID, Page: notebook.Page{Number: 1, Size: 2}}); err != nil || total != 0 {
		t.Errorf("ann got %d: %v", total, err)
	}
}

// Whoever waits is woken when a write has been made, and finds it.
func TestWritesWake(t *testing.T) { onEach(t, testWritesWake) }

func testWritesWake(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	found := make(chan int64)
	changed := s.Changed()
	go func() {
		for {
			<-changed // which may be for nothing, on PostgreSQL
			changed = s.Changed()
			n, err := s.MessageChanges(context.WithoutCancel(ctx), ann.ID)
			if err != nil {
				t.Error(err)
			}
			if n > 0 || err != nil || !onPostgres(s) {
				found <- n
				return
			}
		}
	}()
	must(s.SendMessage(ctx, notebook.NewMessage{SenderID: ann.ID, Type: notebook.MessageDirect, Title: "t", Content: "c", Recipients: []string{ann.ID}}, epoch))(t)
	if n := <-found; n != 1 {
		t.Errorf("woken, and found %d changes", n)
	}
	if onPostgres(s) {
		return
	}
	select {
	case <-s.Changed():
		t.Error("woken without a write")
	default:
	}
}

// Every write goes through write, which wakes whoever waits for one: nothing
// else begins a transaction or executes a statement on the database itself.
func TestEveryWriteWakes(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var in, attempts []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if ok && call.Sel.Name == "attempt" {
					attempts = append(attempts, f.Name.Name)
				}
				if !ok || !slices.Contains([]string{"Begin", "BeginTx", "Conn", "Exec", "ExecContext", "Prepare", "PrepareContext"}, call.Sel.Name) {
					return true
				}
				if x, ok := call.X.(*ast.SelectorExpr); ok && x.Sel.Name == "db" {
					in = append(in, f.Name.Name)
				}
				return true
			})
		}
	}
	if !slices.Equal(in, []string{"attempt"}) {
		t.Errorf("the database is written to in %v", in)
	}
	if !slices.Equal(attempts, []string{"write"}) {
		t.Errorf("attempts are made by %v", attempts)
	}
}
