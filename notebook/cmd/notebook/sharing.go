package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/redisstore"
)

// sharing returns how answers are shared with other notebooks, or nil if they are not. The
// key that signs tokens is that of the data directory: who has it may be anybody anyway.
func (s *settings) sharing(key []byte) (*unstale.Sharing, error) {
	if s.Redis == "" || s.Cache == "off" {
		return nil, nil
	}
	store, err := redisstore.Open(s.Redis)
	if err != nil {
		return nil, usageError{fmt.Errorf("--redis will not do: %w", err)}
	}
	secret := hmac.New(sha256.New, key)
	_, _ = secret.Write([]byte("answers in Redis"))
	return &unstale.Sharing{
		Store: store, Secret: secret.Sum(nil),
		// What a notebook answers by that is in neither its database nor itself.
		Deployment: fmt.Sprintf("%q %v %v", s.Origins, s.HTTPS, s.AdminAddr != ""),
	}, nil
}
