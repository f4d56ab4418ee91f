package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

func (s *server) historyRoutes() {
	handle(s, "GET /api/users/me/upload-history", users, "List what I have uploaded", s.uploadHistory)
	handle(s, "GET /api/users/me/upload-stats", users, "Count what I have uploaded", s.uploadStats)
	handle(s, "GET /api/users/me/dashboard-stats", users, "Count my uploads, and how popular they are", s.dashboardStats)
	handle(s, "GET /api/users/me/dashboard-trends", users, "Count downloads and stars of my uploads by day", s.dashboardTrends)
}

type historyInput struct {
	Page     int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Status   string `query:"status" enum:"approved,pending,rejected" doc:"all without it"`
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

func (s *server) uploadHistory(ctx context.Context, in *historyInput) (*pageAnswer[uploadRecord], error) {
	f := notebook.UploadFilter{
		UserID: userOf(ctx).ID, State: notebook.ItemState(in.Status), Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	list, total, err := s.store.Uploads(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, list, showUpload, f.Page, total, "获取上传历史成功", "What you have uploaded"), nil
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

func (s *server) uploadStats(ctx context.Context, _ *struct{}) (*answer[uploadStats], error) {
	c, err := s.store.UploadCounts(ctx, userOf(ctx).ID)
	if err != nil {
		return nil, err
	}
	return say(ctx, uploadStats{c.Total, c.Approved, c.Pending, c.Rejected, c.Knowledge, c.Persona}, "获取上传统计成功", "Your uploads"), nil
}

// dashboardStats is a user's uploads, and how popular those are that he still
// has.
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

func (s *server) dashboardStats(ctx context.Context, _ *struct{}) (*answer[dashboardStats], error) {
	id := userOf(ctx).ID
	c, err := s.store.UploadCounts(ctx, id)
	if err != nil {
		return nil, err
	}
	knowledge, err := s.store.Popularity(ctx, notebook.TargetKnowledge, id)
	if err != nil {
		return nil, err
	}
	persona, err := s.store.Popularity(ctx, notebook.TargetPersona, id)
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

func (s *server) dashboardTrends(ctx context.Context, in *trendsInput) (*answer[trends], error) {
	days, err := s.store.Days(ctx, userOf(ctx).ID, s.today(ctx), in.Days)
	if err != nil {
		return nil, err
	}
	t := trends{Days: in.Days, Items: make([]trend, len(days))}
	for i, d := range days {
		t.Items[i] = trend{d.Date.Format(time.DateOnly), d.Knowledge.Downloads, d.Persona.Downloads, d.Knowledge.Stars, d.Persona.Stars}
	}
	return say(ctx, t, "获取个人数据趋势成功", "How popular your uploads were"), nil
}
