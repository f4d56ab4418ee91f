package api

import (
	"bytes"
	"context"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// accounts answers for how people come in.
type accounts struct {
	*service.Accounts
	users service.Users
	api   *api
}

func (a *api) accounts() accounts { return accounts{a.Accounts, a.Users, a} }

func (a *api) authRoutes() {
	c := a.accounts()
	handle(a, "POST /api/auth/token", anyone, "Log in", c.logIn, credentialBody("username", "password"), fails(notebook.ErrTooManyRequests),
		fails(server.ErrBody, server.ErrFieldMissing, notebook.ErrWrongPassword, notebook.ErrAccountLocked, notebook.ErrAccountBanned))
	failing := fails(server.ErrBody, server.ErrFieldMissing, notebook.ErrInvalidToken)
	handle(a, "POST /api/auth/refresh", anyone, "Exchange a refresh token for a new one and an access token, once: who tries again ends the session", c.exchange,
		credentialBody("refresh_token"), failing)
	// The site's front end knows this path, and keeps the refresh token that it has.
	handle(a, "POST /api/refresh", anyone, "Get a new access token for a refresh token that stays good", c.refresh, credentialBody("refresh_token"), failing)
	handle(a, "POST /api/auth/logout", notebook.RoleUser, "Log out, which ends every token that came of the login", c.logOut)
}

// credentialBody documents a body of required strings, which is read by
// credentials.fields.
func credentialBody(names ...string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		properties := map[string]*huma.Schema{}
		for _, name := range names {
			properties[name] = &huma.Schema{Type: huma.TypeString}
		}
		schema := &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: names}
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: schema}, server.FormType: {Schema: schema}, server.MultipartType: {Schema: schema},
		}}
		op.SkipValidateBody = true
	}
}

// credentials is a body that is JSON or a form.
type credentials struct {
	ContentType string `header:"Content-Type"`
	RawBody     []byte
	request     *http.Request
}

// Resolve implements huma.Resolver.
func (c *credentials) Resolve(ctx huma.Context) []error {
	c.request, _ = humago.Unwrap(ctx)
	return nil
}

// fields returns the values of the fields, all of which are required.
func (c *credentials) fields(names ...string) ([]string, error) {
	get, err := c.parse()
	if err != nil {
		return nil, err
	}
	return server.Fields(get, names...)
}

func (c *credentials) parse() (get func(string) string, err error) {
	kind, parameters, _ := mime.ParseMediaType(c.ContentType)
	switch kind {
	case server.FormType:
		form, err := url.ParseQuery(string(c.RawBody))
		if err != nil {
			return nil, server.ErrBody
		}
		return form.Get, nil
	case server.MultipartType:
		form, err := multipart.NewReader(bytes.NewReader(c.RawBody), parameters["boundary"]).ReadForm(maxJSON)
		if err != nil {
			return nil, server.ErrBody
		}
		values := url.Values(form.Value)
		return values.Get, form.RemoveAll() // files, which nobody asked for
	}
	var object map[string]any
	if err := unmarshalUTF8(c.RawBody, &object); err != nil {
		return nil, server.ErrBody
	}
	return func(name string) string {
		v, _ := object[name].(string)
		return v
	}, nil
}

// grant is what a successful login gives.
type grant struct {
	AccessToken  string      `json:"access_token"`
	RefreshToken string      `json:"refresh_token"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    int         `json:"expires_in"`
	User         grantedUser `json:"user"`
}

type grantedUser struct {
	ID           string        `json:"id"`
	Username     string        `json:"username"`
	Email        string        `json:"email"`
	Role         notebook.Role `json:"role"`
	IsAdmin      bool          `json:"is_admin"`
	IsModerator  bool          `json:"is_moderator"`
	IsSuperAdmin bool          `json:"is_super_admin"`
}

func showGrantedUser(u *notebook.User) grantedUser {
	return grantedUser{
		ID: u.ID, Username: u.Username, Email: u.Email, Role: u.Role,
		IsAdmin: u.Role.Includes(notebook.RoleAdmin), IsModerator: u.Role.Includes(notebook.RoleModerator),
		IsSuperAdmin: u.Role.Includes(notebook.RoleSuperAdmin),
	}
}

func (a accounts) logIn(ctx context.Context, in *credentials) (*answer[grant], error) {
	fields, err := in.fields("username", "password")
	if err != nil {
		return nil, err
	}
	name := strings.TrimSpace(fields[0])
	if err := a.api.AdmitLogin(in.request, name); err != nil {
		return nil, err
	}
	client := a.api.ClientOf(in.request)
	u, err := a.Authenticate(ctx, name, fields[1], client)
	if err != nil {
		return nil, err
	}
	begun, err := a.Begin(ctx, u, client)
	if err != nil {
		return nil, err
	}
	access, err := a.Token(u, begun, service.AccessToken)
	if err != nil {
		return nil, err
	}
	refresh, err := a.Token(u, begun, service.RefreshToken)
	if err != nil {
		return nil, err
	}
	return noStore(say(ctx, grant{access, refresh, "bearer", accessSeconds, showGrantedUser(u)}, "登录成功", "Logged in")), nil
}

// accessSeconds is how long an access token lives.
const accessSeconds = int(service.AccessLife / time.Second)

// renewed is a new access token.
type renewed struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
}

func (a accounts) refresh(ctx context.Context, in *credentials) (*answer[renewed], error) {
	fields, err := in.fields("refresh_token")
	if err != nil {
		return nil, err
	}
	access, err := a.Renew(ctx, fields[0])
	if err != nil {
		return nil, err
	}
	return noStore(say(ctx, renewed{access, "bearer", accessSeconds}, "令牌刷新成功", "Token renewed")), nil
}

// exchanged is a new access token, and the refresh token for the next.
type exchanged struct {
	renewed
	RefreshToken string `json:"refresh_token"`
}

func (a accounts) exchange(ctx context.Context, in *credentials) (*answer[exchanged], error) {
	fields, err := in.fields("refresh_token")
	if err != nil {
		return nil, err
	}
	access, next, err := a.Exchange(ctx, fields[0])
	if err != nil {
		return nil, err
	}
	return noStore(say(ctx, exchanged{renewed{access, "bearer", accessSeconds}, next}, "令牌刷新成功", "Token renewed")), nil
}

// asking is the input of what is about the token that asks.
type asking struct{ request *http.Request }

// Resolve implements huma.Resolver.
func (in *asking) Resolve(ctx huma.Context) []error {
	in.request, _ = humago.Unwrap(ctx)
	return nil
}

func (a accounts) logOut(ctx context.Context, in *asking) (*answer[*nothing], error) {
	token, kind := a.api.Presented(in.request)
	return unstored(ctx, a.End(ctx, token, kind), "已退出登录", "Logged out")
}

func (a *api) userRoutes() {
	c := a.accounts()
	handle(a, "GET /api/users/me", notebook.RoleUser, "Who am I", c.me)
	handle(a, "PUT /api/users/me/password", notebook.RoleUser, "Change my password, which ends all sessions", c.changePassword)
	handle(a, "POST /api/admin/users", notebook.RoleAdmin, "Create a user", c.createUser)
}

// ownUser is what a user sees of themselves.
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

func (a accounts) me(ctx context.Context, _ *struct{}) (*answer[ownUser], error) {
	u := server.User(ctx)
	own := ownUser{
		ID: u.ID, Username: u.Username, Email: u.Email, Role: u.Role,
		AvatarURL: avatarURL(u), AvatarUpdatedAt: u.AvatarUpdatedAt,
	}
	if own.IsMuted, _, _ = a.users.Sanctions(ctx, u); own.IsMuted {
		own.MutedUntil = u.MutedUntil
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

func (a accounts) changePassword(ctx context.Context, in *passwordInput) (*answer[*nothing], error) {
	b := in.Body
	err := a.ChangePassword(ctx, server.User(ctx), b.CurrentPassword, b.NewPassword, b.ConfirmPassword)
	return done(ctx, err, "密码修改成功，请重新登录", "Password changed; please log in again")
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

// createdUser is what an admin sees of a user that they created.
type createdUser struct {
	grantedUser
	CreatedAt time.Time `json:"created_at"`
}

func (a accounts) createUser(ctx context.Context, in *newUserInput) (*answer[createdUser], error) {
	n := notebook.NewUser{Username: in.Body.Username, Email: in.Body.Email, Role: notebook.Role(in.Body.Role)}
	u, err := a.users.Create(ctx, server.User(ctx), n, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return say(ctx, createdUser{showGrantedUser(u), u.CreatedAt}, "用户创建成功", "User created"), nil
}

func (a *api) registrationRoutes() {
	c := a.accounts()
	mailing := fails(server.ErrBody, server.ErrFieldMissing, notebook.ErrEmailInvalid, notebook.ErrTooManyCodes, notebook.ErrMailOff)
	handle(a, "POST /api/auth/send_verification_code", anyone, "Mail me a code to register with", c.sendRegisterCode,
		credentialBody("email"), a.limited(a.Mailings), mailing, fails(notebook.ErrMailFailed))
	handle(a, "POST /api/auth/send_reset_password_code", anyone, "Mail me a code to reset my password with", c.sendResetCode,
		credentialBody("email"), a.limited(a.Mailings), mailing)
	taken := fails(server.ErrBody, server.ErrFieldMissing, notebook.ErrUsernameInvalid, notebook.ErrEmailInvalid,
		service.ErrUsernameTaken, service.ErrEmailTaken)
	handle(a, "POST /api/auth/user/check_register", anyone, "Is this name and address still to be had", c.checkRegister,
		credentialBody("username", "email"), a.limited(a.Attempts), taken)
	handle(a, "POST /api/auth/user/register", anyone, "Register", c.register,
		credentialBody("username", "password", "email", "verification_code"), a.limited(a.Attempts), taken,
		fails(notebook.ErrPasswordLength, notebook.ErrCodeInvalid))
	handle(a, "POST /api/auth/reset_password", anyone, "Replace a forgotten password, which ends all sessions", c.resetPassword,
		credentialBody("email", "verification_code", "new_password"), a.limited(a.Attempts),
		fails(server.ErrBody, server.ErrFieldMissing, notebook.ErrEmailInvalid, notebook.ErrPasswordLength, notebook.ErrCodeInvalid))
}

func (a accounts) sendRegisterCode(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	return a.mail(ctx, in, a.MailRegisterCode, "验证码已发送", "The code is on its way")
}

func (a accounts) sendResetCode(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	return a.mail(ctx, in, a.MailResetCode, "如果该邮箱已注册，验证码将发送至该邮箱", "If an account has this address, a code is on its way to it")
}

func (a accounts) mail(ctx context.Context, in *credentials, send func(context.Context, string, string, notebook.Lang) error, zh, en string) (*answer[*nothing], error) {
	if err := a.MailOn(); err != nil {
		return nil, err
	}
	fields, err := in.fields("email")
	if err != nil {
		return nil, err
	}
	return unstored(ctx, send(ctx, fields[0], a.api.ClientOf(in.request), server.CallerIn(ctx).Lang), zh, en)
}

func (a accounts) checkRegister(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	f, err := in.fields("username", "email")
	if err != nil {
		return nil, err
	}
	return unstored(ctx, a.CheckFree(ctx, f[0], f[1]), "用户名和邮箱可用", "The name and the address are free")
}

func (a accounts) register(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	f, err := in.fields("username", "password", "email", "verification_code")
	if err != nil {
		return nil, err
	}
	return unstored(ctx, a.Register(ctx, f[0], f[1], f[2], f[3], a.api.ClientOf(in.request)), "注册成功，请登录", "Registered; please log in")
}

func (a accounts) resetPassword(ctx context.Context, in *credentials) (*answer[*nothing], error) {
	f, err := in.fields("email", "verification_code", "new_password")
	if err != nil {
		return nil, err
	}
	return unstored(ctx, a.ResetPassword(ctx, f[0], f[1], f[2], a.api.ClientOf(in.request)), "密码重置成功，请登录", "Password replaced; please log in")
}

// unstored returns an answer that is a message alone, which no cache may keep,
// unless err is not nil.
func unstored(ctx context.Context, err error, zh, en string) (*answer[*nothing], error) {
	if err != nil {
		return nil, err
	}
	return noStore(said(ctx, zh, en)), nil
}
