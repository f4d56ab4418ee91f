package bounds

import (
	"context"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/unstale/unstale/bench/harness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMeasure runs all of it, small.
func TestMeasure(t *testing.T) {
	t.Parallel()
	sec, err := measure(context.Background(), &harness.Settings{Scale: 0.1}, []int{100}, []int{1, 20}, 1000, 20)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range sec.Tables[0].Rows {
		if last := row[len(row)-1]; !strings.HasPrefix(last, "3 of 3") {
			t.Errorf("%v: a list that no row is on stayed %s times", row, last)
		}
	}
}
