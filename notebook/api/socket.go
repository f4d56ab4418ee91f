package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/live"
)

// What a client is told who gets no connection.
var (
	upgradeRequired = operationError{http.StatusUpgradeRequired, "API_ERROR", "UPGRADE_REQUIRED", notebook.Text{
		ZH: "此接口仅支持 WebSocket", EN: "This speaks WebSocket only"}}
	tooManyConnections = operationError{http.StatusServiceUnavailable, "API_ERROR", "TOO_MANY_CONNECTIONS", notebook.Text{
		ZH: "连接数过多，请稍后再试", EN: "There are too many connections; please try again later"}}
)

func (s *server) socketRoutes() {
	s.mux.HandleFunc(socketRoute, s.socket)
	method, path := splitPattern(socketRoute)
	responses := map[string]*huma.Response{"101": {Description: http.StatusText(http.StatusSwitchingProtocols)}}
	schema := s.huma.OpenAPI().Components.Schemas.Schema(failureType, true, "Failure")
	for _, e := range []operationError{upgradeRequired, tooManyConnections} {
		responses[strconv.Itoa(e.status)] = &huma.Response{
			Description: http.StatusText(e.status) + ": " + e.code,
			Content:     map[string]*huma.MediaType{"application/json": {Schema: schema, Example: exampleFailure(path, e)}},
		}
	}
	s.huma.OpenAPI().AddOperation(&huma.Operation{ // which nobody else does: the handler is not huma's
		Method: method, Path: path, Summary: "Be told over WebSocket of every change of my messages",
		Description: `On connect and after every change the client gets {"type":"message_update","unread":n,"last_message":{…}}, ` +
			"with null for no message. A token that is not, or no longer, good ends the connection with status 1008.",
		OperationID: operationID(method, path), Tags: []string{tag(path)}, Responses: responses,
		Parameters: []*huma.Param{{Name: "token", In: "path", Required: true, Description: "an access token", Schema: &huma.Schema{Type: huma.TypeString}}},
	})
}

func (s *server) socket(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		writeRefusal(w, r, upgradeRequired)
		return
	}
	feed := live.Feed{Changed: s.store.Changed, Next: func(context.Context) ([]byte, error) { return nil, live.ErrRefused }}
	c, err := s.tokens.verify(r.PathValue("token"), accessToken)
	if err != nil {
		c, err = s.tokens.verify(r.PathValue("token"), liveToken)
	}
	if err == nil {
		m := &mailbox{server: s, claims: c, seen: -1}
		feed.Owner, feed.Next, feed.Life = c.Subject, m.next, c.ExpiresAt.Sub(s.clock())
	}
	switch err := s.live.Serve(w, r, feed); {
	case errors.Is(err, live.ErrBusy):
		writeRefusal(w, r, tooManyConnections)
	case err != nil:
		s.logger.LogAttrs(r.Context(), slog.LevelError, "telling a user of his messages failed",
			slog.String("request_id", r.Header.Get(requestIDField)), slog.Any("error", err))
	}
}

func writeRefusal(w http.ResponseWriter, r *http.Request, e operationError) {
	writeFailure(w, newFailure(callerFrom(r), e.status, e.kind, e.code, e.text, nil))
}

// A mailbox is what one connection is told of.
type mailbox struct {
	*server
	claims *claims
	seen   int64 // how often the messages had changed when the client was told
}

// messageUpdate is what the client is told.
type messageUpdate struct {
	Type        string   `json:"type"`
	Unread      int      `json:"unread"`
	LastMessage *message `json:"last_message"`
}

// next returns what to tell the client, nil if his messages have not changed
// since. It runs for every connection after every write of anybody, so both
// questions are asked through the cache, which knows what has changed.
func (m *mailbox) next(ctx context.Context) ([]byte, error) {
	ctx, id := unstale.Outside(ctx), m.claims.Subject
	good, err := m.admits(ctx, m.claims)
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
	update := messageUpdate{Type: "message_update", Unread: in.Unread}
	if in.Last != nil {
		last := showMessage(in.Last)
		update.LastMessage = &last
	}
	return json.Marshal(update)
}

// shownPath returns the path of a request as logs and answers may show it:
// without a token.
func shownPath(path string) string {
	const mark = "/ws/"
	if before, _, found := strings.Cut(path, mark); found {
		return before + mark + "…"
	}
	return path
}
