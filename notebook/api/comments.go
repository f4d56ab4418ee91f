package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// comments answers for what people say about items.
type comments struct{ service.Comments }

func (a *api) commentRoutes() {
	c := comments{a.Comments}
	gone := fails(notebook.ErrItemNotFound.Of(notebook.TargetPersona), notebook.ErrItemNotFound.Of(notebook.TargetKnowledge))
	unknown := fails(notebook.ErrCommentNotFound)
	handle(a, "GET /api/comments", notebook.RoleUser, "List the comments on a persona card or knowledge base", c.list, gone)
	handle(a, "POST /api/comments", notebook.RoleUser, "Comment on a persona card or knowledge base, or answer a comment", c.add, gone, unknown,
		fails(notebook.ErrCommentContent, notebook.ErrMuted, notebook.ErrCommentsFull, notebook.ErrCommentDepth, notebook.ErrTooManyRequests))
	handle(a, "POST /api/comments/{id}/react", notebook.RoleUser, "Like or dislike a comment, or take that back", c.react, unknown, fails(notebook.ErrTooManyRequests))
	handle(a, "DELETE /api/comments/{id}", notebook.RoleUser, "Delete a comment and what answers it", c.delete, unknown)
	handle(a, "POST /api/comments/{id}/restore", notebook.RoleUser, "Bring a deleted comment back, with what its deletion took", c.restore, unknown,
		fails(notebook.ErrCommentNotDeleted, notebook.ErrCommentParentGone, notebook.ErrMuted))
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

func (c comments) list(ctx context.Context, in *commentsInput) (*answer[[]comment], error) {
	list, err := c.On(ctx, server.User(ctx), notebook.ItemKind(in.TargetType), in.TargetID)
	all := make([]comment, len(list))
	for i := range list {
		all[i] = showComment(&list[i])
	}
	return reply(ctx, all, err, "获取评论成功", "The comments")
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

func (c comments) add(ctx context.Context, in *commentInput) (*answer[comment], error) {
	b := in.Body
	made, err := c.Add(ctx, server.User(ctx), notebook.ItemKind(b.TargetType), b.TargetID, b.ParentID, b.Content)
	return shown(ctx, made, err, showComment, "评论发表成功", "Comment added")
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

func showReacted(c *notebook.Comment) reacted {
	return reacted{c.ID, c.Likes, c.Dislikes, showReaction(c.Mine)}
}

func (c comments) react(ctx context.Context, in *reactInput) (*answer[reacted], error) {
	r := notebook.Reaction(in.Body.Action)
	if r == "clear" {
		r = notebook.NoReaction
	}
	about, err := c.React(ctx, server.User(ctx), in.ID, r)
	return shown(ctx, about, err, showReacted, "操作成功", "Done")
}

// named is a comment that is only named.
type named struct {
	ID string `json:"id"`
}

func (c comments) delete(ctx context.Context, in *byID) (*answer[named], error) {
	return reply(ctx, named{in.ID}, c.Delete(ctx, server.User(ctx), in.ID), "评论删除成功", "Comment deleted")
}

func (c comments) restore(ctx context.Context, in *byID) (*answer[named], error) {
	return reply(ctx, named{in.ID}, c.Restore(ctx, server.User(ctx), in.ID), "评论恢复成功", "Comment restored")
}
