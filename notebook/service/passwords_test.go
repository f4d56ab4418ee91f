package service

import (
	"errors"
	"testing"
	"testing/synctest"

	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale/notebook"
)

// While all turns are taken nobody's password is hashed, whatever it is for.
func TestPasswordsWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := passwords{bcrypt.MinCost, newTurns(1)}
		hash, err := p.hash(t.Context(), "secret1")
		if err != nil {
			t.Fatal(err)
		}
		for password, want := range map[string]bool{"secret1": true, "secret2": false} {
			if got, err := p.matches(t.Context(), hash, password); got != want || err != nil {
				t.Errorf("%s: %v, %v", password, got, err)
			}
		}
		done, err := p.turns.take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		if _, err := p.hash(t.Context(), "secret1"); !errors.Is(err, notebook.ErrBusy) {
			t.Errorf("hash: %v", err)
		}
		if _, err := p.matches(t.Context(), hash, "secret1"); !errors.Is(err, notebook.ErrBusy) {
			t.Errorf("matches: %v", err)
		}
	})
}
