package store_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

var epoch = time.Date(2026, 2, 24, 12, 0, 0, 123456000, time.UTC)

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "note book#1.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func user(t *testing.T, s *store.Store, name string, role notebook.Role) *notebook.User {
	t.Helper()
	u, err := s.CreateUser(t.Context(), notebook.NewUser{Username: name, Email: name + "@example.com", PasswordHash: "x", Role: role}, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func card(t *testing.T, s *store.Store, by *notebook.User, name string, mutate ...func(*notebook.PersonaCard)) *notebook.PersonaCard {
	t.Helper()
	c := &notebook.PersonaCard{Name: name, Description: "about " + name, UploaderID: by.ID, BasePath: "files", Version: "1.0", CreatedAt: epoch, UpdatedAt: epoch}
	for _, m := range mutate {
		m(c)
	}
	f := &notebook.PersonaFile{FileName: "bot_config.toml", OriginalName: "bot_config.toml", Hash: "hash of " + name, FileType: ".toml", FileSize: 3, CreatedAt: epoch, UpdatedAt: epoch}
	if err := s.CreateCard(t.Context(), c, f); err != nil {
		t.Fatal(err)
	}
	return c
}

func public(c *notebook.PersonaCard)  { c.Public = true }
func pending(c *notebook.PersonaCard) { c.Pending = true }
func tagged(tags string) func(*notebook.PersonaCard) {
	return func(c *notebook.PersonaCard) { c.Tags = &tags }
}

// at makes the card that many seconds younger.
func at(d time.Duration) func(*notebook.PersonaCard) {
	return func(c *notebook.PersonaCard) { c.CreatedAt = epoch.Add(d * time.Second) }
}

func anybody(*notebook.PersonaCard) error { return nil }

func count(t *testing.T, s *store.Store, query string, args ...any) (n int) {
	t.Helper()
	if err := s.DB().QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpenTwiceMigratesOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "n.db")
	for range 2 {
		s, err := store.Open(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	made := user(t, s, "Ann", notebook.RoleModerator)
	got := must(s.User(ctx, made.ID))(t)
	if *got != *made || got.Role != notebook.RoleModerator || !got.CreatedAt.Equal(epoch) || got.Email != "ann@example.com" {
		t.Errorf("User = %+v, made %+v", got, made)
	}
	if must(s.UserNamed(ctx, "Ann"))(t).ID != made.ID {
		t.Error("UserNamed found another user")
	}
	for _, test := range []struct {
		name, email string
		want        error
	}{
		{"Ann", "b@example.com", notebook.ErrUsernameTaken},
		{"Bob", "ANN@example.com", notebook.ErrEmailTaken},
		{" ", "b@example.com", notebook.ErrUsernameInvalid},
		{"Bob", "nonsense", notebook.ErrEmailInvalid},
	} {
		if _, err := s.CreateUser(ctx, notebook.NewUser{Username: test.name, Email: test.email, Role: notebook.RoleUser}, epoch); !errors.Is(err, test.want) {
			t.Errorf("CreateUser(%q, %q): %v, want %v", test.name, test.email, err, test.want)
		}
	}
	for _, err := range []error{
		func() error { _, err := s.User(ctx, "x"); return err }(),
		func() error { _, err := s.UserNamed(ctx, "x"); return err }(),
		s.RecordLogin(ctx, "x", false, epoch),
	} {
		if !errors.Is(err, notebook.ErrUserNotFound) {
			t.Errorf("unknown user: %v", err)
		}
	}
	if err := s.SetPassword(ctx, made, "new"); err != nil {
		t.Fatal(err)
	}
	// A second request that knew the same old password comes too late.
	if err := s.SetPassword(ctx, made, "newer"); !errors.Is(err, notebook.ErrInvalidToken) {
		t.Errorf("SetPassword over another one's: %v", err)
	}
	if got := must(s.User(ctx, made.ID))(t); got.PasswordVersion != 1 || got.PasswordHash != "new" {
		t.Errorf("after SetPassword: %+v", got)
	}
}

func TestEnsureSuperAdmin(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	if created, err := s.EnsureSuperAdmin(ctx, "root", "one"); err != nil || !created {
		t.Fatal(created, err)
	}
	if created, err := s.EnsureSuperAdmin(ctx, "root", "two"); err != nil || created {
		t.Fatal(created, err)
	}
	if u := must(s.UserNamed(ctx, "root"))(t); u.Role != notebook.RoleSuperAdmin || u.PasswordHash != "one" {
		t.Errorf("%+v", u)
	}
	user(t, s, "ann", notebook.RoleAdmin)
	if _, err := s.EnsureSuperAdmin(ctx, "ann", "x"); !errors.Is(err, notebook.ErrUsernameTaken) {
		t.Errorf("somebody else's name: %v", err)
	}
}

func TestFailedLoginsLock(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	for range notebook.MaxFailedLogins - 1 {
		if err := s.RecordLogin(ctx, ann.ID, false, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RecordLogin(ctx, ann.ID, true, epoch); err != nil {
		t.Fatalf("one attempt was left: %v", err)
	}
	if u := must(s.User(ctx, ann.ID))(t); u.FailedLogins != 0 {
		t.Errorf("%d failed logins after a success", u.FailedLogins)
	}
	// Concurrent attempts are all counted: none slips through.
	var wg sync.WaitGroup
	var mu sync.Mutex
	locked := 0
	for range notebook.MaxFailedLogins + 3 {
		wg.Go(func() {
			err := s.RecordLogin(ctx, ann.ID, false, epoch)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, notebook.ErrAccountLocked) {
				locked++
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if locked != 3 {
		t.Errorf("%d attempts met the lock, want 3", locked)
	}
	if err := s.RecordLogin(ctx, ann.ID, true, epoch.Add(notebook.LockDuration-1)); !errors.Is(err, notebook.ErrAccountLocked) {
		t.Errorf("the right password while locked: %v", err)
	}
	if err := s.RecordLogin(ctx, ann.ID, false, epoch.Add(notebook.LockDuration)); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	if u := must(s.User(ctx, ann.ID))(t); u.FailedLogins != 1 || u.LockedUntil != nil {
		t.Errorf("the count begins anew: %+v", u)
	}
}

func TestCardRoundTrip(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	made := card(t, s, ann, "小麦", pending, tagged("a,b"))
	got := must(s.Card(ctx, made.ID))(t)
	if got.Name != "小麦" || got.Author != "ann" || !got.Pending || got.Public || *got.Tags != "a,b" || got.Content != nil ||
		!got.CreatedAt.Equal(epoch) || got.Version != "1.0" {
		t.Errorf("Card = %+v", got)
	}
	files := must(s.CardFiles(ctx, made.ID))(t)
	if len(files) != 1 || files[0].Hash != "hash of 小麦" || files[0].FileSize != 3 {
		t.Fatalf("CardFiles = %+v", files)
	}
	if f := must(s.CardFile(ctx, made.ID, files[0].ID))(t); *f != files[0] {
		t.Errorf("CardFile = %+v", f)
	}
	if _, err := s.CardFile(ctx, "other", files[0].ID); !errors.Is(err, notebook.ErrFileNotFound) {
		t.Errorf("a file by another card's id: %v", err)
	}
	if n := count(t, s, `SELECT count(*) FROM upload_records WHERE target_id = ? AND status = 'pending'`, made.ID); n != 1 {
		t.Errorf("%d upload records", n)
	}
}

func TestCardFilters(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	card(t, s, ann, "alpha", public, at(3), tagged("x,y"))
	card(t, s, ann, "Beta_1", public, at(2))
	card(t, s, bob, "beta%2", public, at(1), tagged("xyz"))
	card(t, s, bob, "draft")
	waiting := card(t, s, bob, "waiting", pending)
	rejected := card(t, s, bob, "rejected", pending, at(9))
	if err := s.ReviewCard(ctx, rejected.ID, ann.ID, notebook.Verdict{Reason: "no"}, epoch); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ToggleStar(ctx, ann.ID, waiting.ID, epoch, anybody); err != nil {
		t.Fatal(err)
	}
	all := notebook.Page{Number: 1, Size: 10}
	for _, test := range []struct {
		name  string
		f     notebook.CardFilter
		total int
		want  []string
	}{
		{"public, newest first", notebook.CardFilter{State: notebook.StatePublic, Page: all}, 3, []string{"alpha", "Beta_1", "beta%2"}},
		{"oldest first", notebook.CardFilter{State: notebook.StatePublic, Ascending: true, Page: all}, 3, []string{"beta%2", "Beta_1", "alpha"}},
		{"second page", notebook.CardFilter{State: notebook.StatePublic, Page: notebook.Page{Number: 2, Size: 2}}, 3, []string{"beta%2"}},
		{"beyond the end", notebook.CardFilter{State: notebook.StatePublic, Page: notebook.Page{Number: 9, Size: 2}}, 3, nil},
		{"substring, whatever the case", notebook.CardFilter{Name: "beta", SortBy: "name", Ascending: true, Page: all}, 2, []string{"beta%2", "Beta_1"}},
		{"a per cent sign is itself", notebook.CardFilter{Name: "%", Page: all}, 1, []string{"beta%2"}},
		{"so is an underscore", notebook.CardFilter{Name: "_", Page: all}, 1, []string{"Beta_1"}},
		{"and a backslash", notebook.CardFilter{Name: `\`, Page: all}, 0, nil},
		{"metacharacters", notebook.CardFilter{Name: `'; DROP TABLE users; --`, Page: all}, 0, nil},
		{"by uploader's name", notebook.CardFilter{State: notebook.StatePublic, Uploader: "bob", Page: all}, 1, []string{"beta%2"}},
		{"by uploader's id", notebook.CardFilter{State: notebook.StatePublic, Uploader: ann.ID, Page: all}, 2, []string{"alpha", "Beta_1"}},
		{"by unknown uploader", notebook.CardFilter{Uploader: "eve", Page: all}, 0, nil},
		{"own", notebook.CardFilter{OwnerID: bob.ID, SortBy: "name", Ascending: true, Page: all}, 4, []string{"beta%2", "draft", "rejected", "waiting"}},
		{"pending", notebook.CardFilter{State: notebook.StatePending, Page: all}, 1, []string{"waiting"}},
		{"rejected", notebook.CardFilter{State: notebook.StateRejected, Page: all}, 1, []string{"rejected"}},
		{"by tag", notebook.CardFilter{Tag: "y", Page: all}, 2, []string{"alpha", "beta%2"}},
		{"by stars", notebook.CardFilter{OwnerID: bob.ID, SortBy: "star_count", Page: notebook.Page{Number: 1, Size: 1}}, 4, []string{"waiting"}},
		{"unknown order", notebook.CardFilter{State: notebook.StatePublic, SortBy: "1; DROP", Page: all}, 3, []string{"alpha", "Beta_1", "beta%2"}},
	} {
		cards, total, err := s.Cards(ctx, test.f)
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
}

func TestReview(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, mod := user(t, s, "ann", notebook.RoleUser), user(t, s, "mod", notebook.RoleModerator)
	c := card(t, s, ann, "c", pending)
	if err := s.ReviewCard(ctx, c.ID, mod.ID, notebook.Verdict{Reason: "because"}, epoch); err != nil {
		t.Fatal(err)
	}
	got := must(s.Card(ctx, c.ID))(t)
	if got.Pending || got.Public || got.RejectionReason == nil || *got.RejectionReason != "because" {
		t.Errorf("rejected: %+v", got)
	}
	if n := count(t, s, `SELECT count(*) FROM upload_records WHERE target_id = ? AND status = 'rejected'`, c.ID); n != 1 {
		t.Error("upload record not rejected")
	}
	if err := s.ReviewCard(ctx, c.ID, mod.ID, notebook.Verdict{Approved: true}, epoch); !errors.Is(err, notebook.ErrNotPending) {
		t.Errorf("second verdict: %v", err)
	}
	if n := count(t, s, `SELECT count(*) FROM messages WHERE recipient_id = ? AND sender_id = ? AND content LIKE '%because%'`, ann.ID, mod.ID); n != 1 {
		t.Errorf("%d messages", n)
	}
	if err := s.ReviewCard(ctx, "x", mod.ID, notebook.Verdict{Approved: true}, epoch); !errors.Is(err, notebook.ErrCardNotFound) {
		t.Errorf("unknown card: %v", err)
	}
}

func TestStars(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	c, hidden := card(t, s, ann, "c", public), card(t, s, ann, "hidden")
	stars := func() int { return must(s.Card(ctx, c.ID))(t).StarCount }
	for i, want := range []bool{true, false, true} {
		if starred, err := s.ToggleStar(ctx, bob.ID, c.ID, epoch, anybody); err != nil || starred != want {
			t.Fatalf("toggle %d: %v, %v", i, starred, err)
		}
		if got := must(s.Starred(ctx, bob.ID, notebook.TargetPersona, c.ID))(t); got != want {
			t.Errorf("Starred = %v after toggle %d", got, i)
		}
	}
	if _, err := s.ToggleStar(ctx, bob.ID, hidden.ID, epoch, anybody); err != nil {
		t.Fatal(err)
	}
	if stars() != 1 {
		t.Errorf("star_count = %d", stars())
	}
	list, total, err := s.Stars(ctx, notebook.StarFilter{UserID: bob.ID, Page: notebook.Page{Number: 1, Size: 5}})
	if err != nil || total != 1 || len(list) != 1 || list[0].Card.Name != "c" || list[0].Card.StarCount != 1 {
		t.Errorf("Stars = %+v, %d, %v", list, total, err)
	}
	if err := s.Unstar(ctx, bob.ID, c.ID); err != nil || stars() != 0 {
		t.Errorf("Unstar: %v, %d stars", err, stars())
	}
	if err := s.Unstar(ctx, bob.ID, c.ID); !errors.Is(err, notebook.ErrNotStarred) {
		t.Errorf("second Unstar: %v", err)
	}
	if err := s.Unstar(ctx, bob.ID, "x"); !errors.Is(err, notebook.ErrCardNotFound) {
		t.Errorf("Unstar of an unknown card: %v", err)
	}
	if _, err := s.ToggleStar(ctx, bob.ID, c.ID, epoch, func(*notebook.PersonaCard) error { return notebook.ErrForbidden }); !errors.Is(err, notebook.ErrForbidden) || stars() != 0 {
		t.Errorf("refused star: %v, %d stars", err, stars())
	}
	// The count follows a cascade.
	if _, err := s.ToggleStar(ctx, bob.ID, c.ID, epoch, anybody); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DB().ExecContext(ctx, `DELETE FROM users WHERE id = ?`, bob.ID); err != nil || stars() != 0 {
		t.Errorf("after the user is gone: %v, %d stars", err, stars())
	}
}

func TestConcurrentStarsAreAllCounted(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	c := card(t, s, ann, "c", public)
	var wg sync.WaitGroup
	const users = 8
	for i := range users {
		u := user(t, s, "u"+strconv.Itoa(i), notebook.RoleUser)
		wg.Go(func() {
			if _, err := s.ToggleStar(ctx, u.ID, c.ID, epoch, anybody); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := must(s.Card(ctx, c.ID))(t).StarCount; n != users {
		t.Errorf("star_count = %d, want %d", n, users)
	}
}

func TestFilesAndDeletion(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	c := card(t, s, ann, "c")
	if _, err := s.ToggleStar(ctx, ann.ID, c.ID, epoch, anybody); err != nil {
		t.Fatal(err)
	}
	next := &notebook.PersonaFile{FileName: "bot_config.toml", OriginalName: "bot_config.toml", Hash: "new", FileType: ".toml", CreatedAt: epoch, UpdatedAt: epoch.Add(time.Hour)}
	replaced, err := s.ReplaceFile(ctx, c.ID, next, "2.0", anybody)
	if err != nil || len(replaced) != 1 || replaced[0] != "hash of c" {
		t.Fatalf("ReplaceFile = %v, %v", replaced, err)
	}
	if got := must(s.Card(ctx, c.ID))(t); got.Version != "2.0" || !got.UpdatedAt.Equal(epoch.Add(time.Hour)) {
		t.Errorf("after ReplaceFile: %+v", got)
	}
	if must(s.FileReferenced(ctx, "hash of c"))(t) || !must(s.FileReferenced(ctx, "new"))(t) {
		t.Error("FileReferenced is wrong")
	}
	if err := s.CountDownload(ctx, c.ID, epoch); err != nil {
		t.Fatal(err)
	}
	if n := must(s.Card(ctx, c.ID))(t).Downloads; n != 1 {
		t.Errorf("%d downloads", n)
	}
	refuse := func(*notebook.PersonaCard) error { return notebook.ErrForbidden }
	if _, err := s.DeleteCard(ctx, c.ID, refuse); !errors.Is(err, notebook.ErrForbidden) {
		t.Errorf("refused deletion: %v", err)
	}
	if _, _, err := s.DeleteFile(ctx, c.ID, "x", anybody); !errors.Is(err, notebook.ErrFileNotFound) {
		t.Errorf("unknown file: %v", err)
	}
	hashes, whole, err := s.DeleteFile(ctx, c.ID, next.ID, anybody)
	if err != nil || !whole || len(hashes) != 1 || hashes[0] != "new" {
		t.Fatalf("DeleteFile = %v, %v, %v", hashes, whole, err)
	}
	if _, err := s.Card(ctx, c.ID); !errors.Is(err, notebook.ErrCardNotFound) {
		t.Errorf("the last file takes the card with it: %v", err)
	}
	for _, table := range []string{"persona_card_files", "star_records", "download_records"} {
		if n := count(t, s, `SELECT count(*) FROM `+table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
	if n := count(t, s, `SELECT count(*) FROM upload_records`); n != 1 {
		t.Error("the upload's record is history and stays")
	}
}

func TestUpdateCardIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	c := card(t, s, ann, "c")
	boom := errors.New("boom")
	if _, err := s.UpdateCard(ctx, c.ID, func(c *notebook.PersonaCard) error { c.Description = "changed"; return boom }); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if got := must(s.Card(ctx, c.ID))(t); got.Description != "about c" {
		t.Errorf("a refused change was written: %+v", got)
	}
	got, err := s.UpdateCard(ctx, c.ID, func(c *notebook.PersonaCard) error { c.Pending = true; return nil })
	if err != nil || !got.Pending {
		t.Fatal(got, err)
	}
	if n := count(t, s, `SELECT count(*) FROM upload_records WHERE status = 'pending'`); n != 1 {
		t.Error("the upload's record does not follow")
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Card(ctx, c.ID); !errors.Is(err, context.Canceled) {
		t.Errorf("reads use the caller's context: %v", err)
	}
}
