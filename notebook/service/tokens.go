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
	AccessLife  = 15 * time.Minute     // and that of live tokens
	SessionLife = notebook.SessionLife // and that of refresh tokens
)

// claims is what a token says. The role is for front ends; what somebody may do
// is read from their row.
type claims struct {
	Username        string        `json:"username,omitempty"`
	Role            notebook.Role `json:"role,omitempty"`
	Type            string        `json:"type"`
	PasswordVersion int           `json:"pwd_ver"`
	Session         string        `json:"sid"`           // that the token came of
	Generation      int           `json:"gen,omitempty"` // of a refresh token
	jwt.RegisteredClaims
}

// tokens makes and verifies tokens.
type tokens struct {
	secret []byte
	now    func() time.Time
}

// make returns a signed token of the type for the user, that is good while the
// session is there.
func (t tokens) make(u *notebook.User, s *notebook.Session, kind string, life time.Duration) (string, error) {
	now := t.now()
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		Username: u.Username, Role: u.Role, Type: kind, PasswordVersion: u.PasswordVersion, Session: s.ID, Generation: s.Generation,
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
	if c.Type != kind || c.Subject == "" || c.Session == "" {
		return nil, notebook.ErrInvalidToken
	}
	return &c, nil
}
