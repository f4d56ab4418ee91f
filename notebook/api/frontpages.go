package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/unstale/unstale/notebook"
)

// How much a page shows.
const (
	shelfSize = 6
	pageSize  = 12
	inboxSize = 20
)

// card is an item on a page.
type card struct {
	item
	Kind notebook.ItemKind
}

func (i items) cards(list []item) []card {
	cards := make([]card, len(list))
	for n, v := range list {
		cards[n] = card{v, i.kind}
	}
	return cards
}

// pager leads to the pages of a list beside the one that is shown.
type pager struct {
	Page, Pages, Total int
	Prev, Next         string
}

func pagesOf(r *http.Request, p pagination) pager {
	at := func(n int) string {
		if n < 1 || n > p.TotalPages {
			return ""
		}
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		return r.URL.Path + "?" + q.Encode()
	}
	return pager{p.Page, max(p.TotalPages, 1), p.Total, at(p.Page - 1), at(p.Page + 1)}
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

// signedIn returns the user, or notebook.ErrLoginRequired for nobody.
func (f *front) signedIn(r *http.Request, least notebook.Role) (*notebook.User, context.Context, error) {
	u, err := f.who(r.Context())
	switch {
	case err != nil:
		return nil, nil, err
	case u == nil:
		return nil, nil, notebook.ErrLoginRequired
	case !u.Role.Includes(least):
		return nil, nil, notebook.ErrForbidden
	}
	return u, context.WithValue(r.Context(), userKey{}, u), nil
}

// shelf is the newest public items of a kind.
type shelf struct {
	Kind  notebook.ItemKind
	Title string
	Total int
	Cards []card
}

func (f *front) shelves(r *http.Request) (*view, error) {
	ctx := r.Context()
	var list []shelf
	for _, k := range notebook.ItemKinds() {
		i := items{f.server, k}
		page, err := i.public(ctx, &publicInput{Page: 1, PageSize: shelfSize, SortBy: "created_at", SortOrder: "desc"})
		if err != nil {
			return nil, err
		}
		list = append(list, shelf{k, in(ctx, i.text("最新{zh}"), i.text("New {en}s")), page.Body.Pagination.Total, i.cards(page.Body.Data)})
	}
	return &view{name: "home", data: struct {
		frame
		Shelves []shelf
	}{frame{}, list}}, nil
}

type choice struct{ Value, Label string }

func (f *front) list(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		ctx, q := r.Context(), r.URL.Query()
		sorts := []choice{
			{"created_at", in(ctx, "最新发布", "Newest")}, {"updated_at", in(ctx, "最近更新", "Recently changed")}, {"star_count", in(ctx, "最多收藏", "Most stars")},
		}
		sort := q.Get("sort")
		if !slices.ContainsFunc(sorts, func(c choice) bool { return c.Value == sort }) {
			sort = sorts[0].Value
		}
		page, err := i.public(ctx, &publicInput{
			Page: number(r), PageSize: pageSize, Name: q.Get("name"), UploaderID: q.Get("uploader_id"), SortBy: sort, SortOrder: "desc",
		})
		if err != nil {
			return nil, err
		}
		return &view{name: "list", data: struct {
			frame
			Name, Uploader, Sort string
			Sorts                []choice
			Cards                []card
			Pager                pager
		}{
			frame{in(ctx, i.text("全部{zh}"), i.text("All {en}s")), string(i.kind)}, q.Get("name"), q.Get("uploader_id"), sort, sorts,
			i.cards(page.Body.Data), pagesOf(r, page.Body.Pagination),
		}}, nil
	}
}

func (f *front) item(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		found, err := i.show(r.Context(), &byID{r.PathValue("id")})
		if err != nil {
			return nil, err
		}
		return &view{name: "item", data: struct {
			frame
			Kind notebook.ItemKind
			Item itemDetail
		}{frame{found.Body.Data.Name, string(i.kind)}, i.kind, found.Body.Data}}, nil
	}
}

// thread is a comment with those that answer it.
type thread struct {
	comment
	Replies []*thread
}

// Reacted returns whether the user has this reaction, as an aria-pressed value.
func (t *thread) Reacted(r string) string {
	return strconv.FormatBool(t.MyReaction != nil && *t.MyReaction == r)
}

// threads returns the comments, the oldest first, below those that they answer.
func threads(list []comment) []*thread {
	byID := map[string]*thread{}
	var roots []*thread
	for _, c := range list {
		t := &thread{comment: c}
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

// talk is what is somebody's own about an item: his star, and the comments,
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

func (f *front) talk(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		id := r.PathValue("id")
		u, ctx, err := f.signedIn(r, notebook.RoleUser)
		if errors.Is(err, notebook.ErrInvalidToken) || errors.Is(err, notebook.ErrLoginRequired) {
			u, ctx, err = nil, r.Context(), nil
		}
		if err != nil {
			return nil, err
		}
		found, err := i.readable(ctx, id)
		if err != nil {
			return nil, err
		}
		t := talk{frame{found.Name, string(i.kind)}, i.kind, id, "/" + string(i.kind) + "/" + id + "#talk", u, false, found.StarCount, nil}
		if u != nil {
			if t.Starred, err = f.store.Starred(ctx, u.ID, i.kind, id); err != nil {
				return nil, err
			}
			list, err := f.comments(ctx, &commentsInput{TargetType: string(i.kind), TargetID: id})
			if err != nil {
				return nil, err
			}
			t.Comments = threads(list.Body.Data)
		}
		return &view{name: partOr(r, "talk"), data: t}, nil
	}
}

// partOr returns the template of the page, or that of its part alone if a script
// asks for it.
func partOr(r *http.Request, name string) string {
	if r.URL.Query().Has("part") {
		return name + "-part"
	}
	return name
}

func (f *front) uploadForm(i items) func(*http.Request) (*view, error) {
	return func(r *http.Request) (*view, error) {
		if _, _, err := f.signedIn(r, notebook.RoleUser); err != nil {
			return nil, err
		}
		return f.uploadView(r.Context(), i, nil, "", 0), nil
	}
}

func (f *front) uploadView(ctx context.Context, i items, fields map[string]string, failed string, status int) *view {
	if fields == nil {
		fields = map[string]string{}
	}
	return &view{name: "upload", status: status, data: struct {
		frame
		Kind   notebook.ItemKind
		Fields map[string]string
		Failed string
	}{frame{in(ctx, i.text("上传{zh}"), i.text("Upload a {en}")), "upload"}, i.kind, fields, failed}}
}

func (f *front) bar(r *http.Request) (*view, error) {
	data := struct {
		User      *notebook.User
		Moderator bool
		Unread    int
	}{}
	u, ctx, err := f.signedIn(r, notebook.RoleUser)
	switch {
	case errors.Is(err, notebook.ErrInvalidToken) || errors.Is(err, notebook.ErrLoginRequired):
	case err != nil:
		return nil, err
	default:
		inbox, err := f.store.Inbox(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		data.User, data.Moderator, data.Unread = u, u.Role.Includes(notebook.RoleModerator), inbox.Unread
	}
	return &view{name: "bar", data: data}, nil
}

func (f *front) me(r *http.Request) (*view, error) {
	u, ctx, err := f.signedIn(r, notebook.RoleUser)
	if err != nil {
		return nil, err
	}
	tab := r.URL.Query().Get("tab")
	var cards []card
	var p pagination
	if tab == "stars" {
		filter := notebook.StarFilter{UserID: u.ID, Page: notebook.Page{Number: number(r), Size: pageSize}}
		list, total, err := f.store.Stars(ctx, filter)
		if err != nil {
			return nil, err
		}
		for n := range list {
			cards = append(cards, card{showItem(&list[n].Item), list[n].Item.Kind})
		}
		p = pagination{filter.Page.Number, pageSize, total, (total + pageSize - 1) / pageSize}
	} else {
		i := items{f.server, notebook.TargetPersona}
		if tab == notebook.TargetKnowledge {
			i.kind = notebook.TargetKnowledge
		}
		tab = string(i.kind)
		page, err := i.ofUser(ctx, &userItemsInput{UserID: u.ID, Page: number(r), PageSize: pageSize, Status: "all", SortBy: "created_at", SortOrder: "desc"})
		if err != nil {
			return nil, err
		}
		cards, p = i.cards(page.Body.Data), page.Body.Pagination
	}
	return &view{name: "me", data: struct {
		frame
		User      *notebook.User
		Moderator bool
		Tab       string
		Cards     []card
		Pager     pager
	}{frame{u.Username, "me"}, u, u.Role.Includes(notebook.RoleModerator), tab, cards, pagesOf(r, p)}}, nil
}

func (f *front) messages(r *http.Request) (*view, error) {
	_, ctx, err := f.signedIn(r, notebook.RoleUser)
	if err != nil {
		return nil, err
	}
	page, err := f.listMessages(ctx, notebook.MessageFilter{Page: notebook.Page{Number: number(r), Size: inboxSize}})
	if err != nil {
		return nil, err
	}
	back := "/messages?page=" + strconv.Itoa(number(r))
	data := struct {
		frame
		Part, Back string
		Messages   []message
		Pager      pager
	}{frame{in(ctx, "消息", "Messages"), "messages"}, back + "&part=1", back, page.Body.Data, pagesOf(&http.Request{URL: &url.URL{Path: r.URL.Path}}, page.Body.Pagination)}
	return &view{name: partOr(r, "messages"), data: data}, nil
}

func (f *front) review(r *http.Request) (*view, error) {
	_, ctx, err := f.signedIn(r, notebook.RoleModerator)
	if err != nil {
		return nil, err
	}
	i := items{f.server, notebook.TargetPersona}
	if r.URL.Query().Get("tab") == notebook.TargetKnowledge {
		i.kind = notebook.TargetKnowledge
	}
	page, err := i.pending(ctx, &pendingInput{Page: number(r), PageSize: pageSize, SortBy: "created_at", SortOrder: "asc"})
	if err != nil {
		return nil, err
	}
	return &view{name: "review", data: struct {
		frame
		Kind  notebook.ItemKind
		Cards []card
		Pager pager
	}{frame{in(ctx, "审核", "Review"), "review"}, i.kind, i.cards(page.Body.Data), pagesOf(r, page.Body.Pagination)}}, nil
}
