package store_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

func nothing(_, _ *notebook.User) (notebook.Notice, error) { return notebook.Notice{}, nil }

func superAdmin(t *testing.T, s *store.Store, name string) *notebook.User {
	t.Helper()
	if _, err := s.EnsureSuperAdmin(t.Context(), name, "x"); err != nil {
		t.Fatal(err)
	}
	return must(s.UserNamed(t.Context(), name))(t)
}

func TestWhoMayManageWhom(t *testing.T) { onEach(t, testWhoMayManageWhom) }

func testWhoMayManageWhom(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	people := map[string]*notebook.User{"root": superAdmin(t, s, "root"), "other root": superAdmin(t, s, "other root")}
	for name, role := range map[string]notebook.Role{
		"admin": notebook.RoleAdmin, "other-admin": notebook.RoleAdmin, "moderator": notebook.RoleModerator, "ann": notebook.RoleUser,
	} {
		people[name] = user(t, s, name, role)
	}
	for _, test := range []struct {
		by, user string
		want     error
	}{
		{"root", "other root", nil}, {"root", "admin", nil}, {"root", "ann", nil}, {"root", "root", notebook.ErrSelfManaged},
		{"admin", "ann", nil}, {"admin", "moderator", nil}, {"admin", "admin", notebook.ErrSelfManaged},
		{"admin", "other-admin", notebook.ErrAdminProtected}, {"admin", "root", notebook.ErrAdminProtected},
		{"moderator", "ann", notebook.ErrForbidden}, {"ann", "ann", notebook.ErrForbidden}, {"ann", "root", notebook.ErrForbidden},
	} {
		if _, err := s.ManageUser(ctx, people[test.by].ID, people[test.user].ID, epoch, nothing); !errors.Is(err, test.want) {
			t.Errorf("%s manages %s: %v, want %v", test.by, test.user, err, test.want)
		}
		if test.want == nil {
			continue
		}
		if _, err := s.DeleteUser(ctx, people[test.by].ID, people[test.user].ID, epoch); !errors.Is(err, test.want) {
			t.Errorf("%s deletes %s: %v, want %v", test.by, test.user, err, test.want)
		}
	}
	if _, err := s.ManageUser(ctx, people["root"].ID, "x", epoch, nothing); !errors.Is(err, notebook.ErrUserNotFound) {
		t.Errorf("nobody is managed: %v", err)
	}
}

// An admin acts as he is inside the transaction, not as he was when he was let
// in: so of two who remove each other one stays, and can go on.
func TestTheLastAdminStays(t *testing.T) { onEach(t, testTheLastAdminStays) }

func testTheLastAdminStays(t *testing.T, open opener) {
	t.Parallel()
	ban := func(s *store.Store, ctx context.Context, by, u string) error {
		_, err := s.ManageUser(ctx, by, u, epoch, func(_, u *notebook.User) (notebook.Notice, error) {
			return u.Ban(notebook.Sanction{Reason: "spam"}), nil
		})
		return err
	}
	for name, remove := range map[string]func(s *store.Store, ctx context.Context, by, u string) error{
		"ban": ban,
		"delete": func(s *store.Store, ctx context.Context, by, u string) error {
			_, err := s.DeleteUser(ctx, by, u, epoch)
			return err
		},
		"demote": func(s *store.Store, ctx context.Context, by, u string) error {
			_, err := s.ManageUser(ctx, by, u, epoch, func(by, u *notebook.User) (notebook.Notice, error) { return u.GiveRole(notebook.RoleUser, by) })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx := open(t), t.Context()
			ids := []string{superAdmin(t, s, "one").ID, superAdmin(t, s, "two").ID}
			var errs [2]error
			var wg sync.WaitGroup
			for i := range ids {
				wg.Go(func() { errs[i] = remove(s, ctx, ids[i], ids[1-i]) })
			}
			wg.Wait()
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("%v, %v: want one to succeed", errs[0], errs[1])
			}
			left := ids[0]
			if errs[0] != nil {
				left = ids[1]
			}
			if err := ban(s, ctx, left, user(t, s, "ann", notebook.RoleUser).ID); err != nil {
				t.Errorf("who is left: %v", err)
			}
		})
	}
}

func TestManageUserTellsHim(t *testing.T) { onEach(t, testManageUserTellsHim) }

func testManageUserTellsHim(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	admin, ann := user(t, s, "admin", notebook.RoleAdmin), user(t, s, "ann", notebook.RoleUser)
	until := epoch.Add(time.Hour)
	mute := func(_, u *notebook.User) (notebook.Notice, error) {
		return u.Mute(notebook.Sanction{Reason: "spam", Until: &until}), nil
	}
	// The message and the change are there together or not at all.
	refuse, allow := `CREATE TRIGGER refuse BEFORE INSERT ON messages BEGIN SELECT raise(ABORT, 'disk full'); END`, `DROP TRIGGER refuse`
	if onPostgres(s) {
		refuse, allow = `ALTER TABLE messages ADD CONSTRAINT disk_full CHECK (FALSE)`, `ALTER TABLE messages DROP CONSTRAINT disk_full`
	}
	if _, err := s.DB().ExecContext(ctx, refuse); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ManageUser(ctx, admin.ID, ann.ID, epoch, mute); err == nil || must(s.User(ctx, ann.ID))(t).Muted {
		t.Errorf("half of it was kept: %v", err)
	}
	if _, err := s.DB().ExecContext(ctx, allow); err != nil {
		t.Fatal(err)
	}
	got := must(s.ManageUser(ctx, admin.ID, ann.ID, epoch, mute))(t)
	if stored := must(s.User(ctx, ann.ID))(t); !stored.MutedAt(epoch) || stored.MutedAt(until) || *stored.MuteReason != "spam" || !got.MutedAt(epoch) {
		t.Errorf("%+v", stored)
	}
	if n := count(t, s, `SELECT count(*) FROM messages WHERE recipient_id = $1 AND sender_id = $2 AND content LIKE '%spam%'`, ann.ID, admin.ID); n != 1 {
		t.Errorf("%d messages", n)
	}
	if _, err := s.ManageUser(ctx, admin.ID, ann.ID, epoch, nothing); err != nil || count(t, s, `SELECT count(*) FROM messages`) != 1 {
		t.Errorf("a message about nothing: %v", err)
	}
}

func TestDeleteUserTakesAlongWhatIsHis(t *testing.T) { onEach(t, testDeleteUserTakesAlongWhatIsHis) }

func testDeleteUserTakesAlongWhatIsHis(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	admin, ann, bob := user(t, s, "admin", notebook.RoleAdmin), user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	item(t, s, notebook.TargetPersona, ann, "hers", public)
	item(t, s, notebook.TargetKnowledge, ann, "her base", public)
	his := item(t, s, notebook.TargetPersona, bob, "his", public)
	if _, err := s.ToggleStar(ctx, ann.ID, notebook.TargetPersona, his.ID, epoch, anybody); err != nil {
		t.Fatal(err)
	}
	if _, before, err := s.SetAvatar(ctx, ann.ID, "full", "small", epoch); err != nil || len(before) != 0 {
		t.Fatal(before, err)
	}
	for _, hash := range []string{"full", "small", "hash of hers", "hash of her base"} {
		if !must(s.FileReferenced(ctx, hash))(t) {
			t.Errorf("nobody refers to %q", hash)
		}
	}
	hashes := must(s.DeleteUser(ctx, admin.ID, ann.ID, epoch))(t)
	slices.Sort(hashes)
	if want := []string{"full", "hash of her base", "hash of hers", "small"}; !slices.Equal(hashes, want) {
		t.Errorf("files %q, want %q", hashes, want)
	}
	for _, hash := range hashes {
		if must(s.FileReferenced(ctx, hash))(t) {
			t.Errorf("somebody refers to %q", hash)
		}
	}
	if n := count(t, s, `SELECT (SELECT count(*) FROM knowledge_bases) * 1000 + (SELECT count(*) FROM persona_cards) * 100 +
		(SELECT count(*) FROM star_records) * 10 + (SELECT star_count FROM persona_cards)`); n != 100 {
		t.Errorf("bases, cards, stars, count: %04d", n)
	}
}

func TestUserLists(t *testing.T) { onEach(t, testUserLists) }

func testUserLists(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	superAdmin(t, s, "root")
	for name, role := range map[string]notebook.Role{
		"admin": notebook.RoleAdmin, "mod": notebook.RoleModerator, "ann_1": notebook.RoleUser, "annx1": notebook.RoleUser,
	} {
		user(t, s, name, role)
	}
	for _, test := range []struct {
		filter notebook.UserFilter
		want   []string
	}{
		{notebook.UserFilter{}, []string{"admin", "ann_1", "annx1", "mod", "root"}},
		{notebook.UserFilter{Role: notebook.RoleSuperAdmin}, []string{"root"}},
		{notebook.UserFilter{Role: notebook.RoleAdmin}, []string{"admin"}},
		{notebook.UserFilter{Role: notebook.RoleModerator}, []string{"mod"}},
		{notebook.UserFilter{Role: notebook.RoleUser}, []string{"ann_1", "annx1"}},
		{notebook.UserFilter{Search: "n_1"}, []string{"ann_1"}},
		{notebook.UserFilter{Search: "mod@EXAMPLE"}, []string{"mod"}},
		{notebook.UserFilter{Search: "%"}, nil},
		{notebook.UserFilter{Search: "ann", Role: notebook.RoleAdmin}, nil},
	} {
		test.filter.Page = notebook.Page{Number: 1, Size: 10}
		list, total, err := s.Users(ctx, test.filter)
		var names []string
		for _, u := range list {
			names = append(names, u.Username)
		}
		slices.Sort(names)
		if err != nil || total != len(test.want) || !slices.Equal(names, test.want) {
			t.Errorf("%+v: %q, total %d, %v, want %q", test.filter, names, total, err, test.want)
		}
	}
	list, total, err := s.Users(ctx, notebook.UserFilter{Page: notebook.Page{Number: 2, Size: 3}})
	if err != nil || total != 5 || len(list) != 2 {
		t.Errorf("page 2: %d of %d, %v", len(list), total, err)
	}
	if c := must(s.Counts(ctx))(t); c != (notebook.Counts{Users: 5}) {
		t.Errorf("%+v", c)
	}
}

// A list says of each user what is theirs, and when they uploaded last, also what
// is gone.
func TestListedUsersHaveTheirUploads(t *testing.T) { onEach(t, testListedUsersHaveTheirUploads) }

func testListedUsersHaveTheirUploads(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann, bob := user(t, s, "ann", notebook.RoleUser), user(t, s, "bob", notebook.RoleUser)
	user(t, s, "zoe", notebook.RoleUser)
	later := func(i *notebook.Item) { i.CreatedAt = epoch.Add(time.Hour) }
	item(t, s, notebook.TargetPersona, ann, "one")
	item(t, s, notebook.TargetPersona, ann, "two")
	item(t, s, notebook.TargetKnowledge, ann, "three")
	gone := item(t, s, notebook.TargetKnowledge, ann, "four", later)
	item(t, s, notebook.TargetKnowledge, bob, "five")
	must(s.DeleteItem(ctx, notebook.TargetKnowledge, gone.ID, func(*notebook.Item) error { return nil }))(t)
	list, _, err := s.Users(ctx, notebook.UserFilter{Page: notebook.Page{Number: 1, Size: 10}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, u := range list {
		last := "never"
		if u.LastUpload != nil {
			last = u.LastUpload.Sub(epoch).String()
		}
		got[u.Username] = fmt.Sprint(u.Personas, u.Knowledge, " ", last)
	}
	if want := map[string]string{"ann": "2 1 1h0m0s", "bob": "0 1 0s", "zoe": "0 0 never"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Who guesses at a password is stopped after a ban as before it.
func TestFailedLoginsLockAfterABan(t *testing.T) { onEach(t, testFailedLoginsLockAfterABan) }

func testFailedLoginsLockAfterABan(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	admin, ann := user(t, s, "admin", notebook.RoleAdmin), user(t, s, "ann", notebook.RoleUser)
	until := epoch.Add(time.Hour)
	must(s.ManageUser(ctx, admin.ID, ann.ID, epoch, func(_, u *notebook.User) (notebook.Notice, error) {
		return u.Ban(notebook.Sanction{Reason: "spam", Until: &until}), nil
	}))(t)
	for range notebook.MaxFailedLoginsOfAll {
		if err := s.RecordLogin(ctx, ann.ID, false, epoch); err != nil {
			t.Fatal(err)
		}
	}
	if u := must(s.User(ctx, ann.ID))(t); !u.Banned(until.Add(-1)) || u.Banned(until) {
		t.Errorf("failed logins moved the end of a ban: %+v", u)
	}
	for range notebook.MaxFailedLoginsOfAll {
		if err := s.RecordLogin(ctx, ann.ID, false, until); err != nil {
			t.Fatal(err)
		}
	}
	if u := must(s.User(ctx, ann.ID))(t); !u.Locked(until) {
		t.Errorf("after the ban: %+v", u)
	}
}
