package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// items answers for the items of one kind: the same routes for each.
type items struct {
	service.Items
	api *api
}

// pattern returns the pattern of a route about items of the kind, such as
// "GET /api/persona/public".
func (i items) pattern(method, rest string) string {
	return method + " /api/" + string(i.Kind) + "/" + rest
}

// sayOf returns an answer with a message about an item of the kind; see notebook.ItemKind.Say.
func sayOf[T any](ctx context.Context, i items, data T, zh, en string) *answer[T] {
	return say(ctx, data, i.Kind.Say(zh), i.Kind.Say(en))
}

// fails documents errors about items of the kind.
func (i items) fails(list ...*notebook.ItemError) func(*huma.Operation) {
	errs := make([]*notebook.Error, len(list))
	for n, e := range list {
		errs[n] = e.Of(i.Kind)
	}
	return fails(errs...)
}

func (i items) routes() {
	a, notFound := i.api, i.fails(notebook.ErrItemNotFound)
	handle(a, i.pattern("GET", "public"), anyone, i.Kind.Say("List public {en}s"), i.public)
	handle(a, i.pattern("GET", "user/{user_id}"), notebook.RoleUser, i.Kind.Say("List a user's {en}s"), i.ofUser)
	handle(a, i.pattern("GET", "{id}"), anyone, i.Kind.Say("Show a {en}"), i.show, notFound)
	handle(a, i.pattern("PUT", "{id}"), notebook.RoleUser, i.Kind.Say("Change a {en}"), i.update, notFound, fails(notebook.ErrNothingToDo, notebook.ErrTextLength),
		i.fails(notebook.ErrFieldsMissing, notebook.ErrContentOnly, notebook.ErrPublishByStaff, notebook.ErrOwnReview))
	handle(a, i.pattern("DELETE", "{id}"), notebook.RoleUser, i.Kind.Say("Delete a {en}"), i.delete, notFound)
}

// item is an item as clients see it.
type item struct {
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
	ChangedSince    bool      `json:"changed_since_review" doc:"its content is not what was approved"`
}

func showItem(i *notebook.Item) item {
	return item{
		ID: i.ID, Name: i.Name, Description: i.Description, UploaderID: i.UploaderID, Author: i.Author, AuthorID: i.UploaderID,
		CopyrightOwner: i.CopyrightOwner, Content: i.Content, Tags: i.Tags, StarCount: i.StarCount, Downloads: i.Downloads,
		BasePath: i.BasePath, IsPublic: i.Public, IsPending: i.Pending, RejectionReason: i.RejectionReason, Version: i.Version,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, ChangedSince: i.ChangedSinceReview,
	}
}

// itemFile is a file of an item as clients see it.
type itemFile struct {
	FileID       string    `json:"file_id"`
	FileName     string    `json:"file_name"`
	OriginalName string    `json:"original_name"`
	FileType     string    `json:"file_type"`
	FileSize     int64     `json:"file_size"`
	CreatedAt    time.Time `json:"created_at"`
}

// itemDetail is an item with its files.
type itemDetail struct {
	item
	Files []itemFile `json:"files"`
}

type publicInput struct {
	Page       int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize   int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Name       string `query:"name" doc:"part of the name"`
	UploaderID string `query:"uploader_id" doc:"id or username"`
	SortBy     string `query:"sort_by" doc:"created_at, updated_at, name, downloads or star_count; created_at without one of them"`
	SortOrder  string `query:"sort_order" doc:"asc; desc without it"`
}

func (i items) public(ctx context.Context, in *publicInput) (*pageAnswer[item], error) {
	f := notebook.ItemFilter{
		Name: in.Name, Uploader: in.UploaderID,
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	f.SortBy, f.Ascending = sorting(in.SortBy, in.SortOrder, notebook.ItemOrders())
	page, err := i.Public(ctx, f)
	return sayPage(ctx, err, page.Items, showItem, f.Page, page.Total, i.Kind.Say("公开{zh}获取成功"), i.Kind.Say("Public {en}s"))
}

type userItemsInput struct {
	UserID    string `path:"user_id"`
	Page      int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize  int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Name      string `query:"name" doc:"part of the name"`
	Tag       string `query:"tag" doc:"part of a tag"`
	Status    string `query:"status" doc:"pending, approved or rejected; all without one of them"`
	SortBy    string `query:"sort_by" doc:"created_at, updated_at, name, downloads or star_count; created_at without one of them"`
	SortOrder string `query:"sort_order" doc:"asc; desc without it"`
}

func (i items) ofUser(ctx context.Context, in *userItemsInput) (*pageAnswer[item], error) {
	f := notebook.ItemFilter{
		OwnerID: in.UserID, Name: in.Name, Tag: in.Tag,
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	f.SortBy, f.Ascending = sorting(in.SortBy, in.SortOrder, notebook.ItemOrders())
	if state := notebook.ItemState(in.Status); slices.Contains(notebook.ItemStates(), state) {
		f.State = state
	}
	page, err := i.OfUser(ctx, server.User(ctx), f)
	return sayPage(ctx, err, page.Items, showItem, f.Page, page.Total, i.Kind.Say("用户{zh}获取成功"), i.Kind.Say("The user's {en}s"))
}

// byID is the input of routes about one item.
type byID struct {
	ID string `path:"id"`
}

func (i items) show(ctx context.Context, in *byID) (*answer[itemDetail], error) {
	found, err := i.Find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := i.Files(ctx, found)
	if err != nil {
		return nil, err
	}
	detail := itemDetail{showItem(found), make([]itemFile, len(list))}
	for n, f := range list {
		detail.Files[n] = itemFile{f.ID, f.FileName, f.OriginalName, f.FileType, f.FileSize, f.CreatedAt}
	}
	return sayOf(ctx, i, detail, "{zh}详情获取成功", "The {en}"), nil
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

type updateItemInput struct {
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

func (i items) update(ctx context.Context, in *updateItemInput) (*answer[item], error) {
	b := in.Body
	change := notebook.ItemChange{
		Name: b.Name, CopyrightOwner: b.CopyrightOwner, Description: b.Description, Content: b.Content,
		Tags: (*string)(b.Tags), Public: b.IsPublic, Pending: b.IsPending,
	}
	changed, err := i.Update(ctx, server.User(ctx), in.ID, change)
	return shown(ctx, changed, err, showItem, i.Kind.Say("{zh}更新成功"), i.Kind.Say("{En} changed"))
}

func (i items) delete(ctx context.Context, in *byID) (*answer[*nothing], error) {
	return done(ctx, i.Delete(ctx, server.User(ctx), in.ID), i.Kind.Say("{zh}删除成功"), i.Kind.Say("{En} deleted"))
}

func (i items) reviewRoutes() {
	fails := i.fails(notebook.ErrItemNotFound, notebook.ErrNotPending, notebook.ErrOwnReview)
	handle(i.api, i.review("GET", "pending"), notebook.RoleModerator, i.Kind.Say("List {en}s in review"), i.pending)
	handle(i.api, i.review("POST", "{id}/approve"), notebook.RoleModerator, i.Kind.Say("Make a {en} in review public"), i.approve, fails, i.fails(notebook.ErrChangedMeanwhile))
	handle(i.api, i.review("POST", "{id}/reject"), notebook.RoleModerator, i.Kind.Say("Reject a {en} in review"), i.reject, fails)
}

// review returns the pattern of a route about the review of the kind's items.
func (i items) review(method, rest string) string {
	return method + " /api/review/" + string(i.Kind) + "/" + rest
}

type pendingInput struct {
	Page       int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize   int    `query:"page_size" minimum:"1" maximum:"100" default:"10"`
	Name       string `query:"name" doc:"part of the name"`
	UploaderID string `query:"uploader_id" doc:"id or username"`
	SortBy     string `query:"sort_by" doc:"created_at, updated_at, name, downloads or star_count; created_at without one of them"`
	SortOrder  string `query:"sort_order" doc:"asc; desc without it"`
}

func (i items) pending(ctx context.Context, in *pendingInput) (*pageAnswer[item], error) {
	f := notebook.ItemFilter{
		Name: in.Name, Uploader: in.UploaderID,
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	f.SortBy, f.Ascending = sorting(in.SortBy, in.SortOrder, notebook.ItemOrders())
	page, err := i.Pending(ctx, f)
	return sayPage(ctx, err, page.Items, showItem, f.Page, page.Total, i.Kind.Say("获取待审核{zh}成功"), i.Kind.Say("{En}s in review"))
}

type approveInput struct {
	ID   string    `path:"id"`
	Seen time.Time `query:"updated_at" doc:"of what was looked at: it is refused to approve what was changed since"`
}

func (i items) approve(ctx context.Context, in *approveInput) (*answer[*nothing], error) {
	var seen *time.Time
	if !in.Seen.IsZero() {
		seen = &in.Seen
	}
	return done(ctx, i.Approve(ctx, server.User(ctx), in.ID, seen), "审核通过，已发送通知", "Approved; the uploader has been told")
}

type rejectInput struct {
	ID   string `path:"id"`
	Body struct {
		_      struct{} `additionalProperties:"true"`
		Reason string   `json:"reason"`
	}
}

func (i items) reject(ctx context.Context, in *rejectInput) (*answer[*nothing], error) {
	return done(ctx, i.Reject(ctx, server.User(ctx), in.ID, in.Body.Reason), "审核拒绝，已发送通知", "Rejected; the uploader has been told")
}
