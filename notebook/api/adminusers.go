package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

func (s *server) adminUserRoutes() {
	handle(s, "GET /api/admin/stats", admins, "How much of everything there is", s.counts)
	handle(s, "GET /api/admin/recent-users", admins, "List the newest users", s.recentUsers)
	handle(s, "GET /api/admin/users", admins, "List users", s.listUsers)
	may := fails(notebook.ErrUserNotFound, notebook.ErrSelfManaged, notebook.ErrAdminProtected)
	sanction := fails(notebook.ErrReasonLength)
	handle(s, "PUT /api/admin/users/{id}/role", admins, "Give a user a role", s.giveRole, may, fails(notebook.ErrRoleInvalid, notebook.ErrAdminBySuper))
	handle(s, "POST /api/admin/users/{id}/mute", admins, "Keep a user from commenting", s.muteUser, may, sanction)
	handle(s, "POST /api/admin/users/{id}/unmute", admins, "Let a muted user comment again", s.unmuteUser, may, fails(notebook.ErrNotMuted))
	handle(s, "POST /api/admin/users/{id}/ban", admins, "Keep a user out, at once", s.banUser, may, sanction)
	handle(s, "POST /api/admin/users/{id}/unban", admins, "Let a banned user in again", s.unbanUser, may, fails(notebook.ErrNotBanned))
	handle(s, "DELETE /api/admin/users/{id}", admins, "Delete a user and all that is his", s.deleteUser, may)
}

// counted is how much of everything there is.
type counted struct {
	TotalUsers       int `json:"total_users"`
	TotalKnowledge   int `json:"total_knowledge"`
	TotalPersonas    int `json:"total_personas"`
	PendingKnowledge int `json:"pending_knowledge"`
	PendingPersonas  int `json:"pending_personas"`
}

func (s *server) counts(ctx context.Context, _ *struct{}) (*answer[counted], error) {
	c, err := s.store.Counts(ctx)
	if err != nil {
		return nil, err
	}
	return say(ctx, counted{c.Users, c.Knowledge, c.Personas, c.PendingKnowledge, c.PendingPersonas}, "统计数据获取成功", "The counts"), nil
}

// managedUser is what an admin sees of a user.
type managedUser struct {
	grantedUser
	IsActive        bool       `json:"is_active"`
	IsMuted         bool       `json:"is_muted"`
	MutedUntil      *time.Time `json:"muted_until" doc:"null for good, or not at all"`
	MuteReason      *string    `json:"mute_reason"`
	IsBanned        bool       `json:"is_banned"`
	BannedUntil     *time.Time `json:"banned_until" doc:"null for good, or not at all"`
	BanReason       *string    `json:"ban_reason"`
	AvatarURL       *string    `json:"avatar_url"`
	AvatarUpdatedAt *time.Time `json:"avatar_updated_at"`
	CreatedAt       time.Time  `json:"created_at"`
}

// showManagedUser returns a function that shows users as they are now. An answer
// with one who is muted or banned is another one when that ends.
func (s *server) showManagedUser(ctx context.Context) func(*notebook.User) managedUser {
	now := s.now()
	return func(u *notebook.User) managedUser {
		m := managedUser{
			grantedUser: showGrantedUser(u), IsActive: u.Active,
			AvatarURL: avatarURL(u), AvatarUpdatedAt: u.AvatarUpdatedAt, CreatedAt: u.CreatedAt,
		}
		if u.MutedAt(now) {
			m.IsMuted, m.MutedUntil, m.MuteReason = true, u.MutedUntil, u.MuteReason
			s.endsAt(ctx, u.MutedUntil)
		}
		if u.Banned(now) {
			m.IsBanned, m.BannedUntil, m.BanReason = true, u.LockedUntil, u.BanReason
			s.endsAt(ctx, u.LockedUntil)
		}
		return m
	}
}

type recentInput struct {
	Page     int `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int `query:"page_size" minimum:"1" maximum:"100" default:"10"`
}

func (s *server) recentUsers(ctx context.Context, in *recentInput) (*pageAnswer[managedUser], error) {
	f := notebook.UserFilter{Page: notebook.Page{Number: in.Page, Size: in.PageSize}}
	return s.pageOfUsers(ctx, f, "最近注册用户获取成功", "The newest users")
}

type usersInput struct {
	Page     int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Search   string `query:"search" doc:"part of the username or the email address"`
	Role     string `query:"role" enum:"user,moderator,admin,super_admin" doc:"the highest that they have"`
}

func (s *server) listUsers(ctx context.Context, in *usersInput) (*pageAnswer[managedUser], error) {
	f := notebook.UserFilter{
		Search: in.Search, Role: notebook.Role(in.Role), Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	return s.pageOfUsers(ctx, f, "用户列表获取成功", "Users")
}

func (s *server) pageOfUsers(ctx context.Context, f notebook.UserFilter, zh, en string) (*pageAnswer[managedUser], error) {
	list, total, err := s.store.Users(ctx, f)
	if err != nil {
		return nil, err
	}
	return sayPage(ctx, list, s.showManagedUser(ctx), f.Page, total, zh, en), nil
}

// manage changes a user in the name of whoever asks, and tells him.
func (s *server) manage(ctx context.Context, id, zh, en string, change func(by, u *notebook.User) (notebook.Notice, error)) (*answer[managedUser], error) {
	u, err := s.store.ManageUser(ctx, userOf(ctx).ID, id, s.now(), change)
	if err != nil {
		return nil, err
	}
	return say(ctx, s.showManagedUser(ctx)(u), zh, en), nil
}

type roleInput struct {
	ID   string `path:"id"`
	Body struct {
		_    struct{} `additionalProperties:"true"`
		Role string   `json:"role" doc:"user, moderator or admin"`
	}
}

func (s *server) giveRole(ctx context.Context, in *roleInput) (*answer[managedUser], error) {
	return s.manage(ctx, in.ID, "用户角色更新成功", "Role changed", func(by, u *notebook.User) (notebook.Notice, error) {
		return u.GiveRole(notebook.Role(in.Body.Role), by)
	})
}

type sanctionInput struct {
	ID   string `path:"id"`
	Body struct {
		_        struct{} `additionalProperties:"true"`
		Duration string   `json:"duration" enum:"1d,7d,30d,permanent"`
		Reason   string   `json:"reason"`
	}
}

func (s *server) muteUser(ctx context.Context, in *sanctionInput) (*answer[managedUser], error) {
	return s.sanction(ctx, in, "用户已禁言，已发送通知", "Muted; the user has been told", (*notebook.User).Mute)
}

func (s *server) banUser(ctx context.Context, in *sanctionInput) (*answer[managedUser], error) {
	return s.sanction(ctx, in, "用户已封禁，已发送通知", "Banned; the user has been told", (*notebook.User).Ban)
}

func (s *server) sanction(ctx context.Context, in *sanctionInput, zh, en string, impose func(*notebook.User, notebook.Sanction) notebook.Notice) (*answer[managedUser], error) {
	imposed, err := notebook.NewSanction(in.Body.Duration, in.Body.Reason, s.now())
	if err != nil {
		return nil, err
	}
	return s.manage(ctx, in.ID, zh, en, func(_, u *notebook.User) (notebook.Notice, error) { return impose(u, imposed), nil })
}

func (s *server) unmuteUser(ctx context.Context, in *byID) (*answer[managedUser], error) {
	return s.manage(ctx, in.ID, "已解除禁言，已发送通知", "Unmuted; the user has been told", func(_, u *notebook.User) (notebook.Notice, error) {
		return u.Unmute(s.now())
	})
}

func (s *server) unbanUser(ctx context.Context, in *byID) (*answer[managedUser], error) {
	return s.manage(ctx, in.ID, "已解除封禁，已发送通知", "Unbanned; the user has been told", func(_, u *notebook.User) (notebook.Notice, error) {
		return u.Unban(s.now())
	})
}

func (s *server) deleteUser(ctx context.Context, in *byID) (*answer[*nothing], error) {
	hashes, err := s.store.DeleteUser(ctx, userOf(ctx).ID, in.ID, s.now())
	if err != nil {
		return nil, err
	}
	s.collect(ctx, hashes)
	return said(ctx, "用户删除成功", "User deleted"), nil
}
