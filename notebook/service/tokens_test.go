package service

import (
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	now := time.Now()
	mine := tokens{[]byte("a secret"), func() time.Time { return now }}
	u := &notebook.User{ID: "1"}
	token, err := mine.make(u, &notebook.Session{ID: "s"}, AccessToken, AccessLife)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := mine.verify(token, AccessToken); err != nil || c.Subject != "1" {
		t.Error(c, err)
	}
	if _, err := mine.verify(token, RefreshToken); err == nil {
		t.Error("an access token was taken for a refresh token")
	}
	if _, err := (tokens{[]byte("another"), time.Now}).verify(token, AccessToken); err == nil {
		t.Error("a token with another signature")
	}
	now = now.Add(AccessLife + time.Second)
	if _, err := mine.verify(token, AccessToken); err == nil {
		t.Error("an expired token")
	}
	// {"alg":"none"}
	if _, err := mine.verify("eyJhbGciOiJub25lIn0."+strings.Split(token, ".")[1]+".", AccessToken); err == nil {
		t.Error("an unsigned token")
	}
}
