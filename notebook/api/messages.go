package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/live"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// messages answers for what people write to each other.
type messages struct{ service.Messages }

func (a *api) messageRoutes() {
	m := messages{a.Messages}
	unknown := fails(notebook.ErrMessageNotFound)
	texts := fails(notebook.ErrMessageTitle, notebook.ErrMessageContent, notebook.ErrMessageSummary)
	handle(a, "POST /api/messages/send", notebook.RoleUser, "Send a message to one, to several, or to all users", m.send, texts,
		fails(notebook.ErrMessageRecipients, notebook.ErrMessageScope, notebook.ErrRecipientNotFound, notebook.ErrTooManyRequests))
	handle(a, "GET /api/messages", notebook.RoleUser, "List my messages", m.list)
	handle(a, "GET /api/messages/by-type/{type}", notebook.RoleUser, "List my messages of one type", m.listOfType)
	handle(a, "GET /api/messages/{id}", notebook.RoleUser, "Show a message", m.show, unknown)
	handle(a, "POST /api/messages/{id}/read", notebook.RoleUser, "Mark a message as read", m.read, unknown)
	handle(a, "PUT /api/messages/{id}", notebook.RoleUser, "Change every copy of my announcement", m.update, unknown, texts,
		fails(notebook.ErrNothingToDo))
	handle(a, "DELETE /api/messages/{id}", notebook.RoleUser, "Delete a message, or every copy of my announcement", m.delete, unknown)
	handle(a, "GET /api/admin/broadcast-messages", notebook.RoleModerator, "List the announcements to all users", m.broadcasts)
	a.socketRoutes()
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
		MessageType    string   `json:"message_type,omitempty" enum:"direct,announcement" default:"direct" doc:"announcements are for moderators"`
		BroadcastScope *string  `json:"broadcast_scope,omitempty" nullable:"true" doc:"all_users: an announcement to everybody but me; instead of recipients"`
	}
}

// sent is what became of a message.
type sent struct {
	MessageIDs []string `json:"message_ids" doc:"one per recipient"`
	Status     string   `json:"status" enum:"sent"`
	Count      int      `json:"count"`
}

func (m messages) send(ctx context.Context, in *sendInput) (*answer[sent], error) {
	b := in.Body
	n := notebook.NewMessage{Type: b.MessageType, Title: b.Title, Content: b.Content, Summary: b.Summary, Recipients: b.RecipientIDs}
	if b.RecipientID != nil {
		n.Recipients = append(n.Recipients, *b.RecipientID)
	}
	if b.BroadcastScope != nil && *b.BroadcastScope != "" {
		if *b.BroadcastScope != notebook.ScopeAllUsers {
			return nil, notebook.ErrMessageScope
		}
		n.ToAll = true
	}
	ids, err := m.Send(ctx, server.User(ctx), n)
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

func (m messages) list(ctx context.Context, in *messagesInput) (*pageAnswer[message], error) {
	return m.page(ctx, notebook.MessageFilter{OtherID: in.OtherUserID, Page: notebook.Page{Number: in.Page, Size: in.PageSize}})
}

type messagesByTypeInput struct {
	Type        string `path:"type" doc:"direct, announcement, comment or reaction; no message is of another" example:"direct"`
	OtherUserID string `query:"other_user_id" doc:"instead of what I got: what this user and I wrote to each other"`
	Page        int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize    int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
}

func (m messages) listOfType(ctx context.Context, in *messagesByTypeInput) (*pageAnswer[message], error) {
	return m.page(ctx, notebook.MessageFilter{Type: in.Type, OtherID: in.OtherUserID, Page: notebook.Page{Number: in.Page, Size: in.PageSize}})
}

func (m messages) page(ctx context.Context, f notebook.MessageFilter) (*pageAnswer[message], error) {
	list, total, err := m.Of(ctx, server.User(ctx), f)
	return sayPage(ctx, err, list, showMessage, f.Page, total, "消息列表获取成功", "Your messages")
}

func (m messages) show(ctx context.Context, in *byID) (*answer[message], error) {
	found, err := m.Find(ctx, server.User(ctx), in.ID)
	return shown(ctx, found, err, showMessage, "消息详情获取成功", "The message")
}

func (m messages) read(ctx context.Context, in *byID) (*answer[*nothing], error) {
	return done(ctx, m.Read(ctx, server.User(ctx), in.ID), "消息已标记为已读", "Marked as read")
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

func (m messages) update(ctx context.Context, in *updateMessageInput) (*answer[updatedMessages], error) {
	change := notebook.MessageChange{Title: in.Body.Title, Content: in.Body.Content, Summary: in.Body.Summary}
	n, err := m.Update(ctx, server.User(ctx), in.ID, change)
	return reply(ctx, updatedMessages{n}, err, "消息更新成功", "Message changed")
}

type deletedMessages struct {
	DeletedCount int64 `json:"deleted_count"`
}

func (m messages) delete(ctx context.Context, in *byID) (*answer[deletedMessages], error) {
	n, err := m.Delete(ctx, server.User(ctx), in.ID)
	return reply(ctx, deletedMessages{n}, err, "消息删除成功", "Message deleted")
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
	Email    string `json:"email"`
}

type broadcastStats struct {
	TotalSent   int `json:"total_sent" doc:"copies that there are"`
	TotalRead   int `json:"total_read"`
	TotalUnread int `json:"total_unread"`
}

func showBroadcast(b *notebook.Broadcast) broadcast {
	return broadcast{
		ID: b.ID, BroadcastID: b.BroadcastID, SenderID: b.SenderID, Sender: broadcastSender{b.SenderID, b.SenderName, b.SenderEmail},
		Title: b.Title, Content: b.Content, Summary: b.Summary, MessageType: notebook.MessageAnnouncement, BroadcastScope: notebook.ScopeAllUsers,
		CreatedAt: b.CreatedAt, Stats: broadcastStats{b.Sent, b.Read, b.Sent - b.Read},
	}
}

type broadcastsInput struct {
	Page     int `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int `query:"page_size" minimum:"1" maximum:"100" default:"20"`
}

func (m messages) broadcasts(ctx context.Context, in *broadcastsInput) (*pageAnswer[broadcast], error) {
	p := notebook.Page{Number: in.Page, Size: in.PageSize}
	list, total, err := m.Broadcasts(ctx, p)
	return sayPage(ctx, err, list, showBroadcast, p, total, "广播消息获取成功", "The announcements to all users")
}

// What a client is told who gets no connection.
var (
	upgradeRequired = operationError{http.StatusUpgradeRequired, "API_ERROR", "UPGRADE_REQUIRED", notebook.Text{
		ZH: "此接口仅支持 WebSocket", EN: "This speaks WebSocket only"}}
	foreignPage = operationError{http.StatusForbidden, "AUTHORIZATION_ERROR", "ORIGIN_DENIED", notebook.Text{
		ZH: "不允许从该来源的页面连接", EN: "Pages of this origin may not connect"}}
	tooManyConnections = operationError{http.StatusServiceUnavailable, "API_ERROR", "TOO_MANY_CONNECTIONS", notebook.Text{
		ZH: "连接数过多，请稍后再试", EN: "There are too many connections; please try again later"}}
)

const socketRoute = "GET /api/ws/{token}"

func (a *api) socketRoutes() {
	a.Mux.HandleFunc(socketRoute, a.socket)
	a.Mux.Uncached(socketRoute)
	method, path := splitPattern(socketRoute)
	responses := map[string]*huma.Response{"101": {Description: http.StatusText(http.StatusSwitchingProtocols)}}
	schema := a.huma.OpenAPI().Components.Schemas.Schema(failureType, true, "Failure")
	for _, e := range []operationError{upgradeRequired, foreignPage, tooManyConnections} {
		responses[strconv.Itoa(e.status)] = &huma.Response{
			Description: http.StatusText(e.status) + ": " + e.code,
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schema, Example: exampleFailure(path, e)}},
		}
	}
	a.huma.OpenAPI().AddOperation(&huma.Operation{ // which nobody else does: the handler is not huma's
		Method: method, Path: path, Summary: "Be told over WebSocket of every change of my messages",
		Description: `On connect and after every change the client gets {"type":"message_update","unread":n,"last_message":{…}}, ` +
			"with null for no message. A token that is not, or no longer, good ends the connection with status 1008.",
		OperationID: operationID(method, path), Tags: []string{tag(path)}, Responses: responses,
		Parameters: []*huma.Param{{Name: "token", In: "path", Required: true, Description: "an access token", Schema: &huma.Schema{Type: huma.TypeString}}},
	})
}

func (a *api) socket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		writeRefusal(w, r, upgradeRequired)
		return
	}
	if !a.MayConnect(r) {
		writeRefusal(w, r, foreignPage)
		return
	}
	feed := a.Messages.Listen(r.PathValue("token"), showInbox)
	feed.Client = a.Held(r)
	switch err := a.Live.Serve(w, r, feed); {
	case errors.Is(err, live.ErrBusy):
		writeRefusal(w, r, tooManyConnections)
	case err != nil:
		a.Logger.LogAttrs(r.Context(), slog.LevelError, "telling a user of their messages failed",
			slog.String("request_id", server.CallerFrom(r).RequestID), slog.Any("error", err))
	}
}

func writeRefusal(w http.ResponseWriter, r *http.Request, e operationError) {
	server.NewFailure(server.CallerFrom(r), e.status, e.kind, e.code, e.text, nil).Write(w)
}

// messageUpdate is what the client is told.
type messageUpdate struct {
	Type        string   `json:"type"`
	Unread      int      `json:"unread"`
	LastMessage *message `json:"last_message"`
}

func showInbox(in notebook.Inbox) ([]byte, error) {
	update := messageUpdate{Type: "message_update", Unread: in.Unread}
	if in.Last != nil {
		last := showMessage(in.Last)
		update.LastMessage = &last
	}
	return json.Marshal(update)
}
