package service

import (
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/unstale/unstale/notebook"
)

// What a token is for. A session token is good in the cookie alone, a live token
// for a WebSocket alone: scripts of pages see the latter, never the former.
const (
	AccessToken  = "access"
	RefreshToken = "refresh"
	SessionToken = "session"
	LiveToken    = "live"
)

// How long tokens live.
const (
	AccessLife  = 15 * time.Minute   // and that of live tokens
	SessionLife = 7 * 24 * time.Hour // and that of refresh tokens
)

// claims is what a token says. The role is for front ends; what somebody may do
// is read from their row.
type claims struct {
	Username        string        `json:"username,omitempty"`
	Role            notebook.Role `json:"role,omitempty"`
	Type            string        `json:"type"`
	PasswordVersion int           `json:"pwd_ver"`
	jwt.RegisteredClaims
}

// tokens makes and verifies tokens.
type tokens struct {
	secret []byte
	now    func() time.Time
}

// make returns a signed token of the type for the user.
func (t tokens) make(u *notebook.User, kind string, life time.Duration) (string, error) {
	now := t.now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Username: u.Username, Role: u.Role, Type: kind, PasswordVersion: u.PasswordVersion,
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: u.ID, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
		},
	}).SignedString(t.secret)
}

// verify returns what the token says if it is signed with the secret, of the
// type, and not expired.
func (t tokens) verify(token, kind string) (*claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return t.secret, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(t.now))
	if err != nil {
		return nil, err
	}
	if c.Type != kind || c.Subject == "" {
		return nil, notebook.ErrInvalidToken
	}
	return &c, nil
}
