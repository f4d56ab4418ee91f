package api

import (
	"context"
	"strings"

	"github.com/unstale/unstale/notebook"
)

func (s *server) reviewRoutes() {
	handle(s, "GET /api/review/persona/pending", moderators, "List persona cards in review", s.pendingPersonas)
	handle(s, "POST /api/review/persona/{id}/approve", moderators, "Make a persona card in review public", s.approvePersona)
	handle(s, "POST /api/review/persona/{id}/reject", moderators, "Reject a persona card in review", s.rejectPersona)
}

type pendingInput struct {
	Page       int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize   int    `query:"page_size" minimum:"1" maximum:"100" default:"10"`
	Name       string `query:"name" doc:"part of the name"`
	UploaderID string `query:"uploader_id" doc:"id or username"`
	SortBy     string `query:"sort_by" enum:"created_at,updated_at,star_count" default:"created_at"`
	SortOrder  string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

func (s *server) pendingPersonas(ctx context.Context, in *pendingInput) (*pageAnswer[persona], error) {
	f := notebook.CardFilter{
		State: notebook.StatePending, Name: in.Name, Uploader: in.UploaderID,
		SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	cards, total, err := s.store.Cards(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, cards, showPersona, f.Page, total, "获取待审核人设卡成功", "Persona cards in review"), nil
}

func (s *server) approvePersona(ctx context.Context, in *byID) (*answer[*nothing], error) {
	if err := s.store.ReviewCard(ctx, in.ID, userOf(ctx).ID, notebook.Verdict{Approved: true}, s.now()); err != nil {
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

func (s *server) rejectPersona(ctx context.Context, in *rejectInput) (*answer[*nothing], error) {
	v := notebook.Verdict{Reason: strings.TrimSpace(in.Body.Reason)}
	if v.Reason == "" {
		return nil, notebook.ErrReasonMissing
	}
	if err := s.store.ReviewCard(ctx, in.ID, userOf(ctx).ID, v, s.now()); err != nil {
		return nil, err
	}
	return said(ctx, "审核拒绝，已发送通知", "Rejected; the uploader has been told"), nil
}
