package api

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// itemPage is a page of a list of items.
type itemPage struct {
	Items []notebook.Item
	Total int
}

// publicPage returns a page of what is public. Pages of knowledge bases are
// results of their own: kb:public:page=1&….
func (i items) publicPage(ctx context.Context, f notebook.ItemFilter) (itemPage, error) {
	return i.page(ctx, "public", f)
}

// userPage returns a page of what a user has. Pages of knowledge bases are
// results of their own: kb:user:{uploader_id}:page=1&….
func (i items) userPage(ctx context.Context, f notebook.ItemFilter) (itemPage, error) {
	return i.page(ctx, "user:"+unstale.Escape(f.OwnerID), f)
}

func (i items) page(ctx context.Context, list string, f notebook.ItemFilter) (itemPage, error) {
	read := func(ctx context.Context) (page itemPage, err error) {
		page.Items, page.Total, err = i.store.Items(ctx, f)
		return page, err
	}
	if i.kind != notebook.TargetKnowledge {
		return read(ctx)
	}
	return unstale.Load(ctx, i.cache, "kb:"+list+":"+filterKey(f), read)
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

// today returns when the present day began, in UTC. What was made of it ends
// with the day.
func (s *server) today(ctx context.Context) time.Time {
	now := s.now()
	today := now.Truncate(24 * time.Hour)
	unstale.ExpireAt(ctx, time.Now().Add(today.AddDate(0, 0, 1).Sub(now)))
	return today
}
