package capture

import (
	"context"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestBanks lets each do one round; all have written the same and have had the
// same pragmas.
func TestBanks(t *testing.T) {
	t.Parallel()
	const bulk = 300
	ctx := context.Background()
	banks, err := openBanks(ctx, t.TempDir(), bulk)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := closeBanks(banks); err != nil {
			t.Error(err)
		}
	}()
	var first string
	for _, b := range banks {
		if err := b.round(ctx); err != nil {
			t.Fatalf("%s: %v", b.name, err)
		}
		var state string
		err := b.db.QueryRowContext(ctx, `SELECT (SELECT sum(balance) FROM account) || ' ' || journal_mode || ' ' || synchronous || ' ' || foreign_keys
			FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys`).Scan(&state)
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = state
		} else if state != first {
			t.Errorf("%s: %s, want %s", b.name, state, first)
		}
	}
	on := banks[len(banks)-1]
	if got := on.cache.Stats().RowsCaptured; got < 100+200+bulk {
		t.Errorf("%d rows were captured", got)
	}
}
