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

// items serves the items of one kind: the same routes for each.
type items struct {
	*server
	kind notebook.ItemKind
}

// pattern returns the pattern of a route about items of the kind, such as
// "GET /api/persona/public".
func (i items) pattern(method, rest string) string { return itemRoute(i.kind, method, rest) }

// sayOf returns an answer with a message about an item of the kind; see text.
func sayOf[T any](ctx context.Context, i items, data T, zh, en string) *answer[T] {
	return say(ctx, data, i.text(zh), i.text(en))
}

// text writes what people call the kind in the place of {zh}, {en} and, where a
// sentence begins with it, {En}.
func (i items) text(s string) string {
	noun := i.kind.Noun()
	return strings.NewReplacer("{zh}", noun.ZH, "{en}", noun.EN, "{En}", strings.ToUpper(noun.EN[:1])+noun.EN[1:]).Replace(s)
}

// fails documents errors about items of the kind.
func (i items) fails(list ...*notebook.ItemError) func(*huma.Operation) {
	errs := make([]*notebook.Error, len(list))
	for n, e := range list {
		errs[n] = e.Of(i.kind)
	}
	return fails(errs...)
}

func (i items) routes() {
	s, notFound := i.server, i.fails(notebook.ErrItemNotFound)
	handle(s, i.pattern("GET", "public"), anyone, i.text("List public {en}s"), i.public)
	handle(s, i.pattern("GET", "user/{user_id}"), users, i.text("List a user's {en}s"), i.ofUser)
	handle(s, i.pattern("GET", "{id}"), anyone, i.text("Show a {en}"), i.show, notFound)
	handle(s, i.pattern("PUT", "{id}"), users, i.text("Change a {en}"), i.update, notFound, fails(notebook.ErrNothingToDo),
		i.fails(notebook.ErrFieldsMissing, notebook.ErrContentOnly, notebook.ErrPublishByStaff))
	handle(s, i.pattern("DELETE", "{id}"), users, i.text("Delete a {en}"), i.remove, notFound)
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
}

func showItem(i *notebook.Item) item {
	return item{
		ID: i.ID, Name: i.Name, Description: i.Description, UploaderID: i.UploaderID, Author: i.Author, AuthorID: i.UploaderID,
		CopyrightOwner: i.CopyrightOwner, Content: i.Content, Tags: i.Tags, StarCount: i.StarCount, Downloads: i.Downloads,
		BasePath: i.BasePath, IsPublic: i.Public, IsPending: i.Pending, RejectionReason: i.RejectionReason, Version: i.Version,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
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
	SortBy     string `query:"sort_by" enum:"created_at,updated_at,star_count" default:"created_at"`
	SortOrder  string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

func (i items) public(ctx context.Context, in *publicInput) (*pageAnswer[item], error) {
	f := notebook.ItemFilter{
		Kind: i.kind, State: notebook.StatePublic, Name: in.Name, Uploader: in.UploaderID,
		SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	page, err := i.publicPage(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, page.Items, showItem, f.Page, page.Total, i.text("公开{zh}获取成功"), i.text("Public {en}s")), nil
}

type userItemsInput struct {
	UserID    string `path:"user_id"`
	Page      int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize  int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Name      string `query:"name" doc:"part of the name"`
	Tag       string `query:"tag" doc:"part of a tag"`
	Status    string `query:"status" enum:"all,pending,approved,rejected" default:"all"`
	SortBy    string `query:"sort_by" enum:"created_at,updated_at,name,downloads,star_count" default:"created_at"`
	SortOrder string `query:"sort_order" enum:"asc,desc" default:"desc"`
}

func (i items) ofUser(ctx context.Context, in *userItemsInput) (*pageAnswer[item], error) {
	u := userOf(ctx)
	if u.ID != in.UserID && !u.Role.Includes(notebook.RoleModerator) {
		return nil, notebook.ErrForbidden
	}
	f := notebook.ItemFilter{
		Kind: i.kind, OwnerID: in.UserID, Name: in.Name, Tag: in.Tag,
		SortBy: in.SortBy, Ascending: in.SortOrder == "asc",
		Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	if in.Status != "all" {
		f.State = notebook.ItemState(in.Status)
	}
	page, err := i.userPage(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, page.Items, showItem, f.Page, page.Total, i.text("用户{zh}获取成功"), i.text("The user's {en}s")), nil
}

// byID is the input of routes about one item.
type byID struct {
	ID string `path:"id"`
}

// readable returns the item if whoever asks may read it. It asks who that is
// only if the item is not public, so that what everybody may see is shared.
func (i items) readable(ctx context.Context, id string) (*notebook.Item, error) {
	found, err := i.store.Item(ctx, i.kind, id)
	if err != nil || found.Public {
		return found, err
	}
	u, err := i.who(ctx)
	if err != nil {
		return nil, err
	}
	return found, found.ReadableBy(u)
}

func (i items) show(ctx context.Context, in *byID) (*answer[itemDetail], error) {
	found, err := i.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := i.store.ItemFiles(ctx, i.kind, in.ID)
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
	u, now := userOf(ctx), i.now()
	changed, err := i.store.UpdateItem(ctx, i.kind, in.ID, func(found *notebook.Item) error { return found.Apply(change, u, now) })
	if err != nil {
		return nil, err
	}
	return sayOf(ctx, i, showItem(changed), "{zh}更新成功", "{En} changed"), nil
}

func (i items) remove(ctx context.Context, in *byID) (*answer[*nothing], error) {
	u := userOf(ctx)
	hashes, err := i.store.DeleteItem(ctx, i.kind, in.ID, func(found *notebook.Item) error { return found.ManagedBy(u) })
	if err != nil {
		return nil, err
	}
	i.collect(ctx, hashes)
	return sayOf[*nothing](ctx, i, nil, "{zh}删除成功", "{En} deleted"), nil
}
