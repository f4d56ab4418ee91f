package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

const messageColumns = `id, recipient_id, sender_id, title, content, summary, message_type, broadcast_id, broadcast_scope, is_read, created_at`

func scanMessage(row scanner) (notebook.Message, error) {
	var m notebook.Message
	err := row.Scan(&m.ID, &m.RecipientID, &m.SenderID, &m.Title, &m.Content, &m.Summary, &m.Type, &m.BroadcastID, &m.BroadcastScope,
		&m.Read, timeColumn{&m.CreatedAt})
	return m, err
}

func messageByID(ctx context.Context, q querier, id string) (*notebook.Message, error) {
	m, err := scanMessage(q.QueryRowContext(ctx, `SELECT `+messageColumns+` FROM messages WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notebook.ErrMessageNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("store: reading a message: %w", err)
	}
	return &m, nil
}

// Message returns the message with this id, or notebook.ErrMessageNotFound.
func (s *Store) Message(ctx context.Context, id string) (*notebook.Message, error) {
	return messageByID(ctx, s.db, id)
}

// Messages returns the page of messages that the filter describes, and how many
// there are on all pages.
func (s *Store) Messages(ctx context.Context, f notebook.MessageFilter) (list []notebook.Message, total int, err error) {
	var only conditions
	if f.OtherID == "" {
		only.add(`recipient_id = ?`, f.UserID)
	} else {
		only.add(`(recipient_id = ? AND sender_id = ? OR recipient_id = ? AND sender_id = ?)`, f.UserID, f.OtherID, f.OtherID, f.UserID)
	}
	if f.Type != "" {
		only.add(`message_type = ?`, f.Type)
	}
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM messages`+only.where(), only.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting messages: %w", err)
	}
	limit, args := only.page(f.Page)
	list, err = collect(ctx, s.db, scanMessage, `SELECT `+messageColumns+` FROM messages`+only.where()+` ORDER BY created_at DESC, id DESC`+limit, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing messages: %w", err)
	}
	return list, total, nil
}

func insertMessage(ctx context.Context, tx *sql.Tx, m *notebook.Message) error {
	m.ID = newID()
	_, err := tx.ExecContext(ctx, `INSERT INTO messages (`+messageColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		m.ID, m.RecipientID, m.SenderID, m.Title, m.Content, m.Summary, m.Type, m.BroadcastID, m.BroadcastScope, m.Read, micros(m.CreatedAt))
	return err
}

// SendMessage sends every recipient a copy of the message, in one transaction,
// and returns the ids of the copies. It fails with what
// notebook.NewMessage.Normalize finds wrong, or with
// notebook.ErrRecipientNotFound if one recipient is no active user.
func (s *Store) SendMessage(ctx context.Context, n notebook.NewMessage, now time.Time) (ids []string, err error) {
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	m := notebook.Message{SenderID: n.SenderID, Type: n.Type, Title: n.Title, Content: n.Content, Summary: n.Summary, CreatedAt: now}
	if n.Type == notebook.MessageAnnouncement {
		id := newID()
		m.BroadcastID = &id
	}
	if n.ToAll {
		scope := notebook.ScopeAllUsers
		m.BroadcastScope = &scope
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		recipients, err := recipientsOf(ctx, tx, n)
		if err != nil {
			return err
		}
		if n.ToAll && len(recipients) > 0 {
			if err := insertBroadcast(ctx, tx, &m); err != nil {
				return err
			}
		}
		ids = make([]string, len(recipients))
		for i, recipient := range recipients {
			m.RecipientID = recipient
			if err := insertMessage(ctx, tx, &m); err != nil {
				return err
			}
			ids[i] = m.ID
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}

// recipientsOf returns the ids of those who get the message.
func recipientsOf(ctx context.Context, tx *sql.Tx, n notebook.NewMessage) ([]string, error) {
	if n.ToAll {
		return collect(ctx, tx, scanString, `SELECT id FROM users WHERE is_active = TRUE AND id <> $1 ORDER BY id`, n.SenderID)
	}
	for _, id := range n.Recipients {
		var active bool
		err := tx.QueryRowContext(ctx, `SELECT is_active FROM users WHERE id = $1`, id).Scan(&active)
		if errors.Is(err, sql.ErrNoRows) || err == nil && !active {
			return nil, notebook.ErrRecipientNotFound.With("recipient_id", id)
		}
		if err != nil {
			return nil, err
		}
	}
	return n.Recipients, nil
}

func insertBroadcast(ctx context.Context, tx *sql.Tx, m *notebook.Message) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO broadcasts (id, sender_id, title, content, summary, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		m.BroadcastID, m.SenderID, m.Title, m.Content, m.Summary, micros(m.CreatedAt))
	return err
}

// ReadMessage marks the message with this id as read if allow returns nil.
func (s *Store) ReadMessage(ctx context.Context, id string, allow func(*notebook.Message) error) error {
	return s.write(ctx, func(tx *sql.Tx) error {
		m, err := messageByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(m); err != nil || m.Read {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE messages SET is_read = TRUE WHERE id = $1`, id)
		return err
	})
}

// UpdateMessage applies the change to every copy of the announcement of which this
// is the id of one, if allow returns nil. It returns how many messages that were.
func (s *Store) UpdateMessage(ctx context.Context, id string, change notebook.MessageChange, allow func(*notebook.Message) error) (n int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		m, err := messageByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := allow(m); err != nil {
			return err
		}
		if err := m.Apply(change); err != nil {
			return err
		}
		const set = ` SET title = $1, content = $2, summary = $3 WHERE `
		if n, err = changeRows(ctx, tx, `UPDATE messages`+set+`broadcast_id = $4`, m.Title, m.Content, m.Summary, m.BroadcastID); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE broadcasts`+set+`id = $4`, m.Title, m.Content, m.Summary, m.BroadcastID)
		return err
	})
	return n, err
}

// DeleteMessage deletes the message with this id, or, where allow says so, every
// copy of the announcement. It returns how many messages that were.
func (s *Store) DeleteMessage(ctx context.Context, id string, allow func(*notebook.Message) (every bool, err error)) (n int64, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		m, err := messageByID(ctx, tx, id)
		if err != nil {
			return err
		}
		every, err := allow(m)
		switch {
		case err != nil:
			return err
		case every:
			n, err = changeRows(ctx, tx, `DELETE FROM messages WHERE broadcast_id = $1`, m.BroadcastID)
		default:
			n, err = changeRows(ctx, tx, `DELETE FROM messages WHERE id = $1`, id)
		}
		return err
	})
	return n, err
}

func changeRows(ctx context.Context, tx *sql.Tx, statement string, args ...any) (int64, error) {
	r, err := tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// MessageChanges returns a number that rises with every change of the messages
// that the user got, and 0 for a user who does not exist.
func (s *Store) MessageChanges(ctx context.Context, userID string) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT changes FROM message_changes WHERE user_id = $1`, userID).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// Inbox returns what the messages of the user come to.
func (s *Store) Inbox(ctx context.Context, userID string) (in notebook.Inbox, err error) {
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM messages WHERE recipient_id = $1 AND is_read = FALSE`, userID).Scan(&in.Unread); err != nil {
		return in, fmt.Errorf("store: counting unread messages: %w", err)
	}
	m, err := scanMessage(s.db.QueryRowContext(ctx, `SELECT `+messageColumns+` FROM messages WHERE recipient_id = $1
		ORDER BY created_at DESC, id DESC LIMIT 1`, userID))
	switch {
	case err == nil:
		in.Last = &m
	case !errors.Is(err, sql.ErrNoRows):
		return in, fmt.Errorf("store: reading the last message: %w", err)
	}
	return in, nil
}

// Broadcasts returns a page of the announcements to all users, the newest first,
// and how many there are on all pages.
func (s *Store) Broadcasts(ctx context.Context, p notebook.Page) (list []notebook.Broadcast, total int, err error) {
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM broadcasts`).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting broadcasts: %w", err)
	}
	list, err = collect(ctx, s.db, scanBroadcast, `SELECT b.id, (SELECT min(id) FROM messages WHERE broadcast_id = b.id), b.sender_id, u.username, u.email,
		b.title, b.content, b.summary, b.total_sent, b.total_read, b.created_at
		FROM broadcasts b JOIN users u ON u.id = b.sender_id ORDER BY b.created_at DESC, b.id DESC LIMIT $1 OFFSET $2`, p.Size, p.Offset())
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing broadcasts: %w", err)
	}
	return list, total, nil
}

func scanBroadcast(row scanner) (notebook.Broadcast, error) {
	var b notebook.Broadcast
	err := row.Scan(&b.BroadcastID, &b.ID, &b.SenderID, &b.SenderName, &b.SenderEmail, &b.Title, &b.Content, &b.Summary, &b.Sent, &b.Read, timeColumn{&b.CreatedAt})
	return b, err
}
