package api

import (
	"context"
	"slices"
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
	handle(a, "POST /api/admin/users/{id}/unmute", notebook.RoleAdmin, "Let a muted user comment again", u.unmute, may)
	handle(a, "POST /api/admin/users/{id}/ban", notebook.RoleAdmin, "Keep a user out, at once", u.ban, may, sanction)
	handle(a, "POST /api/admin/users/{id}/unban", notebook.RoleAdmin, "Let a banned user in again", u.unban, may)
	handle(a, "DELETE /api/admin/users/{id}", notebook.RoleAdmin, "Delete a user and all that is his", u.delete, may)
}

// counted is how much of everything there is, under the names that the site's
// front ends know and under those of the other answers.
type counted struct {
	TotalUsers       int `json:"totalUsers"`
	TotalKnowledge   int `json:"totalKnowledge"`
	TotalPersonas    int `json:"totalPersonas"`
	PendingKnowledge int `json:"pendingKnowledge"`
	PendingPersonas  int `json:"pendingPersonas"`

	Users             int `json:"total_users"`
	Knowledge         int `json:"total_knowledge"`
	Personas          int `json:"total_personas"`
	KnowledgeInReview int `json:"pending_knowledge"`
	PersonasInReview  int `json:"pending_personas"`
}

func (u users) counts(ctx context.Context, _ *struct{}) (*answer[counted], error) {
	c, err := u.Counts(ctx)
	return reply(ctx, counted{
		c.Users, c.Knowledge, c.Personas, c.PendingKnowledge, c.PendingPersonas,
		c.Users, c.Knowledge, c.Personas, c.PendingKnowledge, c.PendingPersonas,
	}, err, "统计数据获取成功", "The counts")
}

// managedUser is what an admin sees of a user. The site's front ends know most of
// it by names of their own, which come last.
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

	UserID      string     `json:"userId"`
	Created     time.Time  `json:"createdAt"`
	Muted       bool       `json:"isMuted"`
	MuteEnds    *time.Time `json:"mutedUntil" doc:"null for good, or not at all"`
	WhyMuted    *string    `json:"muteReason"`
	LockedUntil *time.Time `json:"lockedUntil" doc:"the end of a ban, or of a lock by failed logins; far away for good, null for not at all"`
	LockEnds    *time.Time `json:"locked_until"`
	WhyBanned   *string    `json:"banReason"`
}

// forGood is the end of what has none, for front ends that take no end for none
// at all. It lies before the last year that dates are written with four digits of,
// in every zone.
var forGood = time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC)

// show returns a function that shows users as they are now.
func (u users) show(ctx context.Context) func(*notebook.User) managedUser {
	return func(about *notebook.User) managedUser {
		m := managedUser{
			grantedUser: showGrantedUser(about), IsActive: about.Active,
			AvatarURL: avatarURL(about), AvatarUpdatedAt: about.AvatarUpdatedAt, CreatedAt: about.CreatedAt,
		}
		muted, banned, locked := u.Sanctions(ctx, about)
		if muted {
			m.IsMuted, m.MutedUntil, m.MuteReason = true, about.MutedUntil, about.MuteReason
		}
		if banned {
			m.IsBanned, m.BannedUntil, m.BanReason = true, about.LockedUntil, about.BanReason
		}
		if banned || locked {
			m.LockedUntil = about.LockedUntil
		}
		if banned && about.LockedUntil == nil {
			m.LockedUntil = &forGood
		}
		m.UserID, m.Created, m.Muted, m.MuteEnds, m.WhyMuted = m.ID, m.CreatedAt, m.IsMuted, m.MutedUntil, m.MuteReason
		m.LockEnds, m.WhyBanned = m.LockedUntil, m.BanReason
		return m
	}
}

// listedUser is a user in a list.
type listedUser struct {
	managedUser
	KnowledgeCount int        `json:"knowledgeCount"`
	PersonaCount   int        `json:"personaCount"`
	LastUploadAt   *time.Time `json:"lastUploadAt"`
	LastLoginAt    *time.Time `json:"lastLoginAt" doc:"always null: nobody notes it"`
}

type recentInput struct {
	Page     int `query:"page" default:"1" doc:"1 for less"`
	PageSize int `query:"page_size" default:"10" doc:"1 to 100, cut to that"`
}

func (u users) recent(ctx context.Context, in *recentInput) (*pageAnswer[listedUser], error) {
	return u.page(ctx, notebook.UserFilter{Page: cutPage(in.Page, in.PageSize, 100)}, "最近注册用户获取成功", "The newest users")
}

type usersInput struct {
	Page     int    `query:"page" default:"1" doc:"1 for less"`
	PageSize int    `query:"page_size" default:"20" doc:"1 to 100, cut to that"`
	Search   string `query:"search" doc:"part of the username or the email address"`
	Role     string `query:"role" doc:"the highest that they have: user, moderator, admin or super_admin; all but super admins without a known one"`
}

func (u users) list(ctx context.Context, in *usersInput) (*pageAnswer[listedUser], error) {
	f := notebook.UserFilter{Search: in.Search, Role: notebook.Role(in.Role), Page: cutPage(in.Page, in.PageSize, 100)}
	if !slices.Contains(notebook.Roles(), f.Role) {
		f.Role, f.Manageable = "", true
	}
	return u.page(ctx, f, "用户列表获取成功", "Users")
}

func (u users) page(ctx context.Context, f notebook.UserFilter, zh, en string) (*pageAnswer[listedUser], error) {
	list, total, err := u.List(ctx, f)
	show := u.show(ctx)
	return sayPage(ctx, err, list, func(about *notebook.ListedUser) listedUser {
		return listedUser{show(&about.User), about.Knowledge, about.Personas, about.LastUpload, nil}
	}, f.Page, total, zh, en)
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

type muteInput struct {
	ID   string `path:"id"`
	Body struct {
		_        struct{} `additionalProperties:"true"`
		Duration string   `json:"duration,omitempty" enum:"1d,7d,30d,permanent" default:"7d"`
		Reason   string   `json:"reason,omitempty" doc:"a general one without it"`
	}
}

func (u users) mute(ctx context.Context, in *muteInput) (*answer[managedUser], error) {
	about, err := u.Mute(ctx, server.User(ctx), in.ID, in.Body.Duration, in.Body.Reason)
	return shown(ctx, about, err, u.show(ctx), "用户已禁言，已发送通知", "Muted; the user has been told")
}

type banInput struct {
	ID   string `path:"id"`
	Body struct {
		_        struct{} `additionalProperties:"true"`
		Duration string   `json:"duration,omitempty" enum:"1d,7d,30d,permanent" default:"permanent"`
		Reason   string   `json:"reason,omitempty" doc:"a general one without it"`
	}
}

func (u users) ban(ctx context.Context, in *banInput) (*answer[managedUser], error) {
	about, err := u.Ban(ctx, server.User(ctx), in.ID, in.Body.Duration, in.Body.Reason)
	return shown(ctx, about, err, u.show(ctx), "用户已封禁，已发送通知", "Banned; the user has been told")
}

func (u users) unmute(ctx context.Context, in *byID) (*answer[managedUser], error) {
	about, err := u.Unmute(ctx, server.User(ctx), in.ID)
	return shown(ctx, about, err, u.show(ctx), "用户已解除禁言", "Not muted any more")
}

func (u users) unban(ctx context.Context, in *byID) (*answer[managedUser], error) {
	about, err := u.Unban(ctx, server.User(ctx), in.ID)
	return shown(ctx, about, err, u.show(ctx), "用户已解封", "Not banned any more")
}

func (u users) delete(ctx context.Context, in *byID) (*answer[*nothing], error) {
	return done(ctx, u.Delete(ctx, server.User(ctx), in.ID), "用户删除成功", "User deleted")
}
