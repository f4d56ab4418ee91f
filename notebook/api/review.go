package api

import (
	"context"
	"strings"

	"github.com/unstale/unstale/notebook"
)

func (i items) reviewRoutes() {
	fails := i.fails(notebook.ErrItemNotFound, notebook.ErrNotPending)
	handle(i.server, i.review("GET", "pending"), moderators, i.text("List {en}s in review"), i.pending)
	handle(i.server, i.review("POST", "{id}/approve"), moderators, i.text("Make a {en} in review public"), i.approve, fails)
	handle(i.server, i.review("POST", "{id}/reject"), moderators, i.text("Reject a {en} in review"), i.reject, fails)
}

// review returns the pattern of a route about the review of the kind's items.
func (i items) review(method, rest string) string {
	return method + " /api/review/" + string(i.kind) + "/" + rest
}

type pendingInput struct {
	Page       int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize   int    `query:"page_size" minimum:"1" maximum:"100" default:"10"`
	Name       string `query:"name" doc:"part of the name"`
	UploaderID string `query:"uploader_id" doc:"id or username"`
	SortBy     string `query:"sort_by" enum:"created_at,updated_at,star_count" default:"created_at"`
	SortOrder  string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

func (i items) pending(ctx context.Context, in *pendingInput) (*pageAnswer[item], error) {
	f := notebook.ItemFilter{
		Kind: i.kind, State: notebook.StatePending, Name: in.Name, Uploader: in.UploaderID,
		SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	list, total, err := i.store.Items(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, list, showItem, f.Page, total, i.text("获取待审核{zh}成功"), i.text("{En}s in review")), nil
}

func (i items) approve(ctx context.Context, in *byID) (*answer[*nothing], error) {
	if err := i.store.ReviewItem(ctx, i.kind, in.ID, userOf(ctx).ID, notebook.Verdict{Approved: true}, i.now()); err != nil {
		return nil, err
	}
	return said(ctx, "审核通过，已发送通知", "Approved; the uploader has been told"), nil
}

type rejectInput struct {
	ID   string `path:"id"`
	Body struct {
		_      struct{} `additionalProperties:"true"`
		Reason string   `json:"reason"`
	}
}

func (i items) reject(ctx context.Context, in *rejectInput) (*answer[*nothing], error) {
	v := notebook.Verdict{Reason: strings.TrimSpace(in.Body.Reason)}
	if v.Reason == "" {
		return nil, notebook.ErrReasonMissing
	}
	if err := i.store.ReviewItem(ctx, i.kind, in.ID, userOf(ctx).ID, v, i.now()); err != nil {
		return nil, err
	}
	return said(ctx, "审核拒绝，已发送通知", "Rejected; the uploader has been told"), nil
}
