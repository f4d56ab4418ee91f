package service

import (
	"context"

	"github.com/unstale/unstale/notebook"
)

// Users are the operations of those who administer other people's accounts.
type Users struct {
	*base
	guard *guard
}

// Counts returns how much of everything there is.
func (s Users) Counts(ctx context.Context) (notebook.Counts, error) { return s.store.Counts(ctx) }

// List returns a page of users.
func (s Users) List(ctx context.Context, f notebook.UserFilter) (list []notebook.ListedUser, total int, err error) {
	if err := f.Check(); err != nil {
		return nil, 0, err
	}
	return s.store.Users(ctx, f)
}

// Sanctions reports whether the user is muted, banned, and locked out by failed
// logins now. The answer being made is another one when that ends.
func (s Users) Sanctions(ctx context.Context, u *notebook.User) (muted, banned, locked bool) {
	now := s.now()
	if muted = u.MutedAt(now); muted {
		s.endsAt(ctx, u.MutedUntil)
	}
	if banned, locked = u.Banned(now), u.Locked(now); banned || locked {
		s.endsAt(ctx, u.LockedUntil)
	}
	return muted, banned, locked
}

// Create creates a user with a password that somebody else chose.
func (s Users) Create(ctx context.Context, by *notebook.User, n notebook.NewUser, password string) (*notebook.User, error) {
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	if err := by.Role.MayCreate(n.Role); err != nil {
		return nil, err
	}
	if err := notebook.CheckGivenPassword(password); err != nil {
		return nil, err
	}
	var err error
	if n.PasswordHash, err = s.passwords.hash(ctx, password); err != nil {
		return nil, err
	}
	return s.store.CreateUser(ctx, n, s.now())
}

// GiveRole gives a user a role, and tells them.
func (s Users) GiveRole(ctx context.Context, by *notebook.User, id string, r notebook.Role) (*notebook.User, error) {
	return s.manage(ctx, by, id, func(by, u *notebook.User) (notebook.Notice, error) { return u.GiveRole(r, by) })
}

// Mute keeps a user from commenting, and tells them.
func (s Users) Mute(ctx context.Context, by *notebook.User, id, duration, reason string) (*notebook.User, error) {
	return s.impose(ctx, by, id, duration, reason, (*notebook.User).Mute)
}

// Ban keeps a user out, at once, and tells them.
func (s Users) Ban(ctx context.Context, by *notebook.User, id, duration, reason string) (*notebook.User, error) {
	return s.impose(ctx, by, id, duration, reason, (*notebook.User).Ban)
}

func (s Users) impose(ctx context.Context, by *notebook.User, id, duration, reason string, impose func(*notebook.User, notebook.Sanction) notebook.Notice) (*notebook.User, error) {
	imposed, err := notebook.NewSanction(duration, reason, s.now())
	if err != nil {
		return nil, err
	}
	return s.manage(ctx, by, id, func(_, u *notebook.User) (notebook.Notice, error) { return impose(u, imposed), nil })
}

// Unmute lets a muted user comment again, and tells them. It changes nothing about
// anybody else.
func (s Users) Unmute(ctx context.Context, by *notebook.User, id string) (*notebook.User, error) {
	return s.manage(ctx, by, id, func(_, u *notebook.User) (notebook.Notice, error) { return u.Unmute(s.now()), nil })
}

// Unban lets a banned user in again, and tells them. It lets in whom failed logins
// keep out, too, and changes nothing about anybody else.
func (s Users) Unban(ctx context.Context, by *notebook.User, id string) (*notebook.User, error) {
	u, err := s.manage(ctx, by, id, func(_, u *notebook.User) (notebook.Notice, error) { return u.Unban(s.now()), nil })
	if err == nil {
		s.guard.forgive(notebook.NameKey(u.Username))
	}
	return u, err
}

func (s Users) manage(ctx context.Context, by *notebook.User, id string, change func(by, u *notebook.User) (notebook.Notice, error)) (*notebook.User, error) {
	return s.store.ManageUser(ctx, by.ID, id, s.now(), change)
}

// Delete deletes a user and all that is theirs.
func (s Users) Delete(ctx context.Context, by *notebook.User, id string) error {
	hashes, err := s.store.DeleteUser(ctx, by.ID, id, s.now())
	if err == nil {
		s.collect(ctx, hashes)
	}
	return err
}
