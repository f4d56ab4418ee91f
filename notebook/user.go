package notebook

import (
	"net/mail"
	"slices"
	"strings"
	"time"
)

// Role is what a user may do. Each role includes the ones before it.
type Role string

// The roles, in ascending order.
const (
	RoleUser       Role = "user"
	RoleModerator  Role = "moderator"
	RoleAdmin      Role = "admin"
	RoleSuperAdmin Role = "super_admin"
)

// Roles returns every role in ascending order.
func Roles() []Role { return []Role{RoleUser, RoleModerator, RoleAdmin, RoleSuperAdmin} }

// Includes reports whether whoever has role r may do what least may.
func (r Role) Includes(least Role) bool {
	all := Roles()
	have, need := slices.Index(all, r), slices.Index(all, least)
	return have >= 0 && need >= 0 && have >= need
}

// Failed logins and what follows from them.
const (
	MaxFailedLogins      = 5                // in a row lock the account for who has sent them
	MaxFailedLoginsOfAll = 50               // in a row, of whomever, for all but from where the user logged in last
	LockDuration         = 30 * time.Minute // for so long
)

// A User is somebody with an account.
type User struct {
	ID              string
	Username        string
	Email           string // in lower case
	PasswordHash    string
	Role            Role
	Active          bool
	CreatedAt       time.Time
	FailedLogins    int
	LockedUntil     *time.Time // by failed logins, or the end of a ban
	LastFailedLogin *time.Time
	Muted           bool
	MutedUntil      *time.Time
	MuteReason      *string
	BanReason       *string // of a banned user; a ban without LockedUntil is permanent
	AvatarPath      *string // the hash under which package files keeps the picture
	AvatarUpdatedAt *time.Time
	PasswordVersion int // a token made under another version is not accepted
}

// Banned reports whether the user is banned at the time.
func (u *User) Banned(now time.Time) bool {
	return u.BanReason != nil && (u.LockedUntil == nil || now.Before(*u.LockedUntil))
}

// Locked reports whether failed logins keep the user out at the time. Tokens
// that were given out before stay valid: else anybody could log him out.
func (u *User) Locked(now time.Time) bool {
	return u.BanReason == nil && u.LockedUntil != nil && now.Before(*u.LockedUntil)
}

// endOver removes a lock, or a ban, that is over.
func (u *User) endOver(now time.Time) {
	if u.LockedUntil != nil && !now.Before(*u.LockedUntil) {
		u.LockedUntil, u.BanReason, u.FailedLogins = nil, nil, 0
	}
}

// SucceedLogin records a login. A ban stays as it is until it is over.
func (u *User) SucceedLogin(now time.Time) {
	u.endOver(now)
	u.FailedLogins = 0
}

// ResetPassword gives the user another password. It ends a lock by failed logins,
// and leaves a ban as it is until it is over.
func (u *User) ResetPassword(hash string, now time.Time) {
	u.SucceedLogin(now)
	u.PasswordHash = hash
	u.PasswordVersion++
	if u.BanReason == nil {
		u.LockedUntil = nil
	}
}

// FailLogin records a failed login.
func (u *User) FailLogin(now time.Time) {
	u.endOver(now)
	u.FailedLogins++
	u.LastFailedLogin = &now
	if u.FailedLogins >= MaxFailedLoginsOfAll && u.BanReason == nil {
		until := now.Add(LockDuration)
		u.LockedUntil = &until
	}
}

// NewUser is what an account is made from.
type NewUser struct {
	Username     string
	Email        string
	PasswordHash string
	Role         Role
}

// Normalize writes the name in NFKC, lower-cases the address, and checks both.
func (n *NewUser) Normalize() error {
	var err error
	if n.Username, err = NormalizeUsername(n.Username); err != nil {
		return err
	}
	if n.Email, err = NormalizeEmail(n.Email); err != nil {
		return err
	}
	if !slices.Contains(Roles(), n.Role) {
		return ErrRoleInvalid
	}
	return nil
}

// maxEmail bounds a mail address, in bytes: longer ones cannot be mailed to.
const maxEmail = 254

// NormalizeEmail returns the address in lower case, or ErrEmailInvalid. Its host
// has a domain: no literal, and no name of this network.
func NormalizeEmail(email string) (string, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || len(email) > maxEmail || !shownName(email) {
		return "", ErrEmailInvalid
	}
	host := email[strings.LastIndexByte(email, '@')+1:]
	if strings.ContainsAny(host, "[]") || !strings.Contains(strings.Trim(host, "."), ".") {
		return "", ErrEmailInvalid
	}
	return email, nil
}

// Mailbox returns the box that mail to an address, which is in lower case, comes
// into, whatever stands behind a plus.
func Mailbox(email string) string {
	at := strings.LastIndexByte(email, '@')
	box, _, _ := strings.Cut(email[:at], "+")
	return box + email[at:]
}

// MayCreate reports whether a user with role r may create one with the role
// made, as an error: ErrRoleInvalid for what nobody may create by hand.
func (r Role) MayCreate(made Role) error {
	switch {
	case made == RoleSuperAdmin || !slices.Contains(Roles(), made):
		return ErrRoleInvalid
	case !r.Includes(RoleAdmin):
		return ErrForbidden
	case made == RoleAdmin && !r.Includes(RoleSuperAdmin):
		return ErrAdminBySuper
	}
	return nil
}
