package notebook

import (
	"errors"
	"testing"
	"time"
)

// What was approved stays what it was, or shows that it did not.
func TestChangesAfterTheReview(t *testing.T) {
	t.Parallel()
	owner, mod, now := &User{ID: "1", Role: RoleUser}, &User{ID: "2", Role: RoleModerator}, time.Now()
	ownMod := &User{ID: "1", Role: RoleModerator}
	nice, other := "nice", "other"
	for _, test := range []struct {
		name   string
		before bool
		by     *User
		text   *string
		want   bool
	}{
		{"by the owner", false, owner, &other, true},
		{"to what it was", false, owner, &nice, false},
		{"again, to what it was", true, owner, &nice, true},
		{"by a moderator", true, mod, &nice, false},
		{"by a moderator, of their own", false, ownMod, &other, true},
	} {
		i := Item{Kind: TargetPersona, UploaderID: "1", Public: true, Content: &nice, ChangedSinceReview: test.before}
		if err := i.Apply(ItemChange{Content: test.text}, test.by, now); err != nil || i.ChangedSinceReview != test.want || *i.Content != *test.text {
			t.Errorf("%s: %v, %v", test.name, i.ChangedSinceReview, err)
		}
	}
	i := Item{Kind: TargetPersona, UploaderID: "1", Pending: true}
	if err := i.Apply(ItemChange{Content: &other}, owner, now); err != nil || i.ChangedSinceReview {
		t.Errorf("what is in review has not been approved: %v", err)
	}
}

func TestWhoDecides(t *testing.T) {
	t.Parallel()
	now, yes := time.Now(), true
	before, after := now.Add(-time.Second), now.Add(time.Second)
	for _, test := range []struct {
		name string
		by   User
		seen *time.Time
		want error
	}{
		{"a moderator", User{ID: "2", Role: RoleModerator}, nil, nil},
		{"a moderator who has seen it as it is", User{ID: "2", Role: RoleModerator}, &now, nil},
		{"a moderator who has seen it before it changed", User{ID: "2", Role: RoleModerator}, &before, ErrChangedMeanwhile},
		{"a moderator, on their own", User{ID: "1", Role: RoleModerator}, &after, ErrOwnReview},
		{"an admin, on their own", User{ID: "1", Role: RoleAdmin}, nil, ErrOwnReview},
		{"a super admin, on their own", User{ID: "1", Role: RoleSuperAdmin}, nil, nil},
		{"a user", User{ID: "2", Role: RoleUser}, nil, ErrPublishByStaff},
	} {
		i := Item{Kind: TargetPersona, UploaderID: "1", Pending: true, UpdatedAt: now, ChangedSinceReview: true}
		if _, _, err := i.Review(Verdict{Approved: true, Seen: test.seen}, &test.by, after); !errors.Is(err, test.want) || i.Public != (test.want == nil) {
			t.Errorf("%s: %v", test.name, err)
		}
		if test.want == nil && (i.ChangedSinceReview || i.ReviewedBy == nil || *i.ReviewedBy != test.by.ID) {
			t.Errorf("%s: %+v", test.name, i)
		}
		if errors.Is(test.want, ErrChangedMeanwhile) || test.by.Role == RoleUser {
			continue
		}
		private := Item{Kind: TargetPersona, UploaderID: "1"}
		if err := private.Apply(ItemChange{Public: &yes}, &test.by, now); !errors.Is(err, test.want) || private.Public != (test.want == nil) {
			t.Errorf("%s publishes: %v", test.name, err)
		}
	}
}
