package store

import (
	"context"
	"fmt"
	"time"

	"github.com/unstale/unstale/notebook"
)

const uploadList = `SELECT r.id, r.target_type, r.target_id, r.name, r.description, r.status, r.created_at, r.updated_at,
	CASE r.target_type WHEN 'persona' THEN EXISTS (SELECT 1 FROM persona_cards p WHERE p.id = r.target_id)
		ELSE EXISTS (SELECT 1 FROM knowledge_bases k WHERE k.id = r.target_id) END,
	CASE r.target_type WHEN 'persona' THEN (SELECT coalesce(sum(f.file_size), 0) FROM persona_card_files f WHERE f.persona_card_id = r.target_id)
		ELSE (SELECT coalesce(sum(f.file_size), 0) FROM knowledge_base_files f WHERE f.knowledge_base_id = r.target_id) END
	FROM upload_records r`

func scanUpload(row scanner) (notebook.Upload, error) {
	var u notebook.Upload
	err := row.Scan(&u.ID, &u.Kind, &u.TargetID, &u.Name, &u.Description, &u.State, timeColumn{&u.CreatedAt}, timeColumn{&u.UpdatedAt}, &u.Exists, &u.FileSize)
	return u, err
}

// Uploads returns the page of a user's uploads that the filter describes, and
// how many there are on all pages.
func (s *Store) Uploads(ctx context.Context, f notebook.UploadFilter) (uploads []notebook.Upload, total int, err error) {
	var only conditions
	only.add(`r.uploader_id = ?`, f.UserID)
	if f.State != notebook.StateAny {
		only.add(`r.status = ?`, f.State)
	}
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM upload_records r`+only.where(), only.args...).Scan(&total); err != nil {
		return nil, 0, fmt.Errorf("store: counting uploads: %w", err)
	}
	limit, args := only.page(f.Page)
	uploads, err = collect(ctx, s.db, scanUpload, uploadList+only.where()+` ORDER BY r.created_at DESC, r.id DESC`+limit, args...)
	if err != nil {
		return nil, 0, fmt.Errorf("store: listing uploads: %w", err)
	}
	return uploads, total, nil
}

// UploadCounts returns how many uploads of the user there were.
func (s *Store) UploadCounts(ctx context.Context, userID string) (c notebook.UploadCounts, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE status = 'approved'), count(*) FILTER (WHERE status = 'pending'),
		count(*) FILTER (WHERE status = 'rejected'), count(*) FILTER (WHERE target_type = 'knowledge'), count(*) FILTER (WHERE target_type = 'persona')
		FROM upload_records WHERE uploader_id = $1`, userID).
		Scan(&c.Total, &c.Approved, &c.Pending, &c.Rejected, &c.Knowledge, &c.Persona)
	if err != nil {
		return c, fmt.Errorf("store: counting uploads: %w", err)
	}
	return c, nil
}

// Popularity returns how popular the items of a kind are that the user has now.
func (s *Store) Popularity(ctx context.Context, k notebook.ItemKind, userID string) (p notebook.Popularity, err error) {
	if err := s.db.QueryRowContext(ctx, statements(k).totals, userID).Scan(&p.Downloads, &p.Stars); err != nil {
		return p, fmt.Errorf("store: adding up: %w", err)
	}
	return p, nil
}

// A dayCount is how often something happened on a day since 1970.
type dayCount struct {
	day int64
	n   int
}

func scanDay(row scanner) (d dayCount, err error) {
	err = row.Scan(&d.day, &d.n)
	return d, err
}

// Days returns what happened to the user's items on each of so many days, the
// last of which begins at today, in UTC.
func (s *Store) Days(ctx context.Context, userID string, today time.Time, days int) ([]notebook.Day, error) {
	list := make([]notebook.Day, days)
	first := today.AddDate(0, 0, 1-days)
	for i := range list {
		list[i].Date = first.AddDate(0, 0, i)
	}
	start := first.Unix() / (24 * 60 * 60)
	for _, k := range notebook.ItemKinds() {
		of := func(d *notebook.Day) *notebook.Popularity {
			if k == notebook.TargetKnowledge {
				return &d.Knowledge
			}
			return &d.Persona
		}
		for _, c := range []struct {
			query string
			count func(*notebook.Popularity) *int
		}{
			{statements(k).downloadsByDay, func(p *notebook.Popularity) *int { return &p.Downloads }},
			{statements(k).starsByDay, func(p *notebook.Popularity) *int { return &p.Stars }},
		} {
			counts, err := collect(ctx, s.db, scanDay, c.query, userID, micros(first))
			if err != nil {
				return nil, fmt.Errorf("store: counting by day: %w", err)
			}
			for _, n := range counts {
				if i := n.day - start; i < int64(days) { // a clock that was set back leaves later ones
					*c.count(of(&list[i])) = n.n
				}
			}
		}
	}
	return list, nil
}
