package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

func (s *server) messageRoutes() {
	unknown := fails(notebook.ErrMessageNotFound)
	texts := fails(notebook.ErrMessageTitle, notebook.ErrMessageContent, notebook.ErrMessageSummary)
	handle(s, "POST /api/messages/send", users, "Send a message to one, to several, or to all users", s.sendMessage, texts,
		fails(notebook.ErrMessageRecipients, notebook.ErrMessageScope, notebook.ErrRecipientNotFound))
	handle(s, "GET /api/messages", users, "List my messages", s.messages)
	handle(s, "GET /api/messages/by-type/{type}", users, "List my messages of one type", s.messagesByType)
	handle(s, "GET /api/messages/{id}", users, "Show a message", s.message, unknown)
	handle(s, "POST /api/messages/{id}/read", users, "Mark a message as read", s.readMessage, unknown)
	handle(s, "PUT /api/messages/{id}", users, "Change a message, or every copy of my announcement", s.updateMessage, unknown, texts,
		fails(notebook.ErrNothingToDo))
	handle(s, "DELETE /api/messages/{id}", users, "Delete a message, or every copy of my announcement", s.deleteMessage, unknown)
	handle(s, "GET /api/admin/broadcast-messages", moderators, "List the announcements to all users", s.broadcasts)
	s.socketRoutes()
}

// message is a message as clients see it.
type message struct {
	ID             string    `json:"id"`
	RecipientID    string    `json:"recipient_id"`
	SenderID       string    `json:"sender_id"`
	Title          string    `json:"title"`
	Content        string    `json:"content"`
	Summary        *string   `json:"summary"`
	MessageType    string    `json:"message_type" enum:"direct,announcement,comment,reaction"`
	BroadcastID    *string   `json:"broadcast_id"`
	BroadcastScope *string   `json:"broadcast_scope"`
	IsRead         bool      `json:"is_read"`
	CreatedAt      time.Time `json:"created_at"`
}

func showMessage(m *notebook.Message) message {
	return message{
		ID: m.ID, RecipientID: m.RecipientID, SenderID: m.SenderID, Title: m.Title, Content: m.Content, Summary: m.Summary,
		MessageType: m.Type, BroadcastID: m.BroadcastID, BroadcastScope: m.BroadcastScope, IsRead: m.Read, CreatedAt: m.CreatedAt,
	}
}

type sendInput struct {
	Body struct {
		_              struct{} `additionalProperties:"true"`
		Title          string   `json:"title" doc:"1 to 200 characters"`
		Content        string   `json:"content" doc:"1 to 10000 characters"`
		Summary        *string  `json:"summary,omitempty" nullable:"true" doc:"at most 500 characters"`
		RecipientID    *string  `json:"recipient_id,omitempty" nullable:"true"`
		RecipientIDs   []string `json:"recipient_ids,omitempty" nullable:"true" doc:"at most 100"`
		MessageType    string   `json:"message_type,omitempty" enum:"direct,announcement" default:"direct"`
		BroadcastScope *string  `json:"broadcast_scope,omitempty" nullable:"true" doc:"all_users: an announcement by a moderator to everybody but himself; instead of recipients"`
	}
}

// sent is what became of a message.
type sent struct {
	MessageIDs []string `json:"message_ids" doc:"one per recipient"`
	Status     string   `json:"status" enum:"sent"`
	Count      int      `json:"count"`
}

func (s *server) sendMessage(ctx context.Context, in *sendInput) (*answer[sent], error) {
	u, b := userOf(ctx), in.Body
	n := notebook.NewMessage{
		SenderID: u.ID, Type: b.MessageType, Title: b.Title, Content: b.Content, Summary: b.Summary, Recipients: b.RecipientIDs,
	}
	if b.RecipientID != nil {
		n.Recipients = append(n.Recipients, *b.RecipientID)
	}
	if b.BroadcastScope != nil && *b.BroadcastScope != "" {
		if *b.BroadcastScope != notebook.ScopeAllUsers {
			return nil, notebook.ErrMessageScope
		}
		n.ToAll = true
	}
	if err := n.SendableBy(u); err != nil {
		return nil, err
	}
	ids, err := s.store.SendMessage(ctx, n, s.now())
	if err != nil {
		return nil, err
	}
	return say(ctx, sent{ids, "sent", len(ids)}, "消息发送成功", "Message sent"), nil
}

type messagesInput struct {
	OtherUserID string `query:"other_user_id" doc:"instead of what I got: what this user and I wrote to each other"`
	Page        int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize    int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
}

func (s *server) messages(ctx context.Context, in *messagesInput) (*pageAnswer[message], error) {
	return s.listMessages(ctx, notebook.MessageFilter{OtherID: in.OtherUserID, Page: notebook.Page{Number: in.Page, Size: in.PageSize}})
}

type messagesByTypeInput struct {
	Type        string `path:"type" enum:"direct,announcement,comment,reaction"`
	OtherUserID string `query:"other_user_id" doc:"instead of what I got: what this user and I wrote to each other"`
	Page        int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize    int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
}

func (s *server) messagesByType(ctx context.Context, in *messagesByTypeInput) (*pageAnswer[message], error) {
	return s.listMessages(ctx, notebook.MessageFilter{Type: in.Type, OtherID: in.OtherUserID, Page: notebook.Page{Number: in.Page, Size: in.PageSize}})
}

func (s *server) listMessages(ctx context.Context, f notebook.MessageFilter) (*pageAnswer[message], error) {
	f.UserID = userOf(ctx).ID
	list, total, err := s.store.Messages(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, list, showMessage, f.Page, total, "消息列表获取成功", "Your messages"), nil
}

func (s *server) message(ctx context.Context, in *byID) (*answer[message], error) {
	m, err := s.store.Message(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := m.ReadableBy(userOf(ctx)); err != nil {
		return nil, err
	}
	return say(ctx, showMessage(m), "消息详情获取成功", "The message"), nil
}

func (s *server) readMessage(ctx context.Context, in *byID) (*answer[*nothing], error) {
	u := userOf(ctx)
	if err := s.store.ReadMessage(ctx, in.ID, func(m *notebook.Message) error { return m.ReceivedBy(u) }); err != nil {
		return nil, err
	}
	return said(ctx, "消息已标记为已读", "Marked as read"), nil
}

type updateMessageInput struct {
	ID   string `path:"id"`
	Body struct {
		_       struct{} `additionalProperties:"true"`
		Title   *string  `json:"title,omitempty" nullable:"true" doc:"1 to 200 characters"`
		Content *string  `json:"content,omitempty" nullable:"true" doc:"1 to 10000 characters"`
		Summary *string  `json:"summary,omitempty" nullable:"true" doc:"at most 500 characters"`
	}
}

type updatedMessages struct {
	UpdatedCount int64 `json:"updated_count"`
}

func (s *server) updateMessage(ctx context.Context, in *updateMessageInput) (*answer[updatedMessages], error) {
	u := userOf(ctx)
	change := notebook.MessageChange{Title: in.Body.Title, Content: in.Body.Content, Summary: in.Body.Summary}
	n, err := s.store.UpdateMessage(ctx, in.ID, change, func(m *notebook.Message) (bool, error) { return m.ChangeableBy(u) })
	if err != nil {
		return nil, err
	}
	return say(ctx, updatedMessages{n}, "消息更新成功", "Message changed"), nil
}

type deletedMessages struct {
	DeletedCount int64 `json:"deleted_count"`
}

func (s *server) deleteMessage(ctx context.Context, in *byID) (*answer[deletedMessages], error) {
	u := userOf(ctx)
	n, err := s.store.DeleteMessage(ctx, in.ID, func(m *notebook.Message) (bool, error) { return m.ChangeableBy(u) })
	if err != nil {
		return nil, err
	}
	return say(ctx, deletedMessages{n}, "消息删除成功", "Message deleted"), nil
}

// broadcast is an announcement to all users as moderators see it.
type broadcast struct {
	ID             string          `json:"id" doc:"of one of the copies"`
	BroadcastID    string          `json:"broadcast_id"`
	SenderID       string          `json:"sender_id"`
	Sender         broadcastSender `json:"sender"`
	Title          string          `json:"title"`
	Content        string          `json:"content"`
	Summary        *string         `json:"summary"`
	MessageType    string          `json:"message_type" enum:"announcement"`
	BroadcastScope string          `json:"broadcast_scope" enum:"all_users"`
	CreatedAt      time.Time       `json:"created_at"`
	Stats          broadcastStats  `json:"stats"`
}

type broadcastSender struct {
	ID       string `json:"id"`
	Username string `json:"username"`
}

type broadcastStats struct {
	TotalSent   int `json:"total_sent" doc:"copies that there are"`
	TotalRead   int `json:"total_read"`
	TotalUnread int `json:"total_unread"`
}

func showBroadcast(b *notebook.Broadcast) broadcast {
	return broadcast{
		ID: b.ID, BroadcastID: b.BroadcastID, SenderID: b.SenderID, Sender: broadcastSender{b.SenderID, b.SenderName},
		Title: b.Title, Content: b.Content, Summary: b.Summary, MessageType: notebook.MessageAnnouncement, BroadcastScope: notebook.ScopeAllUsers,
		CreatedAt: b.CreatedAt, Stats: broadcastStats{b.Sent, b.Read, b.Sent - b.Read},
	}
}

type broadcastsInput struct {
	Page     int `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int `query:"page_size" minimum:"1" maximum:"100" default:"20"`
}

func (s *server) broadcasts(ctx context.Context, in *broadcastsInput) (*pageAnswer[broadcast], error) {
	p := notebook.Page{Number: in.Page, Size: in.PageSize}
	list, total, err := s.store.Broadcasts(ctx, p)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, list, showBroadcast, p, total, "广播消息获取成功", "The announcements to all users"), nil
}
