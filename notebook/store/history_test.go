package store_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

func TestUploads(t *testing.T) { onEach(t, testUploads) }

func testUploads(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleModerator)
	kinds := notebook.ItemKinds()
	var last *notebook.Item
	for n := range 25 {
		i := item(t, s, kinds[n%2], ann, strconv.Itoa(n), at(time.Duration(n)), pending)
		if n%5 == 0 {
			if err := s.ReviewItem(ctx, i.Kind, i.ID, bob, notebook.Verdict{Approved: n%2 == 0, Reason: "no"}, epoch); err != nil {
				t.Fatal(err)
			}
		}
		last = i
	}
	item(t, s, notebook.TargetPersona, bob, "bob's")
	if _, err := s.DeleteItem(ctx, last.Kind, last.ID, anybody); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for page, want := range []int{20, 5, 0} {
		list, total, err := s.Uploads(ctx, notebook.UploadFilter{UserID: ann.ID, Page: notebook.Page{Number: page + 1, Size: 20}})
		if err != nil || total != 25 || len(list) != want {
			t.Fatalf("page %d: %d of %d, %v", page+1, len(list), total, err)
		}
		for _, u := range list {
			if seen[u.ID] {
				t.Errorf("%s is on two pages", u.Name)
			}
			seen[u.ID] = true
			gone := u.TargetID == last.ID
			if u.Exists == gone || (u.FileSize == 0) != gone {
				t.Errorf("%+v", u)
			}
			if n, _ := strconv.Atoi(u.Name); u.Kind != kinds[n%2] || len(seen) != 25-n {
				t.Errorf("%d: %+v", len(seen), u)
			}
		}
	}
	for state, want := range map[notebook.ItemState]int{notebook.StatePublic: 3, notebook.StateRejected: 2, notebook.StatePending: 20} {
		if _, total, err := s.Uploads(ctx, notebook.UploadFilter{UserID: ann.ID, State: state, Page: notebook.Page{Number: 1, Size: 1}}); err != nil || total != want {
			t.Errorf("%s: %d, %v", state, total, err)
		}
	}
	if c := must(s.UploadCounts(ctx, ann.ID))(t); c != (notebook.UploadCounts{Total: 25, Approved: 3, Pending: 20, Rejected: 2, Knowledge: 12, Persona: 13}) {
		t.Errorf("%+v", c)
	}
	if c := must(s.UploadCounts(ctx, "nobody"))(t); c != (notebook.UploadCounts{}) {
		t.Errorf("%+v", c)
	}
}

func TestPopularityByDay(t *testing.T) { onEach(t, testPopularityByDay) }

func testPopularityByDay(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	today := epoch.Truncate(24 * time.Hour)
	for n, k := range notebook.ItemKinds() {
		i := item(t, s, k, ann, "i", public)
		for _, ago := range []time.Duration{0, 1, 25, 24 * 6, 24 * 6, 24 * 7, -24} {
			for range n + 1 {
				if err := s.CountDownload(ctx, k, i.ID, "", epoch.Add(-ago*time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := s.ToggleStar(ctx, bob.ID, k, i.ID, today, anybody); err != nil {
			t.Fatal(err)
		}
		others := item(t, s, k, bob, "o", public)
		if err := s.CountDownload(ctx, k, others.ID, "", epoch); err != nil {
			t.Fatal(err)
		}
		if p := must(s.Popularity(ctx, k, ann.ID))(t); p != (notebook.Popularity{Downloads: 7 * (n + 1), Stars: 1}) {
			t.Errorf("%s: %+v", k, p)
		}
	}
	days := must(s.Days(ctx, ann.ID, today, 7))(t)
	if len(days) != 7 || !days[6].Date.Equal(today) || !days[0].Date.Equal(today.AddDate(0, 0, -6)) {
		t.Fatalf("%+v", days)
	}
	for i, want := range []int{2, 0, 0, 0, 0, 1, 2} {
		stars := 0
		if i == 6 {
			stars = 1
		}
		if d := days[i]; d.Persona != (notebook.Popularity{Downloads: want, Stars: stars}) || d.Knowledge != (notebook.Popularity{Downloads: 2 * want, Stars: stars}) {
			t.Errorf("day %d: %+v", i, d)
		}
	}
	if days := must(s.Days(ctx, ann.ID, today, 1))(t); len(days) != 1 || days[0].Persona.Downloads != 2 {
		t.Errorf("%+v", days)
	}
}
