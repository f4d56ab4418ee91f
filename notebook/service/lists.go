package service

import (
	"context"
	"net/url"
	"strconv"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// An ItemPage is a page of a list of items.
type ItemPage struct {
	Items []notebook.Item
	Total int
}

// Public returns a page of what is public. Pages of knowledge bases are results
// of their own: kb:public:page=1&….
func (i Items) Public(ctx context.Context, f notebook.ItemFilter) (ItemPage, error) {
	f.State = notebook.StatePublic
	return i.page(ctx, "public", f)
}

// OfUser returns a page of what the user with f.OwnerID has, who must be the one
// who asks, or those must be a moderator. Pages of knowledge bases are results
// of their own: kb:user:{uploader_id}:page=1&….
func (i Items) OfUser(ctx context.Context, by *notebook.User, f notebook.ItemFilter) (ItemPage, error) {
	if by.ID != f.OwnerID && !by.Role.Includes(notebook.RoleModerator) {
		return ItemPage{}, notebook.ErrForbidden
	}
	return i.page(ctx, "user:"+unstale.Escape(f.OwnerID), f)
}

// Pending returns a page of what is in review.
func (i Items) Pending(ctx context.Context, f notebook.ItemFilter) (ItemPage, error) {
	f.State = notebook.StatePending
	if err := f.Check(); err != nil {
		return ItemPage{}, err
	}
	return i.read(ctx, f)
}

func (i Items) page(ctx context.Context, list string, f notebook.ItemFilter) (ItemPage, error) {
	if err := f.Check(); err != nil {
		return ItemPage{}, err
	}
	if i.Kind != notebook.TargetKnowledge {
		return i.read(ctx, f)
	}
	return unstale.Load(ctx, i.cache, "kb:"+list+":"+filterKey(f), func(ctx context.Context) (ItemPage, error) { return i.read(ctx, f) })
}

func (i Items) read(ctx context.Context, f notebook.ItemFilter) (page ItemPage, err error) {
	f.Kind = i.Kind
	page.Items, page.Total, err = i.store.Items(ctx, f)
	return page, err
}

// filterKey returns the filter as text, which says everything but the list that
// it is about.
func filterKey(f notebook.ItemFilter) string {
	v := url.Values{
		"page": {strconv.Itoa(f.Page.Number)}, "page_size": {strconv.Itoa(f.Page.Size)},
		"sort_by": {f.SortBy}, "ascending": {strconv.FormatBool(f.Ascending)},
	}
	for name, value := range map[string]string{"name": f.Name, "tag": f.Tag, "status": string(f.State), "uploader": f.Uploader} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v.Encode()
}
