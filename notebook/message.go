package notebook

import (
	"slices"
	"strings"
	"time"
)

// What can go wrong with messages.
var (
	ErrMessageNotFound   = newError(NotFound, "MESSAGE_NOT_FOUND", "消息不存在", "There is no such message")
	ErrRecipientNotFound = newError(NotFound, "RECIPIENT_NOT_FOUND", "接收者不存在", "There is no such recipient")
	ErrMessageTitle      = newError(Invalid, "MESSAGE_TITLE_INVALID", "消息标题不能为空，且不能超过 200 个字符", "A title has 1 to 200 characters")
	ErrMessageContent    = newError(Invalid, "MESSAGE_CONTENT_INVALID", "消息内容不能为空，且不能超过 10000 个字符", "A message has 1 to 10000 characters")
	ErrMessageSummary    = newError(Invalid, "MESSAGE_SUMMARY_INVALID", "消息摘要不能超过 500 个字符", "A summary has at most 500 characters")
	ErrMessageRecipients = newError(Invalid, "MESSAGE_RECIPIENTS_INVALID", "接收者数量必须为 1 至 100", "A message has 1 to 100 recipients")
	ErrMessageScope      = newError(Invalid, "MESSAGE_SCOPE_INVALID", "只有公告可以发送给全体用户，且不能同时指定接收者", "Only an announcement can go to all users, and then to nobody else by name")
)

// Types of messages.
const (
	MessageDirect       = "direct"
	MessageAnnouncement = "announcement"
	MessageComment      = "comment"
	MessageReaction     = "reaction"
)

// ScopeAllUsers is the scope of an announcement to everybody.
const ScopeAllUsers = "all_users"

// A Message is one recipient's copy of what somebody, or the site in his name,
// tells him.
type Message struct {
	ID             string
	RecipientID    string
	SenderID       string
	Title          string
	Content        string
	Summary        *string
	Type           string
	BroadcastID    *string // of an announcement: shared by all its copies
	BroadcastScope *string // of an announcement to everybody: ScopeAllUsers
	Read           bool
	CreatedAt      time.Time
}

// maxRecipients is how many recipients somebody can name at once.
const maxRecipients = 100

// checkMessage trims the texts that are not nil, and checks them.
func checkMessage(title, content, summary *string) error {
	long := func(s *string, most int) bool {
		if s == nil {
			return false
		}
		*s = strings.TrimSpace(*s)
		return tooLong(*s, most)
	}
	switch {
	case long(title, maxMessageTitle) || title != nil && *title == "":
		return ErrMessageTitle
	case long(content, maxMessageContent) || content != nil && *content == "":
		return ErrMessageContent
	case long(summary, maxMessageSummary):
		return ErrMessageSummary
	}
	for _, text := range []*string{title, content, summary} {
		if text != nil && !IsText(*text) {
			return ErrText
		}
	}
	return nil
}

// A NewMessage is what somebody sends.
type NewMessage struct {
	SenderID       string
	Type           string // MessageDirect or MessageAnnouncement
	Title, Content string
	Summary        *string
	Recipients     []string // their ids
	ToAll          bool     // instead of Recipients, to every active user but the sender
}

// Normalize trims the texts, removes recipients that are named twice or not at
// all, and checks everything but whether they exist.
func (n *NewMessage) Normalize() error {
	if err := checkMessage(&n.Title, &n.Content, n.Summary); err != nil {
		return err
	}
	slices.Sort(n.Recipients)
	n.Recipients = slices.Compact(n.Recipients)
	n.Recipients = slices.DeleteFunc(n.Recipients, func(id string) bool { return id == "" })
	switch {
	case n.ToAll && (n.Type != MessageAnnouncement || len(n.Recipients) > 0):
		return ErrMessageScope
	case !n.ToAll && (len(n.Recipients) == 0 || len(n.Recipients) > maxRecipients):
		return ErrMessageRecipients
	}
	return nil
}

// SendableBy returns nil if the user may send the message: everybody may write
// to whom they name. To all, and announcements, which people take for the site's
// own, are for moderators and admins.
func (n *NewMessage) SendableBy(u *User) error {
	if (n.ToAll || n.Type == MessageAnnouncement) && !u.Role.Includes(RoleModerator) {
		return ErrForbidden
	}
	return nil
}

// ReadableBy returns nil if the user may read the message: he got it or sent it.
func (m *Message) ReadableBy(u *User) error {
	if u.ID == m.RecipientID || u.ID == m.SenderID {
		return nil
	}
	return ErrForbidden
}

// ReceivedBy returns nil if the message is the user's.
func (m *Message) ReceivedBy(u *User) error {
	if u.ID == m.RecipientID {
		return nil
	}
	return ErrForbidden
}

// DeletableBy returns nil if the user may delete the message, and whether that
// concerns every copy: the sender of an announcement acts on all of them, a
// recipient on theirs.
func (m *Message) DeletableBy(u *User) (every bool, err error) {
	if m.ChangeableBy(u) == nil {
		return true, nil
	}
	return false, m.ReceivedBy(u)
}

// ChangeableBy returns nil if the user may change every copy of the message: the
// sender of an announcement. Nobody changes what another has said, and nobody what
// one person was told by them.
func (m *Message) ChangeableBy(u *User) error {
	if m.Type == MessageAnnouncement && m.BroadcastID != nil && u.ID == m.SenderID {
		return nil
	}
	return ErrForbidden
}

// A MessageChange is what somebody wants to change of a message; nil, or a text
// with nothing in it, leaves a field as it is.
type MessageChange struct{ Title, Content, Summary *string }

// Apply changes the message after trimming and checking the texts.
func (m *Message) Apply(change MessageChange) error {
	for _, text := range []**string{&change.Title, &change.Content, &change.Summary} {
		if *text != nil && strings.TrimSpace(**text) == "" {
			*text = nil
		}
	}
	if change == (MessageChange{}) {
		return ErrNothingToDo
	}
	if err := checkMessage(change.Title, change.Content, change.Summary); err != nil {
		return err
	}
	if change.Title != nil {
		m.Title = *change.Title
	}
	if change.Content != nil {
		m.Content = *change.Content
	}
	if change.Summary != nil {
		m.Summary = change.Summary
	}
	return nil
}

// A MessageFilter says which messages to list, the newest first.
type MessageFilter struct {
	UserID  string // whose
	OtherID string // instead of what he got: what he and this user wrote to each other
	Type    string // only messages of this type
	Page    Page
}

// An Inbox is what a user's messages come to.
type Inbox struct {
	Unread int
	Last   *Message // the newest, nil if there is none
}

// A Broadcast is an announcement to all users as its sender wrote it, with what
// became of its copies.
type Broadcast struct {
	ID          string // of one of the copies
	BroadcastID string // that the copies share
	SenderID    string
	SenderName  string
	SenderEmail string
	Title       string
	Content     string
	Summary     *string
	Sent, Read  int // copies that there are, and those of them that were read
	CreatedAt   time.Time
}
