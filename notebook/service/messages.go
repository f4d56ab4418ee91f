package service

import (
	"context"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/live"
)

// Messages are what people write to each other, and what they are told.
type Messages struct {
	*base
	accounts *Accounts
}

// Send sends a message and returns the ids of its copies.
func (m Messages) Send(ctx context.Context, by *notebook.User, n notebook.NewMessage) ([]string, error) {
	n.SenderID = by.ID
	if err := n.SendableBy(by); err != nil {
		return nil, err
	}
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	if err := m.rates.letters.Admit(by.ID, max(1, len(n.Recipients))); err != nil {
		return nil, err
	}
	return m.store.SendMessage(ctx, n, m.now())
}

// Of returns a page of the user's messages.
func (m Messages) Of(ctx context.Context, u *notebook.User, f notebook.MessageFilter) (list []notebook.Message, total int, err error) {
	f.UserID = u.ID
	return m.store.Messages(ctx, f)
}

// Find returns a message that the user may read.
func (m Messages) Find(ctx context.Context, u *notebook.User, id string) (*notebook.Message, error) {
	found, err := m.store.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	return found, found.ReadableBy(u)
}

// Read marks a message as read.
func (m Messages) Read(ctx context.Context, by *notebook.User, id string) error {
	return m.store.ReadMessage(ctx, id, func(found *notebook.Message) error { return found.ReceivedBy(by) })
}

// Update changes every copy of the user's announcement.
func (m Messages) Update(ctx context.Context, by *notebook.User, id string, change notebook.MessageChange) (n int64, err error) {
	if err := m.rates.changes.Admit(by.ID, 1); err != nil {
		return 0, err
	}
	return m.store.UpdateMessage(ctx, id, change, func(found *notebook.Message) error { return found.ChangeableBy(by) })
}

// Delete deletes a message, or every copy of the user's announcement.
func (m Messages) Delete(ctx context.Context, by *notebook.User, id string) (n int64, err error) {
	if err := m.rates.changes.Admit(by.ID, 1); err != nil {
		return 0, err
	}
	return m.store.DeleteMessage(ctx, id, func(found *notebook.Message) (bool, error) { return found.DeletableBy(by) })
}

// Broadcasts returns a page of the announcements to all users.
func (m Messages) Broadcasts(ctx context.Context, p notebook.Page) (list []notebook.Broadcast, total int, err error) {
	return m.store.Broadcasts(ctx, p)
}

// Inbox returns what the user's messages come to.
func (m Messages) Inbox(ctx context.Context, u *notebook.User) (notebook.Inbox, error) {
	return m.store.Inbox(ctx, u.ID)
}

// Listen returns what somebody with the token is told over one connection: what
// show makes of their inbox, on connect and after each change.
func (m Messages) Listen(token string, show func(notebook.Inbox) ([]byte, error)) live.Feed {
	feed := live.Feed{Changed: m.store.Changed, Next: func(context.Context) ([]byte, error) { return nil, live.ErrRefused }}
	c, err := m.accounts.tokens.verify(token, AccessToken)
	if err != nil {
		c, err = m.accounts.tokens.verify(token, LiveToken)
	}
	if err == nil {
		feed.Owner, feed.Life = c.Subject, c.ExpiresAt.Sub(m.clock())
		feed.Next = (&mailbox{m, c, show, -1}).next
	}
	return feed
}

// A mailbox is what one connection is told of.
type mailbox struct {
	Messages
	claims *claims
	show   func(notebook.Inbox) ([]byte, error)
	seen   int64 // how often the messages had changed when the client was told
}

// next returns what to tell the client, nil if the messages have not changed
// since. It runs for every connection after every write of anybody, so both
// questions are asked through the cache, which knows what has changed.
func (m *mailbox) next(ctx context.Context) ([]byte, error) {
	ctx, id := unstale.Outside(ctx), m.claims.Subject
	good, err := m.accounts.admits(ctx, m.claims)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, live.ErrRefused
	}
	changes, err := unstale.Load(ctx, m.cache, "messages:"+unstale.Escape(id), func(ctx context.Context) (int64, error) {
		return m.store.MessageChanges(ctx, id)
	})
	if err != nil || changes == m.seen {
		return nil, err
	}
	in, err := m.store.Inbox(ctx, id)
	if err != nil {
		return nil, err
	}
	m.seen = changes // what changed after that is told again
	return m.show(in)
}
