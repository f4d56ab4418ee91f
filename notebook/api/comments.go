package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

func (s *server) commentRoutes() {
	gone := fails(notebook.ErrItemNotFound.Of(notebook.TargetPersona), notebook.ErrItemNotFound.Of(notebook.TargetKnowledge))
	unknown := fails(notebook.ErrCommentNotFound)
	handle(s, "GET /api/comments", users, "List the comments on a persona card or knowledge base", s.comments, gone)
	handle(s, "POST /api/comments", users, "Comment on a persona card or knowledge base, or answer a comment", s.addComment, gone, unknown,
		fails(notebook.ErrCommentContent, notebook.ErrMuted))
	handle(s, "POST /api/comments/{id}/react", users, "Like or dislike a comment, or take that back", s.react, unknown)
	handle(s, "DELETE /api/comments/{id}", users, "Delete a comment and what answers it", s.deleteComment, unknown)
	handle(s, "POST /api/comments/{id}/restore", users, "Bring a deleted comment back, with what its deletion took", s.restoreComment, unknown,
		fails(notebook.ErrCommentNotDeleted, notebook.ErrCommentParentGone))
}

// comment is a comment as a user sees it.
type comment struct {
	ID              string     `json:"id"`
	UserID          string     `json:"userId"`
	Username        string     `json:"username"`
	AvatarUpdatedAt *time.Time `json:"avatarUpdatedAt"`
	ParentID        *string    `json:"parentId"`
	Content         string     `json:"content"`
	CreatedAt       time.Time  `json:"createdAt"`
	LikeCount       int        `json:"likeCount"`
	DislikeCount    int        `json:"dislikeCount"`
	MyReaction      *string    `json:"myReaction" doc:"like, dislike or null"`
}

func showComment(c *notebook.Comment) comment {
	return comment{
		ID: c.ID, UserID: c.UserID, Username: c.Username, AvatarUpdatedAt: c.AvatarUpdatedAt, ParentID: c.ParentID, Content: c.Content,
		CreatedAt: c.CreatedAt, LikeCount: c.Likes, DislikeCount: c.Dislikes, MyReaction: showReaction(c.Mine),
	}
}

func showReaction(r notebook.Reaction) *string {
	if r == notebook.NoReaction {
		return nil
	}
	return (*string)(&r)
}

type commentsInput struct {
	TargetType string `query:"target_type" enum:"persona,knowledge" required:"true"`
	TargetID   string `query:"target_id" minLength:"1" required:"true"`
}

func (s *server) comments(ctx context.Context, in *commentsInput) (*answer[[]comment], error) {
	u, kind := userOf(ctx), notebook.ItemKind(in.TargetType)
	t, err := s.store.Target(ctx, kind, in.TargetID)
	if err != nil {
		return nil, err
	}
	if err := t.ReadableBy(u); err != nil {
		return nil, err
	}
	list, err := s.store.Comments(ctx, u.ID, kind, in.TargetID)
	if err != nil {
		return nil, err
	}
	shown := make([]comment, len(list))
	for i := range list {
		shown[i] = showComment(&list[i])
	}
	return say(ctx, shown, "获取评论成功", "The comments"), nil
}

type commentInput struct {
	Body struct {
		_          struct{} `additionalProperties:"true"`
		Content    string   `json:"content" doc:"1 to 500 characters"`
		TargetType string   `json:"target_type" enum:"persona,knowledge"`
		TargetID   string   `json:"target_id" minLength:"1"`
		ParentID   *string  `json:"parent_id,omitempty" nullable:"true" doc:"of the comment that this one answers"`
	}
}

func (s *server) addComment(ctx context.Context, in *commentInput) (*answer[comment], error) {
	u, b, now := userOf(ctx), in.Body, s.now()
	if err := u.CommentAt(now); err != nil {
		return nil, err
	}
	if b.ParentID != nil && *b.ParentID == "" {
		b.ParentID = nil
	}
	c := &notebook.Comment{
		UserID: u.ID, Username: u.Username, AvatarUpdatedAt: u.AvatarUpdatedAt, TargetKind: notebook.ItemKind(b.TargetType),
		TargetID: b.TargetID, ParentID: b.ParentID, Content: b.Content, CreatedAt: now, UpdatedAt: now,
	}
	if err := c.Normalize(); err != nil {
		return nil, err
	}
	if err := s.store.CreateComment(ctx, c, func(t *notebook.Target) error { return t.ReadableBy(u) }); err != nil {
		return nil, err
	}
	return say(ctx, showComment(c), "评论发表成功", "Comment added"), nil
}

type reactInput struct {
	ID   string `path:"id"`
	Body struct {
		_      struct{} `additionalProperties:"true"`
		Action string   `json:"action" enum:"like,dislike,clear" doc:"the same one again takes it back"`
	}
}

// reacted is what a comment's reactions come to.
type reacted struct {
	ID           string  `json:"id"`
	LikeCount    int     `json:"likeCount"`
	DislikeCount int     `json:"dislikeCount"`
	MyReaction   *string `json:"myReaction" doc:"like, dislike or null"`
}

func (s *server) react(ctx context.Context, in *reactInput) (*answer[reacted], error) {
	r := notebook.Reaction(in.Body.Action)
	if r == "clear" {
		r = notebook.NoReaction
	}
	u := userOf(ctx)
	c, err := s.store.React(ctx, u, in.ID, r, s.now(), func(t *notebook.Target) error { return t.ReadableBy(u) })
	if err != nil {
		return nil, err
	}
	return say(ctx, reacted{c.ID, c.Likes, c.Dislikes, showReaction(c.Mine)}, "操作成功", "Done"), nil
}

func (s *server) deleteComment(ctx context.Context, in *byID) (*answer[*nothing], error) {
	u := userOf(ctx)
	err := s.store.DeleteComment(ctx, in.ID, s.now(), func(c *notebook.Comment, t *notebook.Target) error { return c.ManagedBy(u, t) })
	if err != nil {
		return nil, err
	}
	return said(ctx, "评论删除成功", "Comment deleted"), nil
}

func (s *server) restoreComment(ctx context.Context, in *byID) (*answer[*nothing], error) {
	u := userOf(ctx)
	err := s.store.RestoreComment(ctx, in.ID, s.now(), func(c *notebook.Comment, t *notebook.Target) error { return c.ManagedBy(u, t) })
	if err != nil {
		return nil, err
	}
	return said(ctx, "评论恢复成功", "Comment restored"), nil
}
