package service

import (
	"context"
	"testing"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/notebook"
)

// Filters that differ in anything have keys that differ, and no text in one can
// make it look like another.
func TestFilterKeysAreApart(t *testing.T) {
	t.Parallel()
	seen := map[string]notebook.ItemFilter{}
	for _, f := range []notebook.ItemFilter{
		{}, {Ascending: true}, {SortBy: "name"}, {Page: notebook.Page{Number: 1}}, {Page: notebook.Page{Size: 1}}, {State: notebook.StatePublic},
		{Name: "a"}, {Tag: "a"}, {Uploader: "a"}, {Name: "a", Tag: "a"}, {Name: "a&tag=a"}, {Name: "a:b"}, {Name: "*"}, {Name: "a\nb"}, {Name: "%0A"},
	} {
		key := filterKey(f)
		if other, taken := seen[key]; taken {
			t.Errorf("%+v and %+v are both %s", f, other, key)
		}
		seen[key] = f
		for _, r := range key {
			if r == '*' || r == ':' || r < ' ' {
				t.Errorf("%+v: %q", f, key)
			}
		}
	}
}

// What is made of today's date ends with the day, whatever the database says.
func TestTodayEndsAtMidnight(t *testing.T) {
	t.Parallel()
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cache.Close() }()
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	started := time.Now()
	b := &base{clock: func() time.Time {
		return midnight.Add(-time.Second).Add(time.Since(started)).In(time.FixedZone("", 8*60*60))
	}}
	runs := 0
	today := func() time.Time {
		t.Helper()
		day, err := unstale.Load(t.Context(), cache, "day", func(ctx context.Context) (time.Time, error) {
			runs++
			unstale.DependOn(ctx, unstale.Tag("nothing"))
			return b.today(ctx), nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return day
	}
	yesterday := midnight.AddDate(0, 0, -1)
	if first, second := today(), today(); !first.Equal(yesterday) || !second.Equal(yesterday) || runs != 1 {
		t.Fatalf("%v and %v in %d runs", first, second, runs)
	}
	for time.Since(started) < time.Minute && !today().Equal(midnight) {
		time.Sleep(time.Millisecond)
	}
	if day := today(); !day.Equal(midnight) {
		t.Errorf("after midnight it is still %v", day)
	}
}
