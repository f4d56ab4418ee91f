package store_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

func TestItemRoundTrip(t *testing.T) { onEach(t, testItemRoundTrip) }

func testItemRoundTrip(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann := user(t, s, "ann", notebook.RoleUser)
		made := item(t, s, k, ann, "小麦", pending, tagged("a,b"))
		got := must(s.Item(ctx, k, made.ID))(t)
		if got.Name != "小麦" || got.Author != "ann" || !got.Pending || got.Public || *got.Tags != "a,b" || got.Content != nil ||
			!got.CreatedAt.Equal(epoch) || got.Version != "1.0" {
			t.Errorf("Card = %+v", got)
		}
		files := must(s.ItemFiles(ctx, k, made.ID))(t)
		if len(files) != 1 || files[0].Hash != "hash of 小麦" || files[0].FileSize != 3 {
			t.Fatalf("CardFiles = %+v", files)
		}
		if f := must(s.ItemFile(ctx, k, made.ID, files[0].ID))(t); *f != files[0] {
			t.Errorf("CardFile = %+v", f)
		}
		if _, err := s.ItemFile(ctx, k, "other", files[0].ID); !errors.Is(err, notebook.ErrFileNotFound) {
			t.Errorf("a file by another card's id: %v", err)
		}
		if n := count(t, s, `SELECT count(*) FROM upload_records WHERE target_id = $1 AND status = 'pending'`, made.ID); n != 1 {
			t.Errorf("%d upload records", n)
		}
	})
}

func TestItemFilters(t *testing.T) { onEach(t, testItemFilters) }

func testItemFilters(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
		item(t, s, k, ann, "alpha", public, at(3), tagged("x,y"))
		item(t, s, k, ann, "Beta_1", public, at(2))
		item(t, s, k, bob, "beta%2", public, at(1), tagged("xyz"))
		item(t, s, k, bob, "draft")
		waiting := item(t, s, k, bob, "waiting", pending)
		rejected := item(t, s, k, bob, "rejected", pending, at(9))
		if err := s.ReviewItem(ctx, k, rejected.ID, user(t, s, "mod", notebook.RoleModerator), notebook.Verdict{Reason: "no"}, epoch); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ToggleStar(ctx, ann.ID, k, waiting.ID, epoch, anybody); err != nil {
			t.Fatal(err)
		}
		all := notebook.Page{Number: 1, Size: 10}
		for _, test := range []struct {
			name  string
			f     notebook.ItemFilter
			total int
			want  []string
		}{
			{"public, newest first", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, Page: all}, 3, []string{"alpha", "Beta_1", "beta%2"}},
			{"oldest first", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, Ascending: true, Page: all}, 3, []string{"beta%2", "Beta_1", "alpha"}},
			{"second page", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, Page: notebook.Page{Number: 2, Size: 2}}, 3, []string{"beta%2"}},
			{"beyond the end", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, Page: notebook.Page{Number: 9, Size: 2}}, 3, nil},
			{"substring, whatever the case", notebook.ItemFilter{Kind: k, Name: "beta", SortBy: "name", Ascending: true, Page: all}, 2, []string{"beta%2", "Beta_1"}},
			{"a per cent sign is itself", notebook.ItemFilter{Kind: k, Name: "%", Page: all}, 1, []string{"beta%2"}},
			{"so is an underscore", notebook.ItemFilter{Kind: k, Name: "_", Page: all}, 1, []string{"Beta_1"}},
			{"and a backslash", notebook.ItemFilter{Kind: k, Name: `\`, Page: all}, 0, nil},
			{"metacharacters", notebook.ItemFilter{Kind: k, Name: `'; DROP TABLE users; --`, Page: all}, 0, nil},
			{"by uploader's name", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, Uploader: "bob", Page: all}, 1, []string{"beta%2"}},
			{"by uploader's id", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, Uploader: ann.ID, Page: all}, 2, []string{"alpha", "Beta_1"}},
			{"by unknown uploader", notebook.ItemFilter{Kind: k, Uploader: "eve", Page: all}, 0, nil},
			{"own", notebook.ItemFilter{Kind: k, OwnerID: bob.ID, SortBy: "name", Ascending: true, Page: all}, 4, []string{"beta%2", "draft", "rejected", "waiting"}},
			{"pending", notebook.ItemFilter{Kind: k, State: notebook.StatePending, Page: all}, 1, []string{"waiting"}},
			{"rejected", notebook.ItemFilter{Kind: k, State: notebook.StateRejected, Page: all}, 1, []string{"rejected"}},
			{"by tag", notebook.ItemFilter{Kind: k, Tag: "y", Page: all}, 2, []string{"alpha", "beta%2"}},
			{"by stars", notebook.ItemFilter{Kind: k, OwnerID: bob.ID, SortBy: "star_count", Page: notebook.Page{Number: 1, Size: 1}}, 4, []string{"waiting"}},
			{"unknown order", notebook.ItemFilter{Kind: k, State: notebook.StatePublic, SortBy: "1; DROP", Page: all}, 3, []string{"alpha", "Beta_1", "beta%2"}},
		} {
			cards, total, err := s.Items(ctx, test.f)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			var names []string
			for _, c := range cards {
				names = append(names, c.Name)
			}
			if total != test.total || len(names) != len(test.want) {
				t.Errorf("%s: %v of %d, want %v of %d", test.name, names, total, test.want, test.total)
				continue
			}
			for i := range names {
				if names[i] != test.want[i] {
					t.Errorf("%s: %v, want %v", test.name, names, test.want)
					break
				}
			}
		}
	})
}

func TestReview(t *testing.T) { onEach(t, testReview) }

func testReview(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann, mod := user(t, s, "ann", notebook.RoleUser), user(t, s, "mod", notebook.RoleModerator)
		c := item(t, s, k, ann, "c", pending)
		if err := s.ReviewItem(ctx, k, c.ID, mod, notebook.Verdict{Reason: "because"}, epoch); err != nil {
			t.Fatal(err)
		}
		got := must(s.Item(ctx, k, c.ID))(t)
		if got.Pending || got.Public || got.RejectionReason == nil || *got.RejectionReason != "because" {
			t.Errorf("rejected: %+v", got)
		}
		if n := count(t, s, `SELECT count(*) FROM upload_records WHERE target_id = $1 AND status = 'rejected'`, c.ID); n != 1 {
			t.Error("upload record not rejected")
		}
		if err := s.ReviewItem(ctx, k, c.ID, mod, notebook.Verdict{Approved: true}, epoch); !errors.Is(err, notebook.ErrNotPending) {
			t.Errorf("second verdict: %v", err)
		}
		if n := count(t, s, `SELECT count(*) FROM messages WHERE recipient_id = $1 AND sender_id = $2 AND content LIKE '%because%'`, ann.ID, mod.ID); n != 1 {
			t.Errorf("%d messages", n)
		}
		if err := s.ReviewItem(ctx, k, "x", mod, notebook.Verdict{Approved: true}, epoch); !errors.Is(err, notebook.ErrItemNotFound) {
			t.Errorf("unknown card: %v", err)
		}
	})
}

func TestStars(t *testing.T) { onEach(t, testStars) }

func testStars(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
		c, hidden := item(t, s, k, ann, "c", public), item(t, s, k, ann, "hidden")
		stars := func() int { return must(s.Item(ctx, k, c.ID))(t).StarCount }
		for i, want := range []bool{true, false, true} {
			if starred, err := s.ToggleStar(ctx, bob.ID, k, c.ID, epoch, anybody); err != nil || starred != want {
				t.Fatalf("toggle %d: %v, %v", i, starred, err)
			}
			if got := must(s.Starred(ctx, bob.ID, k, c.ID))(t); got != want {
				t.Errorf("Starred = %v after toggle %d", got, i)
			}
		}
		if _, err := s.ToggleStar(ctx, bob.ID, k, hidden.ID, epoch, anybody); err != nil {
			t.Fatal(err)
		}
		if stars() != 1 {
			t.Errorf("star_count = %d", stars())
		}
		list, total, err := s.Stars(ctx, notebook.StarFilter{UserID: bob.ID, Page: notebook.Page{Number: 1, Size: 5}})
		if err != nil || total != 1 || len(list) != 1 || list[0].Item.Name != "c" || list[0].Item.StarCount != 1 {
			t.Errorf("Stars = %+v, %d, %v", list, total, err)
		}
		if err := s.Unstar(ctx, bob.ID, k, c.ID); err != nil || stars() != 0 {
			t.Errorf("Unstar: %v, %d stars", err, stars())
		}
		if err := s.Unstar(ctx, bob.ID, k, c.ID); !errors.Is(err, notebook.ErrNotStarred) {
			t.Errorf("second Unstar: %v", err)
		}
		if err := s.Unstar(ctx, bob.ID, k, "x"); !errors.Is(err, notebook.ErrItemNotFound) {
			t.Errorf("Unstar of an unknown card: %v", err)
		}
		if _, err := s.ToggleStar(ctx, bob.ID, k, c.ID, epoch, func(*notebook.Item) error { return notebook.ErrForbidden }); !errors.Is(err, notebook.ErrForbidden) || stars() != 0 {
			t.Errorf("refused star: %v, %d stars", err, stars())
		}
		// The count follows a cascade.
		if _, err := s.ToggleStar(ctx, bob.ID, k, c.ID, epoch, anybody); err != nil {
			t.Fatal(err)
		}
		if _, err := s.DB().ExecContext(ctx, `DELETE FROM users WHERE id = $1`, bob.ID); err != nil || stars() != 0 {
			t.Errorf("after the user is gone: %v, %d stars", err, stars())
		}
	})
}

func TestConcurrentStarsAreAllCounted(t *testing.T) { onEach(t, testConcurrentStarsAreAllCounted) }

func testConcurrentStarsAreAllCounted(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann := user(t, s, "ann", notebook.RoleUser)
		c := item(t, s, k, ann, "c", public)
		var wg sync.WaitGroup
		const users = 8
		for i := range users {
			u := user(t, s, "u"+strconv.Itoa(i), notebook.RoleUser)
			wg.Go(func() {
				if _, err := s.ToggleStar(ctx, u.ID, k, c.ID, epoch, anybody); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := must(s.Item(ctx, k, c.ID))(t).StarCount; n != users {
			t.Errorf("star_count = %d, want %d", n, users)
		}
	})
}

func TestFilesAndDeletion(t *testing.T) { onEach(t, testFilesAndDeletion) }

func testFilesAndDeletion(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann := user(t, s, "ann", notebook.RoleUser)
		c := item(t, s, k, ann, "c")
		if _, err := s.ToggleStar(ctx, ann.ID, k, c.ID, epoch, anybody); err != nil {
			t.Fatal(err)
		}
		next := []notebook.ItemFile{file("bot_config.toml", "new")}
		if k == notebook.TargetKnowledge {
			if _, err := s.AddFiles(ctx, k, c.ID, next, notebook.Quota{}, anybody); !errors.Is(err, notebook.ErrFileTaken) {
				t.Errorf("a second file of one name: %v", err)
			}
			next[0].FileName = "another.txt"
		}
		replaced, err := s.AddFiles(ctx, k, c.ID, next, notebook.Quota{}, func(i *notebook.Item) error {
			i.Version, i.UpdatedAt = "2.0", epoch.Add(time.Hour)
			return nil
		})
		if k == notebook.TargetKnowledge {
			replaced, _, err = s.DeleteFile(ctx, k, c.ID, must(s.ItemFiles(ctx, k, c.ID))(t)[1].ID, anybody)
		}
		if err != nil || len(replaced) != 1 || replaced[0] != "hash of c" {
			t.Fatalf("the files that are gone: %v, %v", replaced, err)
		}
		if got := must(s.Item(ctx, k, c.ID))(t); got.Version != "2.0" || !got.UpdatedAt.Equal(epoch.Add(time.Hour)) {
			t.Errorf("after AddFiles: %+v", got)
		}
		if must(s.FileReferenced(ctx, "hash of c"))(t) || !must(s.FileReferenced(ctx, "new"))(t) {
			t.Error("FileReferenced is wrong")
		}
		if err := s.CountDownload(ctx, k, c.ID, "", epoch); err != nil {
			t.Fatal(err)
		}
		if n := must(s.Item(ctx, k, c.ID))(t).Downloads; n != 1 {
			t.Errorf("%d downloads", n)
		}
		refuse := func(*notebook.Item) error { return notebook.ErrForbidden }
		if _, err := s.DeleteItem(ctx, k, c.ID, refuse); !errors.Is(err, notebook.ErrForbidden) {
			t.Errorf("refused deletion: %v", err)
		}
		if _, _, err := s.DeleteFile(ctx, k, c.ID, "x", anybody); !errors.Is(err, notebook.ErrFileNotFound) {
			t.Errorf("unknown file: %v", err)
		}
		hashes, whole, err := s.DeleteFile(ctx, k, c.ID, next[0].ID, anybody)
		if err != nil || !whole || len(hashes) != 1 || hashes[0] != "new" {
			t.Fatalf("DeleteFile = %v, %v, %v", hashes, whole, err)
		}
		if _, err := s.Item(ctx, k, c.ID); !errors.Is(err, notebook.ErrItemNotFound) {
			t.Errorf("the last file takes the item with it: %v", err)
		}
		for _, table := range []string{"persona_card_files", "knowledge_base_files", "star_records", "download_records"} {
			if n := count(t, s, `SELECT count(*) FROM `+table); n != 0 {
				t.Errorf("%d rows left in %s", n, table)
			}
		}
		if n := count(t, s, `SELECT count(*) FROM upload_records`); n != 1 {
			t.Error("the upload's record is history and stays")
		}
	})
}

func TestUpdateItemIsAllOrNothing(t *testing.T) { onEach(t, testUpdateItemIsAllOrNothing) }

func testUpdateItemIsAllOrNothing(t *testing.T, open opener) {
	kinds(t, func(t *testing.T, k notebook.ItemKind) {
		s, ctx := open(t), t.Context()
		ann := user(t, s, "ann", notebook.RoleUser)
		c := item(t, s, k, ann, "c")
		boom := errors.New("boom")
		if _, err := s.UpdateItem(ctx, k, c.ID, func(c *notebook.Item) error { c.Description = "changed"; return boom }); !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if got := must(s.Item(ctx, k, c.ID))(t); got.Description != "about c" {
			t.Errorf("a refused change was written: %+v", got)
		}
		got, err := s.UpdateItem(ctx, k, c.ID, func(c *notebook.Item) error { c.Pending = true; return nil })
		if err != nil || !got.Pending {
			t.Fatal(got, err)
		}
		if n := count(t, s, `SELECT count(*) FROM upload_records WHERE status = 'pending'`); n != 1 {
			t.Error("the upload's record does not follow")
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := s.Item(ctx, k, c.ID); !errors.Is(err, context.Canceled) {
			t.Errorf("reads use the caller's context: %v", err)
		}
	})
}

func TestNamesOfKnowledgeBasesAreUnique(t *testing.T) { onEach(t, testNamesOfKnowledgeBasesAreUnique) }

func testNamesOfKnowledgeBasesAreUnique(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	for range 2 {
		item(t, s, notebook.TargetPersona, ann, "c")
	}
	first := item(t, s, notebook.TargetKnowledge, ann, "c")
	item(t, s, notebook.TargetKnowledge, bob, "c")
	again := &notebook.Item{Kind: notebook.TargetKnowledge, Name: "c", Description: "d", UploaderID: ann.ID, Version: "1"}
	if err := s.CreateItem(ctx, again, []notebook.ItemFile{file("a.txt", "other")}, notebook.Quota{}); !errors.Is(err, notebook.ErrNameTaken) {
		t.Errorf("a second base of one name: %v", err)
	}
	if must(s.FileReferenced(ctx, "other"))(t) {
		t.Error("it left a file")
	}
	if _, err := s.DeleteItem(ctx, notebook.TargetKnowledge, first.ID, anybody); err != nil {
		t.Fatal(err)
	}
	item(t, s, notebook.TargetKnowledge, ann, "c")
}

func TestFilesOfKnowledgeBases(t *testing.T) { onEach(t, testFilesOfKnowledgeBases) }

func testFilesOfKnowledgeBases(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	const k = notebook.TargetKnowledge
	ann := user(t, s, "ann", notebook.RoleUser)
	var most []notebook.ItemFile
	for n := range notebook.MaxKnowledgeFiles {
		most = append(most, file(strconv.Itoa(n)+".txt", "same"))
	}
	full := &notebook.Item{Kind: k, Name: "full", Description: "d", UploaderID: ann.ID, Version: "1"}
	if err := s.CreateItem(ctx, full, most, notebook.Quota{}); err != nil || len(must(s.ItemFiles(ctx, k, full.ID))(t)) != notebook.MaxKnowledgeFiles {
		t.Fatal(err)
	}
	if _, err := s.AddFiles(ctx, k, full.ID, []notebook.ItemFile{file("more.txt", "more")}, notebook.Quota{}, anybody); !errors.Is(err, notebook.ErrFileCount) {
		t.Errorf("one file too many: %v", err)
	}
	twice := &notebook.Item{Kind: k, Name: "twice", Description: "d", UploaderID: ann.ID, Version: "1"}
	if err := s.CreateItem(ctx, twice, []notebook.ItemFile{file("a.txt", "more"), file("a.txt", "more")}, notebook.Quota{}); !errors.Is(err, notebook.ErrFileTaken) {
		t.Errorf("two files of one name: %v", err)
	}
	if must(s.FileReferenced(ctx, "more"))(t) || count(t, s, `SELECT count(*) FROM knowledge_bases`) != 1 || count(t, s, `SELECT count(*) FROM upload_records`) != 1 {
		t.Error("what was refused left something")
	}
}

// An item of one kind is none of the other, whatever its id.
func TestKindsAreApart(t *testing.T) { onEach(t, testKindsAreApart) }

func testKindsAreApart(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	c := item(t, s, notebook.TargetPersona, ann, "c", public)
	if _, err := s.Item(ctx, notebook.TargetKnowledge, c.ID); !errors.Is(err, notebook.ErrItemNotFound) {
		t.Error(err)
	}
	if _, err := s.ToggleStar(ctx, ann.ID, notebook.TargetKnowledge, c.ID, epoch, anybody); !errors.Is(err, notebook.ErrItemNotFound) {
		t.Error(err)
	}
	if _, err := s.ToggleStar(ctx, ann.ID, notebook.TargetPersona, c.ID, epoch, anybody); err != nil {
		t.Error(err)
	}
	if must(s.Starred(ctx, ann.ID, notebook.TargetKnowledge, c.ID))(t) {
		t.Error("a star on a card is one on a base")
	}
}

func TestStarsAcrossKinds(t *testing.T) { onEach(t, testStarsAcrossKinds) }

func testStarsAcrossKinds(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	for n, name := range []string{"p1", "k1", "p2", "k2"} {
		k := map[byte]notebook.ItemKind{'p': notebook.TargetPersona, 'k': notebook.TargetKnowledge}[name[0]]
		i := item(t, s, k, ann, name, public)
		if _, err := s.ToggleStar(ctx, bob.ID, k, i.ID, epoch.Add(time.Duration(n)*time.Second), anybody); err != nil {
			t.Fatal(err)
		}
		if name == "k1" {
			if _, err := s.ToggleStar(ctx, ann.ID, k, i.ID, epoch, anybody); err != nil {
				t.Fatal(err)
			}
		}
	}
	all := notebook.Page{Number: 1, Size: 10}
	for _, test := range []struct {
		f     notebook.StarFilter
		total int
		want  string
	}{
		{notebook.StarFilter{Page: all}, 4, "k2 p2 k1 p1 "},
		{notebook.StarFilter{Page: all, Ascending: true}, 4, "p1 k1 p2 k2 "},
		{notebook.StarFilter{Page: notebook.Page{Number: 2, Size: 3}, Ascending: true}, 4, "k2 "},
		{notebook.StarFilter{Page: notebook.Page{Number: 1, Size: 1}, SortBy: "star_count"}, 4, "k1 "},
		{notebook.StarFilter{Page: all, Kind: notebook.TargetKnowledge}, 2, "k2 k1 "},
		{notebook.StarFilter{Page: notebook.Page{Number: 1, Size: 1}, Kind: notebook.TargetKnowledge, SortBy: "star_count"}, 2, "k1 "},
		{notebook.StarFilter{Page: all, Kind: notebook.TargetPersona}, 2, "p2 p1 "},
	} {
		test.f.UserID = bob.ID
		stars, total, err := s.Stars(ctx, test.f)
		got := ""
		for _, star := range stars {
			got += star.Item.Name + " "
			if (star.Item.Kind == notebook.TargetKnowledge) != (star.Item.Name[0] == 'k') || star.Item.Author != "ann" {
				t.Errorf("%+v", star)
			}
		}
		if err != nil || total != test.total || got != test.want {
			t.Errorf("%+v: %q of %d, %v; want %q of %d", test.f, got, total, err, test.want, test.total)
		}
	}
}
