package notebook

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestWhoMayWhatWithMessages(t *testing.T) {
	t.Parallel()
	id := "b"
	direct := &Message{Type: MessageDirect, RecipientID: "bob", SenderID: "ann"}
	cast := &Message{Type: MessageAnnouncement, RecipientID: "bob", SenderID: "ann", BroadcastID: &id}
	for _, test := range []struct {
		m                    *Message
		by                   string
		read, change, delete error
		every                bool
	}{
		{direct, "bob", nil, ErrForbidden, nil, false},
		{direct, "ann", nil, ErrForbidden, ErrForbidden, false},
		{direct, "cid", ErrForbidden, ErrForbidden, ErrForbidden, false},
		{cast, "bob", nil, ErrForbidden, nil, false},
		{cast, "ann", nil, nil, nil, true},
		{cast, "cid", ErrForbidden, ErrForbidden, ErrForbidden, false},
	} {
		u := &User{ID: test.by, Role: RoleSuperAdmin} // which gives no right to other people's letters
		if err := test.m.ReadableBy(u); !errors.Is(err, test.read) {
			t.Errorf("%s reads %s: %v", test.by, test.m.Type, err)
		}
		if err := test.m.ChangeableBy(u); !errors.Is(err, test.change) {
			t.Errorf("%s changes %s: %v", test.by, test.m.Type, err)
		}
		if every, err := test.m.DeletableBy(u); !errors.Is(err, test.delete) || every != test.every {
			t.Errorf("%s deletes %s: %v %v", test.by, test.m.Type, every, err)
		}
	}
}

func TestMessagesAreChecked(t *testing.T) {
	t.Parallel()
	ok := func() NewMessage {
		return NewMessage{Type: MessageDirect, Title: " t ", Content: " c ", Recipients: []string{"b", "a", "", "b"}}
	}
	n := ok()
	if err := n.Normalize(); err != nil || n.Title != "t" || n.Content != "c" || !slices.Equal(n.Recipients, []string{"a", "b"}) {
		t.Errorf("%+v %v", n, err)
	}
	long := strings.Repeat("好", maxMessageContent+1)
	for _, test := range []struct {
		spoil func(*NewMessage)
		want  error
	}{
		{func(n *NewMessage) { n.Title = " " }, ErrMessageTitle},
		{func(n *NewMessage) { n.Title = long }, ErrMessageTitle},
		{func(n *NewMessage) { n.Content = "" }, ErrMessageContent},
		{func(n *NewMessage) { n.Content = long }, ErrMessageContent},
		{func(n *NewMessage) { n.Summary = &long }, ErrMessageSummary},
		{func(n *NewMessage) { n.Recipients = []string{""} }, ErrMessageRecipients},
		{func(n *NewMessage) { n.ToAll = true }, ErrMessageScope},
		{func(n *NewMessage) { n.ToAll, n.Recipients = true, nil }, ErrMessageScope},
		{func(n *NewMessage) { n.ToAll, n.Type = true, MessageAnnouncement }, ErrMessageScope},
		{func(n *NewMessage) { n.ToAll, n.Type, n.Recipients = true, MessageAnnouncement, nil }, nil},
	} {
		n := ok()
		test.spoil(&n)
		if err := n.Normalize(); !errors.Is(err, test.want) {
			t.Errorf("%.50v: %v, want %v", n, err, test.want)
		}
	}
	if err := (&Message{}).Apply(MessageChange{}); !errors.Is(err, ErrNothingToDo) {
		t.Error(err)
	}
}
