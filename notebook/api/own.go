package api

import (
	"context"
	"slices"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// own answers for what is a user's own.
type own struct{ service.Own }

func (a *api) ownRoutes() {
	o := own{a.Own}
	handle(a, "GET /api/users/stars", notebook.RoleUser, "List what I have starred", o.stars)
	handle(a, "GET /api/user/stars", notebook.RoleUser, "List what I have starred", o.stars)
	handle(a, "GET /api/users/me/upload-history", notebook.RoleUser, "List what I have uploaded", o.uploadHistory)
	handle(a, "GET /api/users/me/upload-stats", notebook.RoleUser, "Count what I have uploaded", o.uploadStats)
	handle(a, "GET /api/users/me/dashboard-stats", notebook.RoleUser, "Count my uploads, and how popular they are", o.dashboardStats)
	handle(a, "GET /api/users/me/dashboard-trends", notebook.RoleUser, "Count downloads and stars of my uploads by day", o.dashboardTrends)
}

type historyInput struct {
	Page     int    `query:"page" default:"1" doc:"1 for less"`
	PageSize int    `query:"page_size" default:"20" doc:"1 to 100, cut to that"`
	Status   string `query:"status" doc:"approved, pending or rejected; all without it"`
}

// uploadRecord is the record of an upload. Some of it is there under two names.
type uploadRecord struct {
	ID           string            `json:"id"`
	TargetID     string            `json:"target_id"`
	Type         notebook.ItemKind `json:"type"`
	Name         string            `json:"name"`
	Description  *string           `json:"description"`
	Status       string            `json:"status" enum:"success,processing,failed"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    time.Time         `json:"updated_at"`
	TargetExists bool              `json:"target_exists"`
	HasFiles     bool              `json:"has_files"`
	FileType     notebook.ItemKind `json:"fileType"`
	FileName     string            `json:"fileName"`
	FileSize     int64             `json:"fileSize"`
	UploadedAt   time.Time         `json:"uploadedAt"`
}

func showUpload(u *notebook.Upload) uploadRecord {
	status := "processing"
	switch u.State {
	case notebook.StatePublic:
		status = "success"
	case notebook.StateRejected:
		status = "failed"
	}
	return uploadRecord{
		ID: u.ID, TargetID: u.TargetID, Type: u.Kind, Name: u.Name, Description: u.Description, Status: status,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, TargetExists: u.Exists, HasFiles: u.FileSize > 0,
		FileType: u.Kind, FileName: u.Name, FileSize: u.FileSize, UploadedAt: u.CreatedAt,
	}
}

func (o own) uploadHistory(ctx context.Context, in *historyInput) (*pageAnswer[uploadRecord], error) {
	f := notebook.UploadFilter{State: notebook.ItemState(in.Status), Page: cutPage(in.Page, in.PageSize, 100)}
	list, total, err := o.Uploads(ctx, server.User(ctx), f)
	return sayPage(ctx, err, list, showUpload, f.Page, total, "获取上传历史成功", "What you have uploaded")
}

// uploadStats is how many uploads of a user there were.
type uploadStats struct {
	Total     int `json:"total"`
	Success   int `json:"success"`
	Pending   int `json:"pending"`
	Failed    int `json:"failed"`
	Knowledge int `json:"knowledge"`
	Persona   int `json:"persona"`
}

func (o own) uploadStats(ctx context.Context, _ *struct{}) (*answer[uploadStats], error) {
	c, err := o.UploadCounts(ctx, server.User(ctx))
	return reply(ctx, uploadStats{c.Total, c.Approved, c.Pending, c.Rejected, c.Knowledge, c.Persona}, err, "获取上传统计成功", "Your uploads")
}

// dashboardStats is a user's uploads, and how popular those are that they still
// have.
type dashboardStats struct {
	TotalUploads       int `json:"totalUploads"`
	KnowledgeUploads   int `json:"knowledgeUploads"`
	PersonaUploads     int `json:"personaUploads"`
	TotalDownloads     int `json:"totalDownloads"`
	KnowledgeDownloads int `json:"knowledgeDownloads"`
	PersonaDownloads   int `json:"personaDownloads"`
	TotalStars         int `json:"totalStars"`
	KnowledgeStars     int `json:"knowledgeStars"`
	PersonaStars       int `json:"personaStars"`
}

func (o own) dashboardStats(ctx context.Context, _ *struct{}) (*answer[dashboardStats], error) {
	u := server.User(ctx)
	c, err := o.UploadCounts(ctx, u)
	if err != nil {
		return nil, err
	}
	knowledge, err := o.Popularity(ctx, u, notebook.TargetKnowledge)
	if err != nil {
		return nil, err
	}
	persona, err := o.Popularity(ctx, u, notebook.TargetPersona)
	if err != nil {
		return nil, err
	}
	return say(ctx, dashboardStats{
		TotalUploads: c.Total, KnowledgeUploads: c.Knowledge, PersonaUploads: c.Persona,
		TotalDownloads: knowledge.Downloads + persona.Downloads, KnowledgeDownloads: knowledge.Downloads, PersonaDownloads: persona.Downloads,
		TotalStars: knowledge.Stars + persona.Stars, KnowledgeStars: knowledge.Stars, PersonaStars: persona.Stars,
	}, "获取个人数据概览成功", "Your uploads and how popular they are"), nil
}

type trendsInput struct {
	Days int `query:"days" minimum:"1" maximum:"90" default:"30"`
}

// trends is what happened to a user's uploads on each of the last days, in UTC;
// the last is today.
type trends struct {
	Days  int     `json:"days"`
	Items []trend `json:"items"`
}

type trend struct {
	Date               string `json:"date" format:"date" example:"2026-02-24"`
	KnowledgeDownloads int    `json:"knowledgeDownloads"`
	PersonaDownloads   int    `json:"personaDownloads"`
	KnowledgeStars     int    `json:"knowledgeStars"`
	PersonaStars       int    `json:"personaStars"`
}

func (o own) dashboardTrends(ctx context.Context, in *trendsInput) (*answer[trends], error) {
	days, err := o.Days(ctx, server.User(ctx), in.Days)
	if err != nil {
		return nil, err
	}
	t := trends{Days: in.Days, Items: make([]trend, len(days))}
	for i, d := range days {
		t.Items[i] = trend{d.Date.Format(time.DateOnly), d.Knowledge.Downloads, d.Persona.Downloads, d.Knowledge.Stars, d.Persona.Stars}
	}
	return say(ctx, t, "获取个人数据趋势成功", "How popular your uploads were"), nil
}

func (i items) starRoutes() {
	notFound := i.fails(notebook.ErrItemNotFound)
	handle(i.api, i.pattern("GET", "{id}/starred"), notebook.RoleUser, i.Kind.Say("Have I starred this {en}"), i.starred)
	handle(i.api, i.pattern("POST", "{id}/star"), notebook.RoleUser, i.Kind.Say("Star a {en}, or take the star back"), i.toggleStar, notFound)
	handle(i.api, i.pattern("DELETE", "{id}/star"), notebook.RoleUser, i.Kind.Say("Take back my star on a {en}"), i.unstar, notFound, fails(notebook.ErrNotStarred))
}

type starredState struct {
	Starred bool `json:"starred"`
}

func (i items) starred(ctx context.Context, in *byID) (*answer[starredState], error) {
	starred, err := i.Starred(ctx, server.User(ctx), in.ID)
	return reply(ctx, starredState{starred}, err, "收藏状态检查成功", "Whether you have starred it")
}

func (i items) toggleStar(ctx context.Context, in *byID) (*answer[starredState], error) {
	starred, err := i.ToggleStar(ctx, server.User(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if !starred {
		return say(ctx, starredState{false}, "取消收藏成功", "Star taken back"), nil
	}
	return say(ctx, starredState{true}, "收藏成功", "Starred"), nil
}

func (i items) unstar(ctx context.Context, in *byID) (*answer[*nothing], error) {
	return done(ctx, i.Unstar(ctx, server.User(ctx), in.ID), "取消收藏成功", "Star taken back")
}

type starsInput struct {
	IncludeDetails bool   `query:"include_details"`
	Page           int    `query:"page" default:"1" doc:"1 for less"`
	PageSize       int    `query:"page_size" default:"20" doc:"1 to 50, cut to that"`
	StarType       string `query:"star_type" default:"all" doc:"knowledge, persona or all"`
	Type           string `query:"type" doc:"knowledge or persona: an older name of star_type"`
	SortBy         string `query:"sort_by" doc:"created_at or star_count; created_at without one of them"`
	SortOrder      string `query:"sort_order" doc:"asc; desc without it"`
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
	ChangedSince    bool      `json:"changed_since_review" doc:"its content is not what was approved"`
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
		ChangedSince: p.ChangedSince,
	}
	return out
}

func (o own) stars(ctx context.Context, in *starsInput) (*pageAnswer[star], error) {
	f := notebook.StarFilter{Page: cutPage(in.Page, in.PageSize, 50)}
	f.SortBy, f.Ascending = sorting(in.SortBy, in.SortOrder, notebook.StarOrders())
	if in.StarType != "all" {
		f.Kind = notebook.ItemKind(in.StarType)
	}
	if k := notebook.ItemKind(in.Type); slices.Contains(notebook.ItemKinds(), k) {
		f.Kind = k
	}
	list, total, err := o.Stars(ctx, server.User(ctx), f)
	show := showStar
	if in.IncludeDetails {
		show = showStarDetails
	}
	return sayPage(ctx, err, list, show, f.Page, total, "获取收藏记录成功", "What you have starred")
}
