package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

func (s *server) starRoutes() {
	handle(s, "GET /api/users/stars", users, "List what I have starred", s.stars)
	handle(s, "GET /api/user/stars", users, "List what I have starred", s.stars)
}

func (i items) starRoutes() {
	notFound := i.fails(notebook.ErrItemNotFound)
	handle(i.server, i.pattern("GET", "{id}/starred"), users, i.text("Have I starred this {en}"), i.starred)
	handle(i.server, i.pattern("POST", "{id}/star"), users, i.text("Star a {en}, or take the star back"), i.toggleStar, notFound)
	handle(i.server, i.pattern("DELETE", "{id}/star"), users, i.text("Take back my star on a {en}"), i.unstar, notFound, fails(notebook.ErrNotStarred))
}

type starredState struct {
	Starred bool `json:"starred"`
}

func (i items) starred(ctx context.Context, in *byID) (*answer[starredState], error) {
	starred, err := i.store.Starred(ctx, userOf(ctx).ID, i.kind, in.ID)
	if err != nil {
		return nil, err
	}
	return say(ctx, starredState{starred}, "收藏状态检查成功", "Whether you have starred it"), nil
}

func (i items) toggleStar(ctx context.Context, in *byID) (*answer[starredState], error) {
	u := userOf(ctx)
	starred, err := i.store.ToggleStar(ctx, u.ID, i.kind, in.ID, i.now(), func(found *notebook.Item) error { return found.ReadableBy(u) })
	if err != nil {
		return nil, err
	}
	if !starred {
		return say(ctx, starredState{false}, "取消收藏成功", "Star taken back"), nil
	}
	return say(ctx, starredState{true}, "收藏成功", "Starred"), nil
}

func (i items) unstar(ctx context.Context, in *byID) (*answer[*nothing], error) {
	if err := i.store.Unstar(ctx, userOf(ctx).ID, i.kind, in.ID); err != nil {
		return nil, err
	}
	return said(ctx, "取消收藏成功", "Star taken back"), nil
}

type starsInput struct {
	IncludeDetails bool   `query:"include_details"`
	Page           int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize       int    `query:"page_size" minimum:"1" maximum:"50" default:"20"`
	StarType       string `query:"star_type" enum:"all,knowledge,persona" default:"all"`
	Type           string `query:"type" enum:"all,knowledge,persona" default:"all" doc:"an older name of star_type"`
	SortBy         string `query:"sort_by" enum:"created_at,star_count" default:"created_at"`
	SortOrder      string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

// star is something starred. With details it has all columns of what was
// starred, whose id and creation then take the place of the star's.
type star struct {
	ID          string    `json:"id"`
	Type        string    `json:"type"`
	TargetID    string    `json:"target_id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	StarCount   int       `json:"star_count"`
	CreatedAt   time.Time `json:"created_at"`
	*starDetails
}

// starDetails is what an item has that every star has not.
type starDetails struct {
	UploaderID      string    `json:"uploader_id"`
	Author          string    `json:"author"`
	AuthorID        string    `json:"author_id"`
	CopyrightOwner  *string   `json:"copyright_owner"`
	Content         *string   `json:"content"`
	Tags            *string   `json:"tags"`
	Downloads       int       `json:"downloads"`
	BasePath        string    `json:"base_path"`
	IsPublic        bool      `json:"is_public"`
	IsPending       bool      `json:"is_pending"`
	RejectionReason *string   `json:"rejection_reason"`
	Version         string    `json:"version"`
	UpdatedAt       time.Time `json:"updated_at"`
}

func showStar(v *notebook.Star) star {
	return star{
		ID: v.ID, Type: string(v.Item.Kind), TargetID: v.Item.ID, Name: v.Item.Name, Description: v.Item.Description,
		StarCount: v.Item.StarCount, CreatedAt: v.CreatedAt,
	}
}

func showStarDetails(v *notebook.Star) star {
	out, p := showStar(v), showItem(&v.Item)
	out.ID, out.CreatedAt = p.ID, p.CreatedAt
	out.starDetails = &starDetails{
		UploaderID: p.UploaderID, Author: p.Author, AuthorID: p.AuthorID, CopyrightOwner: p.CopyrightOwner, Content: p.Content,
		Tags: p.Tags, Downloads: p.Downloads, BasePath: p.BasePath, IsPublic: p.IsPublic, IsPending: p.IsPending,
		RejectionReason: p.RejectionReason, Version: p.Version, UpdatedAt: p.UpdatedAt,
	}
	return out
}

func (s *server) stars(ctx context.Context, in *starsInput) (*pageAnswer[star], error) {
	f := notebook.StarFilter{
		UserID: userOf(ctx).ID, SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	for _, t := range []string{in.StarType, in.Type} {
		if t != "all" {
			f.Kind = notebook.ItemKind(t)
		}
	}
	list, total, err := s.store.Stars(ctx, f)
	if err != nil {
		return nil, err
	}
	show := showStar
	if in.IncludeDetails {
		show = showStarDetails
	}
	return sayPage(ctx, list, show, f.Page, total, "获取收藏记录成功", "What you have starred"), nil
}
