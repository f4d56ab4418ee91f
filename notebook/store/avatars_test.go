package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

func TestAvatars(t *testing.T) { onEach(t, testAvatars) }

func testAvatars(t *testing.T, open opener) {
	t.Parallel()
	s, ctx := open(t), t.Context()
	ann := user(t, s, "ann", notebook.RoleUser)
	if a := must(s.Avatar(ctx, ann.ID))(t); a.Username != "ann" || a.Fitting(200, 128) != "" || a.Fitting(1, 128) != "" {
		t.Errorf("at first: %+v", a)
	}
	if u, _, err := s.SetAvatar(ctx, ann.ID, "", "", epoch); err != nil || u.AvatarUpdatedAt != nil {
		t.Errorf("what is not there was taken away: %+v, %v", u, err)
	}
	if u, before, err := s.SetAvatar(ctx, ann.ID, "one", "small", epoch); err != nil || len(before) != 0 || *u.AvatarPath != "one" || !u.AvatarUpdatedAt.Equal(epoch) {
		t.Errorf("%+v, %q, %v", u, before, err)
	}
	if a := must(s.Avatar(ctx, ann.ID))(t); a.Fitting(200, 128) != "one" || a.Fitting(128, 128) != "small" {
		t.Errorf("%+v", a)
	}
	later := epoch.Add(time.Minute)
	if u, before, err := s.SetAvatar(ctx, ann.ID, "", "", later); err != nil || !slices.Equal(before, []string{"one", "small"}) || u.AvatarPath != nil || !u.AvatarUpdatedAt.Equal(later) {
		t.Errorf("%+v, %q, %v", u, before, err)
	}
	if _, err := s.Avatar(ctx, "x"); !errors.Is(err, notebook.ErrUserNotFound) {
		t.Error(err)
	}
	if _, _, err := s.SetAvatar(ctx, "x", "one", "small", epoch); !errors.Is(err, notebook.ErrUserNotFound) {
		t.Error(err)
	}
}
