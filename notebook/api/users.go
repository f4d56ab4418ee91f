package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// users answers for other people's accounts.
type users struct{ service.Users }

func (a *api) adminUserRoutes() {
	u := users{a.Users}
	handle(a, "GET /api/admin/stats", notebook.RoleAdmin, "How much of everything there is", u.counts)
	handle(a, "GET /api/admin/recent-users", notebook.RoleAdmin, "List the newest users", u.recent)
	handle(a, "GET /api/admin/users", notebook.RoleAdmin, "List users", u.list)
	may := fails(notebook.ErrUserNotFound, notebook.ErrSelfManaged, notebook.ErrAdminProtected)
	sanction := fails(notebook.ErrReasonLength)
	handle(a, "PUT /api/admin/users/{id}/role", notebook.RoleAdmin, "Give a user a role", u.giveRole, may, fails(notebook.ErrRoleInvalid, notebook.ErrAdminBySuper))
	handle(a, "POST /api/admin/users/{id}/mute", notebook.RoleAdmin, "Keep a user from commenting", u.mute, may, sanction)
	handle(a, "POST /api/admin/users/{id}/unmute", notebook.RoleAdmin, "Let a muted user comment again", u.unmute, may, fails(notebook.ErrNotMuted))
	handle(a, "POST /api/admin/users/{id}/ban", notebook.RoleAdmin, "Keep a user out, at once", u.ban, may, sanction)
	handle(a, "POST /api/admin/users/{id}/unban", notebook.RoleAdmin, "Let a banned user in again", u.unban, may, fails(notebook.ErrNotBanned))
	handle(a, "DELETE /api/admin/users/{id}", notebook.RoleAdmin, "Delete a user and all that is his", u.delete, may)
}

// counted is how much of everything there is.
type counted struct {
	TotalUsers       int `json:"total_users"`
	TotalKnowledge   int `json:"total_knowledge"`
	TotalPersonas    int `json:"total_personas"`
	PendingKnowledge int `json:"pending_knowledge"`
	PendingPersonas  int `json:"pending_personas"`
}

func (u users) counts(ctx context.Context, _ *struct{}) (*answer[counted], error) {
	c, err := u.Counts(ctx)
	return reply(ctx, counted{c.Users, c.Knowledge, c.Personas, c.PendingKnowledge, c.PendingPersonas}, err, "统计数据获取成功", "The counts")
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

// show returns a function that shows users as they are now.
func (u users) show(ctx context.Context) func(*notebook.User) managedUser {
	return func(about *notebook.User) managedUser {
		m := managedUser{
			grantedUser: showGrantedUser(about), IsActive: about.Active,
			AvatarURL: avatarURL(about), AvatarUpdatedAt: about.AvatarUpdatedAt, CreatedAt: about.CreatedAt,
		}
		if m.IsMuted, m.IsBanned = u.Sanctions(ctx, about); m.IsMuted {
			m.MutedUntil, m.MuteReason = about.MutedUntil, about.MuteReason
		}
		if m.IsBanned {
			m.BannedUntil, m.BanReason = about.LockedUntil, about.BanReason
		}
		return m
	}
}

type recentInput struct {
	Page     int `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int `query:"page_size" minimum:"1" maximum:"100" default:"10"`
}

func (u users) recent(ctx context.Context, in *recentInput) (*pageAnswer[managedUser], error) {
	f := notebook.UserFilter{Page: notebook.Page{Number: in.Page, Size: in.PageSize}}
	return u.page(ctx, f, "最近注册用户获取成功", "The newest users")
}

type usersInput struct {
	Page     int    `query:"page" minimum:"1" maximum:"100000000" default:"1"`
	PageSize int    `query:"page_size" minimum:"1" maximum:"100" default:"20"`
	Search   string `query:"search" doc:"part of the username or the email address"`
	Role     string `query:"role" enum:"user,moderator,admin,super_admin" doc:"the highest that they have"`
}

func (u users) list(ctx context.Context, in *usersInput) (*pageAnswer[managedUser], error) {
	f := notebook.UserFilter{
		Search: in.Search, Role: notebook.Role(in.Role), Page: notebook.Page{Number: in.Page, Size: in.PageSize},
	}
	return u.page(ctx, f, "用户列表获取成功", "Users")
}

func (u users) page(ctx context.Context, f notebook.UserFilter, zh, en string) (*pageAnswer[managedUser], error) {
	list, total, err := u.List(ctx, f)
	return sayPage(ctx, err, list, u.show(ctx), f.Page, total, zh, en)
}

type roleInput struct {
	ID   string `path:"id"`
	Body struct {
		_    struct{} `additionalProperties:"true"`
		Role string   `json:"role" doc:"user, moderator or admin"`
	}
}

func (u users) giveRole(ctx context.Context, in *roleInput) (*answer[managedUser], error) {
	about, err := u.GiveRole(ctx, server.User(ctx), in.ID, notebook.Role(in.Body.Role))
	return shown(ctx, about, err, u.show(ctx), "用户角色更新成功", "Role changed")
}

type sanctionInput struct {
	ID   string `path:"id"`
	Body struct {
		_        struct{} `additionalProperties:"true"`
		Duration string   `json:"duration" enum:"1d,7d,30d,permanent"`
		Reason   string   `json:"reason"`
	}
}

func (u users) mute(ctx context.Context, in *sanctionInput) (*answer[managedUser], error) {
	about, err := u.Mute(ctx, server.User(ctx), in.ID, in.Body.Duration, in.Body.Reason)
	return shown(ctx, about, err, u.show(ctx), "用户已禁言，已发送通知", "Muted; the user has been told")
}

func (u users) ban(ctx context.Context, in *sanctionInput) (*answer[managedUser], error) {
	about, err := u.Ban(ctx, server.User(ctx), in.ID, in.Body.Duration, in.Body.Reason)
	return shown(ctx, about, err, u.show(ctx), "用户已封禁，已发送通知", "Banned; the user has been told")
}

func (u users) unmute(ctx context.Context, in *byID) (*answer[managedUser], error) {
	about, err := u.Unmute(ctx, server.User(ctx), in.ID)
	return shown(ctx, about, err, u.show(ctx), "已解除禁言，已发送通知", "Unmuted; the user has been told")
}

func (u users) unban(ctx context.Context, in *byID) (*answer[managedUser], error) {
	about, err := u.Unban(ctx, server.User(ctx), in.ID)
	return shown(ctx, about, err, u.show(ctx), "已解除封禁，已发送通知", "Unbanned; the user has been told")
}

func (u users) delete(ctx context.Context, in *byID) (*answer[*nothing], error) {
	return done(ctx, u.Delete(ctx, server.User(ctx), in.ID), "用户删除成功", "User deleted")
}
