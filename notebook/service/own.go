package service

import (
	"context"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// Own is what is a user's own: what they have uploaded and starred.
type Own struct{ *base }

// Uploads returns a page of what the user has uploaded.
func (s Own) Uploads(ctx context.Context, u *notebook.User, f notebook.UploadFilter) (list []notebook.Upload, total int, err error) {
	f.UserID = u.ID
	return s.store.Uploads(ctx, f)
}

// UploadCounts counts what the user has uploaded.
func (s Own) UploadCounts(ctx context.Context, u *notebook.User) (notebook.UploadCounts, error) {
	return s.store.UploadCounts(ctx, u.ID)
}

// Popularity returns how popular those items of a kind are that the user still
// has.
func (s Own) Popularity(ctx context.Context, u *notebook.User, k notebook.ItemKind) (notebook.Popularity, error) {
	return s.store.Popularity(ctx, k, u.ID)
}

// Days returns what happened to the user's uploads on each of the last days, in
// UTC; the last is today.
func (s Own) Days(ctx context.Context, u *notebook.User, days int) ([]notebook.Day, error) {
	return s.store.Days(ctx, u.ID, s.today(ctx), days)
}

// today returns when the present day began, in UTC. What was made of it ends
// with the day.
func (b *base) today(ctx context.Context) time.Time {
	now := b.now()
	today := now.Truncate(24 * time.Hour)
	unstale.ExpireAt(ctx, time.Now().Add(today.AddDate(0, 0, 1).Sub(now)))
	return today
}

// Stars returns a page of what the user has starred.
func (s Own) Stars(ctx context.Context, u *notebook.User, f notebook.StarFilter) (list []notebook.Star, total int, err error) {
	f.UserID = u.ID
	return s.store.Stars(ctx, f)
}
