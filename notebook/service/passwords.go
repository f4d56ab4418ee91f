package service

import (
	"context"

	"github.com/unstale/unstale/notebook"
)

// passwords hashes passwords, so many at once as there are turns: a hash is slow
// by design, and whoever asks for one need not be known.
type passwords struct {
	cost  int // of bcrypt
	turns turns
}

// hash returns the hash of a password when it is its turn.
func (p passwords) hash(ctx context.Context, password string) (string, error) {
	done, err := p.turns.take(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return notebook.HashPassword(password, p.cost)
}

// matches reports whether the hash was made from the password when it is its turn.
func (p passwords) matches(ctx context.Context, hash, password string) (bool, error) {
	done, err := p.turns.take(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return notebook.PasswordMatches(hash, password), nil
}
