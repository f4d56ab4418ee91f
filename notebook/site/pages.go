package site

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// How much a page shows.
const (
	shelfSize = 6
	pageSize  = 12
	inboxSize = 20
)

// items are the pages about items of one kind.
type items struct {
	service.Items
	site *site
}

// pager leads to the pages of a list beside the one that is shown.
type pager struct {
	Page, Pages, Total int
	Prev, Next         string
}

func pagesOf(r *http.Request, size, total int) pager {
	pages, now := (total+size-1)/size, number(r)
	at := func(n int) string {
		if n < 1 || n > pages {
			return ""
		}
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		return r.URL.Path + "?" + q.Encode()
	}
	return pager{now, max(pages, 1), total, at(now - 1), at(now + 1)}
}

// maxPage is the number of the last page of the longest list, as in the API.
const maxPage = 100000000

// number returns which page is asked for, the first where that makes no sense.
func number(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || n < 1 || n > maxPage {
		return 1
	}
	return n
}

// shelf is the newest public items of a kind.
type shelf struct {
	Kind  notebook.ItemKind
	Title string
	Total int
	Cards []notebook.Item
}

func (s *site) shelves(r *http.Request) (*view, error) {
	ctx := r.Context()
	var list []shelf
	for _, k := range notebook.ItemKinds() {
		page, err := s.Items(k).Public(ctx, notebook.ItemFilter{SortBy: "created_at", Page: notebook.Page{Number: 1, Size: shelfSize}})
		if err != nil {
			return nil, err
		}
		list = append(list, shelf{k, server.In(ctx, k.Say("最新{zh}"), k.Say("New {en}s")), page.Total, page.Items})
	}
	return &view{name: "home", data: struct {
		frame
		Shelves []shelf
	}{frame{}, list}}, nil
}

type choice struct{ Value, Label string }

func (i items) list(r *http.Request) (*view, error) {
	ctx, q := r.Context(), r.URL.Query()
	sorts := []choice{
		{"created_at", server.In(ctx, "最新发布", "Newest")}, {"updated_at", server.In(ctx, "最近更新", "Recently changed")}, {"star_count", server.In(ctx, "最多收藏", "Most stars")},
	}
	sort := q.Get("sort")
	if !slices.ContainsFunc(sorts, func(c choice) bool { return c.Value == sort }) {
		sort = sorts[0].Value
	}
	page, err := i.Public(ctx, notebook.ItemFilter{
		Name: q.Get("name"), Uploader: q.Get("uploader_id"), SortBy: sort, Page: notebook.Page{Number: number(r), Size: pageSize},
	})
	if err != nil {
		return nil, err
	}
	return &view{name: "list", data: struct {
		frame
		Name, Uploader, Sort string
		Sorts                []choice
		Cards                []notebook.Item
		Pager                pager
	}{
		frame{server.In(ctx, i.Kind.Say("全部{zh}"), i.Kind.Say("All {en}s")), string(i.Kind)}, q.Get("name"), q.Get("uploader_id"), sort, sorts,
		page.Items, pagesOf(r, pageSize, page.Total),
	}}, nil
}

func (i items) show(r *http.Request) (*view, error) {
	found, err := i.Find(r.Context(), r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	files, err := i.Files(r.Context(), found)
	if err != nil {
		return nil, err
	}
	return &view{name: "item", data: struct {
		frame
		Kind  notebook.ItemKind
		Item  *notebook.Item
		Files []notebook.ItemFile
	}{frame{found.Name, string(i.Kind)}, i.Kind, found, files}}, nil
}

// thread is a comment with those that answer it.
type thread struct {
	*notebook.Comment
	Replies []*thread
}

// Reacted returns whether the user has this reaction, as an aria-pressed value.
func (t *thread) Reacted(r notebook.Reaction) string {
	return strconv.FormatBool(t.Mine == r)
}

// threads returns the comments, the oldest first, below those that they answer.
func threads(list []notebook.Comment) []*thread {
	byID := map[string]*thread{}
	var roots []*thread
	for n := range list {
		c := &list[n]
		t := &thread{Comment: c}
		byID[c.ID] = t
		if c.ParentID != nil && byID[*c.ParentID] != nil {
			parent := byID[*c.ParentID]
			parent.Replies = append(parent.Replies, t)
			continue
		}
		roots = append(roots, t)
	}
	return roots
}

// talk is what is somebody's own about an item: their star, and the comments,
// which are for users alone.
type talk struct {
	frame
	Kind         notebook.ItemKind
	Target, Back string
	User         *notebook.User // nil for nobody
	Starred      bool
	Stars        int
	Comments     []*thread
}

func (i items) talk(r *http.Request) (*view, error) {
	ctx, id := r.Context(), r.PathValue("id")
	u, err := i.site.known(ctx)
	if err != nil {
		return nil, err
	}
	found, err := i.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	t := talk{frame{found.Name, string(i.Kind)}, i.Kind, id, "/" + string(i.Kind) + "/" + id + "#talk", u, false, found.StarCount, nil}
	if u != nil {
		if t.Starred, err = i.Starred(ctx, u, id); err != nil {
			return nil, err
		}
		list, err := i.site.Comments.On(ctx, u, i.Kind, id)
		if err != nil {
			return nil, err
		}
		t.Comments = threads(list)
	}
	return &view{name: partOr(r, "talk"), data: t}, nil
}

// known returns the user who asks, nil for everybody else.
func (s *site) known(ctx context.Context) (*notebook.User, error) {
	u, err := s.Accounts.Who(ctx)
	if errors.Is(err, notebook.ErrInvalidToken) {
		return nil, nil
	}
	return u, err
}

// partOr returns the template of the page, or that of its part alone if a script
// asks for it.
func partOr(r *http.Request, name string) string {
	if r.URL.Query().Has("part") {
		return name + "-part"
	}
	return name
}

func (i items) uploadForm(r *http.Request) (*view, error) {
	if _, err := i.site.Accounts.Require(r.Context(), notebook.RoleUser); err != nil {
		return nil, err
	}
	return i.uploadView(r.Context(), nil, "", 0), nil
}

func (i items) uploadView(ctx context.Context, fields map[string]string, failed string, status int) *view {
	if fields == nil {
		fields = map[string]string{}
	}
	return &view{name: "upload", status: status, data: struct {
		frame
		Kind   notebook.ItemKind
		Fields map[string]string
		Failed string
	}{frame{server.In(ctx, i.Kind.Say("上传{zh}"), i.Kind.Say("Upload a {en}")), "upload"}, i.Kind, fields, failed}}
}

func (s *site) bar(r *http.Request) (*view, error) {
	data := struct {
		User      *notebook.User
		Moderator bool
		Admin     bool // and what admins do is served here
		Unread    int
	}{}
	u, err := s.known(r.Context())
	if err != nil {
		return nil, err
	}
	if u != nil {
		inbox, err := s.Messages.Inbox(r.Context(), u)
		if err != nil {
			return nil, err
		}
		data.User, data.Moderator, data.Unread = u, u.Role.Includes(notebook.RoleModerator), inbox.Unread
		data.Admin = !s.AdminApart && u.Role.Includes(notebook.RoleAdmin)
	}
	return &view{name: "bar", data: data}, nil
}

func (s *site) me(r *http.Request) (*view, error) {
	ctx := r.Context()
	u, err := s.Accounts.Require(ctx, notebook.RoleUser)
	if err != nil {
		return nil, err
	}
	tab := r.URL.Query().Get("tab")
	var cards []notebook.Item
	var total int
	if page := (notebook.Page{Number: number(r), Size: pageSize}); tab == "stars" {
		var list []notebook.Star
		list, total, err = s.Own.Stars(ctx, u, notebook.StarFilter{Page: page})
		for _, star := range list {
			cards = append(cards, star.Item)
		}
	} else {
		kind := kindOf(r)
		tab = string(kind)
		var list service.ItemPage
		list, err = s.Items(kind).OfUser(ctx, u, notebook.ItemFilter{OwnerID: u.ID, SortBy: "created_at", Page: page})
		cards, total = list.Items, list.Total
	}
	if err != nil {
		return nil, err
	}
	return &view{name: "me", data: struct {
		frame
		User      *notebook.User
		Moderator bool
		Tab       string
		Cards     []notebook.Item
		Pager     pager
	}{frame{u.Username, "me"}, u, u.Role.Includes(notebook.RoleModerator), tab, cards, pagesOf(r, pageSize, total)}}, nil
}

// kindOf returns the kind of items that a page with tabs shows.
func kindOf(r *http.Request) notebook.ItemKind {
	if r.URL.Query().Get("tab") == notebook.TargetKnowledge {
		return notebook.TargetKnowledge
	}
	return notebook.TargetPersona
}

func (s *site) messages(r *http.Request) (*view, error) {
	ctx := r.Context()
	u, err := s.Accounts.Require(ctx, notebook.RoleUser)
	if err != nil {
		return nil, err
	}
	list, total, err := s.Messages.Of(ctx, u, notebook.MessageFilter{Page: notebook.Page{Number: number(r), Size: inboxSize}})
	if err != nil {
		return nil, err
	}
	back := "/messages?page=" + strconv.Itoa(number(r))
	data := struct {
		frame
		Part, Back string
		Messages   []notebook.Message
		Pager      pager
	}{frame{server.In(ctx, "消息", "Messages"), "messages"}, back + "&part=1", back, list, pagesOf(withPage(r), inboxSize, total)}
	return &view{name: partOr(r, "messages"), data: data}, nil
}

// withPage returns a request for the path and the page alone.
func withPage(r *http.Request) *http.Request {
	return &http.Request{URL: &url.URL{Path: r.URL.Path, RawQuery: "page=" + strconv.Itoa(number(r))}}
}

func (s *site) review(r *http.Request) (*view, error) {
	ctx, kind := r.Context(), kindOf(r)
	if _, err := s.Accounts.Require(ctx, notebook.RoleModerator); err != nil {
		return nil, err
	}
	page, err := s.Items(kind).Pending(ctx, notebook.ItemFilter{SortBy: "created_at", Ascending: true, Page: notebook.Page{Number: number(r), Size: pageSize}})
	if err != nil {
		return nil, err
	}
	return &view{name: "review", data: struct {
		frame
		Kind  notebook.ItemKind
		Cards []notebook.Item
		Pager pager
	}{frame{server.In(ctx, "审核", "Review"), "review"}, kind, page.Items, pagesOf(r, pageSize, page.Total)}}, nil
}
