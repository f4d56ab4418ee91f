package notebook

import (
	"strings"
	"time"
)

// What can go wrong with comments.
var (
	ErrCommentNotFound   = newError(NotFound, "COMMENT_NOT_FOUND", "评论不存在", "There is no such comment")
	ErrCommentContent    = newError(Invalid, "COMMENT_CONTENT_INVALID", "评论内容不能为空，且不能超过 500 个字符", "A comment has 1 to 500 characters")
	ErrMuted             = newError(Forbidden, "USER_MUTED", "您已被禁言，无法发表评论", "You are muted and cannot comment")
	ErrCommentNotDeleted = newError(Conflict, "COMMENT_NOT_DELETED", "评论未被删除", "The comment is not deleted")
	ErrCommentsFull      = newError(Conflict, "COMMENTS_FULL", "评论数量已达上限", "There are as many comments here as there may be")
	ErrCommentDepth      = newError(Invalid, "COMMENT_TOO_DEEP", "回复层级过深，请直接评论", "This answers an answer to too many answers; please comment anew")
	ErrCommentParentGone = newError(Conflict, "COMMENT_PARENT_DELETED", "上级评论已被删除，请先恢复上级评论", "The comment that this one answers is deleted; restore that one first")
)

// How many comments there are on one target, deleted ones included, of all and of
// one user, and how deep answers go. Whoever lists them gets all of them.
const (
	MaxComments       = 1000
	MaxCommentsOfUser = 200
	MaxCommentDepth   = 16
)

// CommentsAllow returns nil if a user may add a comment to a target that has so many
// comments, so many of them theirs, below so many others.
func CommentsAllow(all, own, depth int) error {
	switch {
	case all >= MaxComments || own >= MaxCommentsOfUser:
		return ErrCommentsFull
	case depth >= MaxCommentDepth:
		return ErrCommentDepth
	}
	return nil
}

// A Target is what comments have to know of the item that they are about.
type Target struct {
	Kind       ItemKind
	ID         string
	Name       string
	UploaderID string
	Public     bool
}

// ReadableBy returns nil if the user may read the target and its comments.
func (t *Target) ReadableBy(u *User) error { return t.item().ReadableBy(u) }

// ManagedBy returns nil if the user may change the target.
func (t *Target) ManagedBy(u *User) error { return t.item().ManagedBy(u) }

func (t *Target) item() *Item {
	return &Item{Kind: t.Kind, ID: t.ID, Name: t.Name, UploaderID: t.UploaderID, Public: t.Public}
}

// title names the target in a message.
func (t *Target) title() string { return t.Kind.Noun().ZH + "《" + t.Name + "》" }

// A Reaction is what somebody thinks of a comment.
type Reaction string

// The reactions; NoReaction takes back the one before.
const (
	NoReaction Reaction = ""
	Like       Reaction = "like"
	Dislike    Reaction = "dislike"
)

// After returns the reaction that somebody has who had one and now gives r:
// the same one again takes it back.
func (r Reaction) After(before Reaction) Reaction {
	if r == before {
		return NoReaction
	}
	return r
}

// A Comment is what somebody says about a target, or answers to another comment
// on it.
type Comment struct {
	ID              string
	UserID          string
	Username        string
	AvatarUpdatedAt *time.Time // of the author's avatar
	TargetKind      ItemKind
	TargetID        string
	ParentID        *string // of the comment that this one answers
	Content         string
	Deleted         bool
	DeletedWith     *string // of a deleted one: the comment whose deletion took it
	DeletedBy       *string // of a deleted one: who did it, nil if nobody knows
	Likes, Dislikes int
	Mine            Reaction // of whoever asked
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Normalize trims the content and checks it.
func (c *Comment) Normalize() error {
	c.Content = strings.TrimSpace(c.Content)
	if c.Content == "" || tooLong(c.Content, maxComment) {
		return ErrCommentContent
	}
	return CheckText(c.Content)
}

// signature ends what the site says to somebody in its own name. Front ends show
// a message with it in a dialog.
const signature = "—— 麦麦"

// CommentAt returns nil if the user may comment at the time, or ErrMuted, which
// then says why.
func (u *User) CommentAt(now time.Time) error {
	if !u.MutedAt(now) {
		return nil
	}
	reason := defaultReason
	if u.MuteReason != nil {
		reason = *u.MuteReason
	}
	why := ErrMuted.With("muted_until", u.MutedUntil)
	why.Text = Text{
		ZH: ErrMuted.Text.ZH + "。\n\n禁言原因：" + reason + "\n\n如有疑问，可以联系管理员。\n\n" + signature,
		EN: ErrMuted.Text.EN + ".\n\nThe reason: " + reason + "\n\nThe admins answer questions.\n\n" + signature,
	}
	return why
}

// ManagedBy returns nil if the user may delete the comment on the target: its
// author, the target's owner, moderators and admins.
func (c *Comment) ManagedBy(u *User, t *Target) error {
	if u.ID == c.UserID {
		return nil
	}
	return t.ManagedBy(u)
}

// RestorableBy returns nil if the user, who may manage the deleted comment, may
// restore it at the time: moderators and admins, and who has deleted it, but not
// while muted.
func (c *Comment) RestorableBy(u *User, now time.Time) error {
	if u.Role.Includes(RoleModerator) {
		return nil
	}
	if c.DeletedBy == nil || *c.DeletedBy != u.ID {
		return ErrForbidden
	}
	return u.CommentAt(now)
}

// Restorable returns nil if a deletion of the comment itself can be undone, given
// the comment that it answers, if any.
func (c *Comment) Restorable(parent *Comment) error {
	switch {
	case !c.Deleted:
		return ErrCommentNotDeleted
	case parent != nil && parent.Deleted:
		return ErrCommentParentGone
	}
	return nil
}

// Notices returns the messages that tell of a new comment on the target: to the
// author of the comment that it answers, if any, and to the target's owner. The
// author is told nothing, and nobody twice.
func (c *Comment) Notices(t *Target, parent *Comment) []Message {
	var list []Message
	tell := func(recipient, title, what string) {
		if recipient == c.UserID || len(list) > 0 && list[0].RecipientID == recipient {
			return
		}
		list = append(list, Message{
			RecipientID: recipient, SenderID: c.UserID, Type: MessageComment, Title: title,
			Content: c.Username + " " + what + "：\n\n" + c.Content, CreatedAt: c.CreatedAt,
		})
	}
	if parent != nil {
		tell(parent.UserID, "您的评论有新回复", "在"+t.title()+"下回复了您的评论")
	}
	tell(t.UploaderID, "您的"+t.title()+"有新评论", "评论了您的"+t.title())
	return list
}

// ReactionNotice returns the message that tells the comment's author what the
// user thinks of it, nil where there is nothing to tell.
func (c *Comment) ReactionNotice(t *Target, by *User, r Reaction, now time.Time) *Message {
	if r == NoReaction || by.ID == c.UserID {
		return nil
	}
	what := "赞"
	if r == Dislike {
		what = "踩"
	}
	return &Message{
		RecipientID: c.UserID, SenderID: by.ID, Type: MessageReaction, Title: "您的评论收到了一个" + what,
		Content: by.Username + " " + what + "了您在" + t.title() + "下的评论：\n\n" + c.Content, CreatedAt: now,
	}
}
