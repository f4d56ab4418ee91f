package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
)

func (s *server) authRoutes() {
	handle(s, "POST /api/auth/token", anyone, "Log in", s.logIn, credentialBody("username", "password"), s.limited(s.attempts),
		fails(errCredentialsFormat, errCredentialsMissing, notebook.ErrWrongPassword, notebook.ErrAccountLocked, notebook.ErrAccountBanned))
	handle(s, "POST /api/auth/refresh", anyone, "Get a new access token", s.refresh, credentialBody("refresh_token"),
		fails(errCredentialsFormat, errCredentialsMissing, notebook.ErrInvalidToken))
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
			"application/json": {Schema: schema}, formType: {Schema: schema}, multipartType: {Schema: schema},
		}}
		op.SkipValidateBody = true
	}
}

// The types of forms.
const (
	formType      = "application/x-www-form-urlencoded"
	multipartType = "multipart/form-data"
)

// credentials is a body that is JSON or a form.
type credentials struct {
	ContentType string `header:"Content-Type"`
	RawBody     []byte
}

var errCredentialsFormat = &notebook.Error{Kind: notebook.Invalid, Code: "BODY_INVALID", Text: notebook.Text{
	ZH: "请求体必须是有效的 JSON 或表单", EN: "The body must be valid JSON or a form"}}

var errCredentialsMissing = &notebook.Error{Kind: notebook.Invalid, Code: "FIELDS_MISSING", Text: notebook.Text{
	ZH: "有未填写的字段", EN: "A required field is missing"}}

// fields returns the values of the fields, all of which are required.
func (c *credentials) fields(names ...string) ([]string, error) {
	get, err := c.parse()
	if err != nil {
		return nil, err
	}
	values := make([]string, len(names))
	for i, name := range names {
		if values[i] = get(name); values[i] == "" {
			return nil, errCredentialsMissing.With("field", name)
		}
	}
	return values, nil
}

func (c *credentials) parse() (get func(string) string, err error) {
	kind, parameters, _ := mime.ParseMediaType(c.ContentType)
	switch kind {
	case formType:
		form, err := url.ParseQuery(string(c.RawBody))
		if err != nil {
			return nil, errCredentialsFormat
		}
		return form.Get, nil
	case multipartType:
		form, err := multipart.NewReader(bytes.NewReader(c.RawBody), parameters["boundary"]).ReadForm(maxJSON)
		if err != nil {
			return nil, errCredentialsFormat
		}
		values := url.Values(form.Value)
		return values.Get, form.RemoveAll() // files, which nobody asked for
	}
	var object map[string]any
	if err := json.Unmarshal(c.RawBody, &object); err != nil {
		return nil, errCredentialsFormat
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

func (s *server) logIn(ctx context.Context, in *credentials) (*answer[grant], error) {
	fields, err := in.fields("username", "password")
	if err != nil {
		return nil, err
	}
	u, err := s.authenticate(ctx, strings.TrimSpace(fields[0]), fields[1])
	if err != nil {
		return nil, err
	}
	access, err := s.tokens.make(u, accessToken, accessLife)
	if err != nil {
		return nil, err
	}
	refresh, err := s.tokens.make(u, refreshToken, refreshLife)
	if err != nil {
		return nil, err
	}
	return noStore(say(ctx, grant{access, refresh, "bearer", int(accessLife.Seconds()), showGrantedUser(u)}, "登录成功", "Logged in")), nil
}

// authenticate returns the user with this name and password. It takes as long
// for a name that nobody has.
func (s *server) authenticate(ctx context.Context, username, password string) (*notebook.User, error) {
	now := s.now()
	u, err := s.store.UserNamed(ctx, username)
	if errors.Is(err, notebook.ErrUserNotFound) {
		notebook.PasswordMatches(s.decoy, password)
		return nil, notebook.ErrWrongPassword
	}
	if err != nil {
		return nil, err
	}
	if u.Locked(now) {
		return nil, notebook.ErrAccountLocked
	}
	matches := notebook.PasswordMatches(u.PasswordHash, password)
	if err := s.store.RecordLogin(ctx, u.ID, matches, now); err != nil {
		return nil, err
	}
	switch {
	case !matches:
		return nil, notebook.ErrWrongPassword
	case u.Banned(now) || !u.Active:
		return nil, notebook.ErrAccountBanned
	}
	return u, nil
}

// renewed is a new access token.
type renewed struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
}

func (s *server) refresh(ctx context.Context, in *credentials) (*answer[renewed], error) {
	fields, err := in.fields("refresh_token")
	if err != nil {
		return nil, err
	}
	c, err := s.tokens.verify(fields[0], refreshToken)
	if err != nil {
		return nil, notebook.ErrInvalidToken
	}
	u, err := s.store.User(ctx, c.Subject)
	if errors.Is(err, notebook.ErrUserNotFound) {
		return nil, notebook.ErrInvalidToken
	}
	if err != nil {
		return nil, err
	}
	if !u.Active || u.Banned(s.now()) || u.PasswordVersion != c.PasswordVersion {
		return nil, notebook.ErrInvalidToken
	}
	access, err := s.tokens.make(u, accessToken, accessLife)
	if err != nil {
		return nil, err
	}
	return noStore(say(ctx, renewed{access, "bearer", int(accessLife.Seconds())}, "令牌刷新成功", "Token renewed")), nil
}
