package notebook

import (
	"strings"
	"time"
)

// What can go wrong when one user manages another.
var (
	ErrSelfManaged    = newError(Forbidden, "SELF_MANAGEMENT_DENIED", "不能对自己执行此操作", "You may not do this to yourself")
	ErrAdminProtected = newError(Forbidden, "ADMIN_PROTECTED", "只有超级管理员可以管理管理员账号", "Only a super admin may act on an admin")
	ErrDuration       = newError(Invalid, "DURATION_INVALID", "时长必须是 1d、7d、30d 或 permanent", "The duration must be 1d, 7d, 30d or permanent")
	ErrReasonLength   = newError(Invalid, "REASON_INVALID", "原因不能超过 500 个字符", "A reason has at most 500 characters")
)

const defaultReason = "违反社区行为规范"

// A Sanction keeps a user from something: a mute from commenting, a ban from
// everything that needs an account.
type Sanction struct {
	Reason string
	Until  *time.Time // when it ends by itself; nil for never
}

// NewSanction returns a sanction that begins now. It lasts 1d, 7d, 30d or is
// permanent; the reason, a general one if it is empty, is what its user is told.
func NewSanction(duration, reason string, now time.Time) (Sanction, error) {
	s := Sanction{Reason: strings.TrimSpace(reason)}
	if s.Reason == "" {
		s.Reason = defaultReason
	}
	if tooLong(s.Reason, maxReason) {
		return Sanction{}, ErrReasonLength
	}
	if err := CheckText(s.Reason); err != nil {
		return Sanction{}, err
	}
	days, known := map[string]int{"1d": 1, "7d": 7, "30d": 30, "permanent": 0}[duration]
	if !known {
		return Sanction{}, ErrDuration
	}
	if days > 0 {
		until := now.Add(time.Duration(days) * 24 * time.Hour)
		s.Until = &until
	}
	return s, nil
}

// text says why and for how long.
func (s Sanction) text() string {
	end := "永久"
	if s.Until != nil {
		end = s.Until.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return "原因：" + s.Reason + "\n截止时间：" + end
}

// A Notice is a message that tells a user what was done to him.
type Notice struct{ Title, Content string }

// MayManage returns nil if the user may change what other is and may do: admins,
// but not themselves, and other admins only as a super admin.
func (u *User) MayManage(other *User) error {
	switch {
	case !u.Role.Includes(RoleAdmin):
		return ErrForbidden
	case u.ID == other.ID:
		return ErrSelfManaged
	case other.Role.Includes(RoleAdmin) && u.Role != RoleSuperAdmin:
		return ErrAdminProtected
	}
	return nil
}

// MutedAt reports whether the user may not comment at the time.
func (u *User) MutedAt(now time.Time) bool {
	return u.Muted && (u.MutedUntil == nil || now.Before(*u.MutedUntil))
}

// Mute keeps the user from commenting. It replaces a mute that he has.
func (u *User) Mute(s Sanction) Notice {
	u.Muted, u.MutedUntil, u.MuteReason = true, s.Until, &s.Reason
	return Notice{"您已被禁言", "管理员已将您禁言，禁言期间无法发表评论。\n" + s.text()}
}

// Unmute ends a mute. The notice is empty if the user has none.
func (u *User) Unmute(now time.Time) Notice {
	if !u.MutedAt(now) {
		return Notice{}
	}
	u.Muted, u.MutedUntil, u.MuteReason = false, nil, nil
	return Notice{"您的禁言已解除", "管理员已解除您的禁言，您可以继续发表评论。"}
}

// Ban keeps the user out: none of his tokens is accepted. It replaces a ban that
// he has, and a lock by failed logins.
func (u *User) Ban(s Sanction) Notice {
	u.LockedUntil, u.BanReason, u.FailedLogins = s.Until, &s.Reason, 0
	return Notice{"您的账户曾被封禁", "管理员封禁了您的账户。\n" + s.text()}
}

// Unban ends a ban, and a lock by failed logins. The notice is empty if the user
// is not banned.
func (u *User) Unban(now time.Time) Notice {
	banned := u.Banned(now)
	u.LockedUntil, u.BanReason, u.FailedLogins = nil, nil, 0
	if !banned {
		return Notice{}
	}
	return Notice{"您的账户已解封", "管理员已解除对您账户的封禁。"}
}

// GiveRole gives the user the role if by may give it (see MayCreate). The notice
// is empty if he has it already.
func (u *User) GiveRole(role Role, by *User) (Notice, error) {
	if err := by.Role.MayCreate(role); err != nil {
		return Notice{}, err
	}
	if u.Role == role {
		return Notice{}, nil
	}
	u.Role = role
	name := map[Role]string{RoleUser: "普通用户", RoleModerator: "审核员", RoleAdmin: "管理员"}[role]
	return Notice{"您的角色已变更", "管理员已将您的角色变更为" + name + "。"}, nil
}
