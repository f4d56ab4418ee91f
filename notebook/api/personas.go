package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
)

func (s *server) personaRoutes() {
	handle(s, "GET /api/persona/public", anyone, "List public persona cards", s.publicPersonas)
	handle(s, "GET /api/persona/user/{user_id}", users, "List a user's persona cards", s.userPersonas)
	handle(s, "GET /api/persona/{id}", anyone, "Show a persona card", s.persona)
	handle(s, "PUT /api/persona/{id}", users, "Change a persona card", s.updatePersona)
	handle(s, "DELETE /api/persona/{id}", users, "Delete a persona card", s.deletePersona)
}

// persona is a card as clients see it.
type persona struct {
	ID              string    `json:"id"`
	Name            string    `json:"name"`
	Description     string    `json:"description"`
	UploaderID      string    `json:"uploader_id"`
	Author          string    `json:"author"`
	AuthorID        string    `json:"author_id"`
	CopyrightOwner  *string   `json:"copyright_owner"`
	Content         *string   `json:"content"`
	Tags            *string   `json:"tags"`
	StarCount       int       `json:"star_count"`
	Downloads       int       `json:"downloads"`
	BasePath        string    `json:"base_path"`
	IsPublic        bool      `json:"is_public"`
	IsPending       bool      `json:"is_pending"`
	RejectionReason *string   `json:"rejection_reason"`
	Version         string    `json:"version"`
	CreatedAt       time.Time `json:"created_at"`
	UpdatedAt       time.Time `json:"updated_at"`
}

func showPersona(c *notebook.PersonaCard) persona {
	return persona{
		ID: c.ID, Name: c.Name, Description: c.Description, UploaderID: c.UploaderID, Author: c.Author, AuthorID: c.UploaderID,
		CopyrightOwner: c.CopyrightOwner, Content: c.Content, Tags: c.Tags, StarCount: c.StarCount, Downloads: c.Downloads,
		BasePath: c.BasePath, IsPublic: c.Public, IsPending: c.Pending, RejectionReason: c.RejectionReason, Version: c.Version,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// personaFile is a file of a card as clients see it.
type personaFile struct {
	FileID       string    `json:"file_id"`
	FileName     string    `json:"file_name"`
	OriginalName string    `json:"original_name"`
	FileType     string    `json:"file_type"`
	FileSize     int64     `json:"file_size"`
	CreatedAt    time.Time `json:"created_at"`
}

// personaDetail is a card with its files.
type personaDetail struct {
	persona
	Files []personaFile `json:"files"`
}

type publicInput struct {
	Page       int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize   int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Name       string `query:"name" doc:"part of the name"`
	UploaderID string `query:"uploader_id" doc:"id or username"`
	SortBy     string `query:"sort_by" enum:"created_at,updated_at,star_count" default:"created_at"`
	SortOrder  string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

func (s *server) publicPersonas(ctx context.Context, in *publicInput) (*pageAnswer[persona], error) {
	f := notebook.CardFilter{
		State: notebook.StatePublic, Name: in.Name, Uploader: in.UploaderID,
		SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	cards, total, err := s.store.Cards(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, cards, showPersona, f.Page, total, "公开人设卡获取成功", "Public persona cards"), nil
}

type userPersonasInput struct {
	UserID    string `path:"user_id"`
	Page      int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize  int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Name      string `query:"name" doc:"part of the name"`
	Tag       string `query:"tag" doc:"part of a tag"`
	Status    string `query:"status" enum:"all,pending,approved,rejected" default:"all"`
	SortBy    string `query:"sort_by" enum:"created_at,updated_at,name,downloads,star_count" default:"created_at"`
	SortOrder string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

func (s *server) userPersonas(ctx context.Context, in *userPersonasInput) (*pageAnswer[persona], error) {
	u := userOf(ctx)
	if u.ID != in.UserID && !u.Role.Includes(notebook.RoleModerator) {
		return nil, notebook.ErrForbidden
	}
	f := notebook.CardFilter{
		OwnerID: in.UserID, Name: in.Name, Tag: in.Tag,
		SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	if in.Status != "all" {
		f.State = notebook.CardState(in.Status)
	}
	cards, total, err := s.store.Cards(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, cards, showPersona, f.Page, total, "用户人设卡获取成功", "The user's persona cards"), nil
}

// byID is the input of routes about one card.
type byID struct {
	ID string `path:"id"`
}

// readable returns the card if whoever asks may read it. It asks who that is
// only if the card is not public, so that what everybody may see is shared.
func (s *server) readable(ctx context.Context, id string) (*notebook.PersonaCard, error) {
	c, err := s.store.Card(ctx, id)
	if err != nil || c.Public {
		return c, err
	}
	u, err := s.who(ctx)
	if err != nil {
		return nil, err
	}
	return c, c.ReadableBy(u)
}

func (s *server) persona(ctx context.Context, in *byID) (*answer[personaDetail], error) {
	c, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.store.CardFiles(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	detail := personaDetail{showPersona(c), make([]personaFile, len(list))}
	for i, f := range list {
		detail.Files[i] = personaFile{f.ID, f.FileName, f.OriginalName, f.FileType, f.FileSize, f.CreatedAt}
	}
	return say(ctx, detail, "人设卡详情获取成功", "The persona card"), nil
}

// tagList is tags as clients send them: text separated by commas, or a list.
type tagList string

// UnmarshalJSON implements json.Unmarshaler.
func (t *tagList) UnmarshalJSON(data []byte) error {
	var list []string
	if err := json.Unmarshal(data, &list); err == nil {
		*t = tagList(strings.Join(list, ","))
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errors.New("tags are text or a list of texts")
	}
	*t = tagList(text)
	return nil
}

// Schema describes both forms.
func (t tagList) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}}}
}

type updatePersonaInput struct {
	ID   string `path:"id"`
	Body struct {
		_              struct{} `additionalProperties:"true"`
		Name           *string  `json:"name,omitempty" doc:"accepted and kept as it was"`
		CopyrightOwner *string  `json:"copyright_owner,omitempty" doc:"accepted and kept as it was"`
		Description    *string  `json:"description,omitempty"`
		Content        *string  `json:"content,omitempty"`
		Tags           *tagList `json:"tags,omitempty"`
		IsPublic       *bool    `json:"is_public,omitempty" doc:"moderators and up"`
		IsPending      *bool    `json:"is_pending,omitempty"`
	}
}

func (s *server) updatePersona(ctx context.Context, in *updatePersonaInput) (*answer[persona], error) {
	b := in.Body
	change := notebook.CardChange{
		Name: b.Name, CopyrightOwner: b.CopyrightOwner, Description: b.Description, Content: b.Content,
		Tags: (*string)(b.Tags), Public: b.IsPublic, Pending: b.IsPending,
	}
	u, now := userOf(ctx), s.now()
	c, err := s.store.UpdateCard(ctx, in.ID, func(c *notebook.PersonaCard) error { return c.Apply(change, u, now) })
	if err != nil {
		return nil, err
	}
	return say(ctx, showPersona(c), "人设卡更新成功", "Persona card changed"), nil
}

func (s *server) deletePersona(ctx context.Context, in *byID) (*answer[*nothing], error) {
	u := userOf(ctx)
	hashes, err := s.store.DeleteCard(ctx, in.ID, func(c *notebook.PersonaCard) error { return c.ManagedBy(u) })
	if err != nil {
		return nil, err
	}
	s.collect(ctx, hashes)
	return said(ctx, "人设卡删除成功", "Persona card deleted"), nil
}
