package notebook

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestSanctions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		duration, reason string
		days             int
		want             error
	}{
		{"1d", "spam", 1, nil}, {"7d", " spam ", 7, nil}, {"30d", strings.Repeat("麦", maxReason), 30, nil}, {"permanent", "spam", 0, nil},
		{"2d", "spam", 0, ErrDuration}, {"", "spam", 0, ErrDuration},
		{"1d", " ", 1, nil}, {"1d", strings.Repeat("x", maxReason+1), 0, ErrReasonLength},
	} {
		s, err := NewSanction(test.duration, test.reason, now)
		if !errors.Is(err, test.want) {
			t.Errorf("%q, %.9q: %v, want %v", test.duration, test.reason, err, test.want)
		}
		if test.want != nil {
			continue
		}
		u := &User{ID: "1"}
		for _, notice := range []Notice{u.Mute(s), u.Ban(s)} {
			if !strings.Contains(notice.Content, s.Reason) {
				t.Errorf("the reason is not told: %q", notice.Content)
			}
		}
		end, century := now.AddDate(0, 0, test.days), now.AddDate(100, 0, 0)
		if test.days == 0 {
			if !u.MutedAt(century) || !u.Banned(century) {
				t.Errorf("%s ends", test.duration)
			}
			end = century
		} else if u.MutedAt(end) || u.Banned(end) {
			t.Errorf("%s goes on", test.duration)
		}
		if !u.MutedAt(end.Add(-1)) || !u.Banned(end.Add(-1)) {
			t.Errorf("%s ends too early", test.duration)
		}
		if u.Unmute(end.Add(-1)) == (Notice{}) || u.MutedAt(now) {
			t.Error("the mute goes on")
		}
		if u.Unban(end.Add(-1)) == (Notice{}) || u.Banned(now) || u.Locked(now) {
			t.Error("the ban goes on")
		}
		if u.Unmute(now) != (Notice{}) || u.Unban(now) != (Notice{}) {
			t.Error("the end of nothing is told")
		}
	}
}

// An admin sees one kind of people who are kept out, and lets them in in one way.
func TestUnbanEndsALock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)
	u := &User{ID: "1"}
	for range MaxFailedLoginsOfAll {
		u.FailLogin(now)
	}
	if !u.Locked(now) {
		t.Fatal("failed logins do not lock")
	}
	if notice := u.Unban(now); notice != (Notice{}) || u.Locked(now) || u.FailedLogins != 0 {
		t.Errorf("%+v %+v", notice, u)
	}
}

func TestGiveRole(t *testing.T) {
	t.Parallel()
	admin, root := &User{Role: RoleAdmin}, &User{Role: RoleSuperAdmin}
	for _, test := range []struct {
		by   *User
		role Role
		want error
		told bool
	}{
		{admin, RoleModerator, nil, true}, {admin, RoleUser, nil, false}, {admin, RoleAdmin, ErrAdminBySuper, false},
		{root, RoleAdmin, nil, true}, {root, RoleSuperAdmin, ErrRoleInvalid, false}, {root, "king", ErrRoleInvalid, false},
	} {
		u := &User{Role: RoleUser}
		notice, err := u.GiveRole(test.role, test.by)
		if !errors.Is(err, test.want) || (notice != Notice{}) != test.told {
			t.Errorf("%s gives %s: %+v, %v", test.by.Role, test.role, notice, err)
		}
		if want := test.role; err == nil && u.Role != want || err != nil && u.Role != RoleUser {
			t.Errorf("%s gives %s: he is %s", test.by.Role, test.role, u.Role)
		}
	}
}
