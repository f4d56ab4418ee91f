package notebook

import (
	"errors"
	"testing"
	"time"
)

func TestMutes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	for _, test := range []struct {
		u    User
		want error
	}{
		{User{}, nil},
		{User{MutedUntil: &later}, nil},
		{User{Muted: true}, ErrMuted},
		{User{Muted: true, MutedUntil: &later}, ErrMuted},
		{User{Muted: true, MutedUntil: &now}, nil},
	} {
		if err := test.u.CommentAt(now); !errors.Is(err, test.want) {
			t.Errorf("%+v: %v, want %v", test.u, err, test.want)
		}
	}
}

func TestWhoMayWhatWithComments(t *testing.T) {
	t.Parallel()
	private, public := &Target{UploaderID: "owner"}, &Target{UploaderID: "owner", Public: true}
	c := &Comment{UserID: "author"}
	for _, test := range []struct {
		u           User
		read, write error // on the private target
	}{
		{User{ID: "owner", Role: RoleUser}, nil, nil},
		{User{ID: "author", Role: RoleUser}, ErrForbidden, nil},
		{User{ID: "other", Role: RoleUser}, ErrForbidden, ErrForbidden},
		{User{ID: "other", Role: RoleModerator}, nil, nil},
	} {
		if err := private.ReadableBy(&test.u); !errors.Is(err, test.read) {
			t.Errorf("%+v reads: %v", test.u, err)
		}
		if err := public.ReadableBy(&test.u); err != nil {
			t.Errorf("%+v reads what is public: %v", test.u, err)
		}
		for _, on := range []*Target{private, public} {
			if err := c.ManagedBy(&test.u, on); !errors.Is(err, test.write) {
				t.Errorf("%+v deletes: %v", test.u, err)
			}
		}
	}
}

func TestCommentRestorableBy(t *testing.T) {
	t.Parallel()
	now, mute := time.Now(), Sanction{Reason: "spam"}
	author, owner, mod := &User{ID: "author", Role: RoleUser}, &User{ID: "owner", Role: RoleUser}, &User{ID: "mod", Role: RoleModerator}
	muted, mutedMod := &User{ID: "author", Role: RoleUser}, &User{ID: "mod", Role: RoleModerator}
	muted.Mute(mute)
	mutedMod.Mute(mute)
	for _, test := range []struct {
		name      string
		deletedBy *User // nil: nobody knows
		by        *User
		want      error
	}{
		{"the author, their own deletion", author, author, nil},
		{"the author, while muted", author, muted, ErrMuted},
		{"the author, a moderator's deletion", mod, author, ErrForbidden},
		{"the author, the owner's deletion", owner, author, ErrForbidden},
		{"the author, nobody knows whose", nil, author, ErrForbidden},
		{"the owner, their own deletion", owner, owner, nil},
		{"the owner, a moderator's deletion", mod, owner, ErrForbidden},
		{"a moderator, nobody knows whose", nil, mod, nil},
		{"a moderator, while muted", author, mutedMod, nil},
	} {
		c := Comment{UserID: author.ID, Deleted: true}
		if test.deletedBy != nil {
			c.DeletedBy = &test.deletedBy.ID
		}
		if err := c.RestorableBy(test.by, now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}
