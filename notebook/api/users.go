package api

import (
	"context"
	"time"

	"github.com/unstale/unstale/notebook"
)

func (s *server) userRoutes() {
	handle(s, "GET /api/users/me", users, "Who am I", s.me)
	handle(s, "PUT /api/users/me/password", users, "Change my password, which ends all sessions", s.changePassword)
	handle(s, "POST /api/admin/users", admins, "Create a user", s.createUser)
}

// ownUser is what a user sees of himself.
type ownUser struct {
	ID              string        `json:"id"`
	Username        string        `json:"username"`
	Email           string        `json:"email"`
	Role            notebook.Role `json:"role"`
	AvatarURL       *string       `json:"avatar_url"`
	AvatarUpdatedAt *time.Time    `json:"avatar_updated_at"`
	IsMuted         bool          `json:"is_muted"`
	MutedUntil      *time.Time    `json:"muted_until"`
}

func (s *server) me(ctx context.Context, _ *struct{}) (*answer[ownUser], error) {
	u := userOf(ctx)
	own := ownUser{
		ID: u.ID, Username: u.Username, Email: u.Email, Role: u.Role,
		AvatarURL: avatarURL(u), AvatarUpdatedAt: u.AvatarUpdatedAt,
	}
	if u.MutedAt(s.now()) {
		own.IsMuted, own.MutedUntil = true, u.MutedUntil
	}
	return say(ctx, own, "用户信息获取成功", "Your account"), nil
}

type passwordInput struct {
	Body struct {
		_               struct{} `additionalProperties:"true"`
		CurrentPassword string   `json:"current_password" minLength:"1"`
		NewPassword     string   `json:"new_password" minLength:"1"`
		ConfirmPassword string   `json:"confirm_password" minLength:"1"`
	}
}

func (s *server) changePassword(ctx context.Context, in *passwordInput) (*answer[*nothing], error) {
	u, b := userOf(ctx), in.Body
	if b.NewPassword != b.ConfirmPassword {
		return nil, notebook.ErrPasswordMismatch
	}
	if err := notebook.CheckOwnPassword(b.NewPassword); err != nil {
		return nil, err
	}
	if u.Locked(s.now()) {
		return nil, notebook.ErrAccountLocked
	}
	if !notebook.PasswordMatches(u.PasswordHash, b.CurrentPassword) {
		// Counted like a login: else a stolen token would let its thief guess on.
		if err := s.store.RecordLogin(ctx, u.ID, false, s.now()); err != nil {
			return nil, err
		}
		return nil, notebook.ErrCurrentPassword
	}
	if b.NewPassword == b.CurrentPassword {
		return nil, notebook.ErrPasswordSame
	}
	hash, err := notebook.HashPassword(b.NewPassword, s.cost)
	if err != nil {
		return nil, err
	}
	if err := s.store.SetPassword(ctx, u, hash); err != nil {
		return nil, err
	}
	return said(ctx, "密码修改成功，请重新登录", "Password changed; please log in again"), nil
}

type newUserInput struct {
	Body struct {
		_        struct{} `additionalProperties:"true"`
		Username string   `json:"username"`
		Email    string   `json:"email"`
		Password string   `json:"password"`
		Role     string   `json:"role,omitempty" default:"user"`
	}
}

// createdUser is what an admin sees of a user that he created.
type createdUser struct {
	grantedUser
	CreatedAt time.Time `json:"created_at"`
}

func (s *server) createUser(ctx context.Context, in *newUserInput) (*answer[createdUser], error) {
	n := notebook.NewUser{Username: in.Body.Username, Email: in.Body.Email, Role: notebook.Role(in.Body.Role)}
	if err := n.Normalize(); err != nil {
		return nil, err
	}
	if err := userOf(ctx).Role.MayCreate(n.Role); err != nil {
		return nil, err
	}
	if err := notebook.CheckGivenPassword(in.Body.Password); err != nil {
		return nil, err
	}
	var err error
	if n.PasswordHash, err = notebook.HashPassword(in.Body.Password, s.cost); err != nil {
		return nil, err
	}
	u, err := s.store.CreateUser(ctx, n, s.now())
	if err != nil {
		return nil, err
	}
	return say(ctx, createdUser{showGrantedUser(u), u.CreatedAt}, "用户创建成功", "User created"), nil
}
