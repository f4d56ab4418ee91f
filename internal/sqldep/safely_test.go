package sqldep

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/shape"
)

func TestSafely(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	made := &shape.Plan{}
	if got := Safely(logger, "SELECT 1", func() *shape.Plan { return made }); got != made || log.Len() > 0 {
		t.Errorf("%v, %s", got, &log)
	}
	got := Safely(logger, "SELECT 2", func() *shape.Plan { panic("a mistake") })
	if got.Refused != RefusedPanic {
		t.Errorf("%v", got)
	}
	made.Under = func([]shape.Guard) *shape.Plan { panic("under guards") }
	if got := Safely(logger, "SELECT 3", func() *shape.Plan { return made }).Under(nil); got.Refused != RefusedPanic {
		t.Errorf("%v", got)
	}
	for _, want := range []string{"SELECT 2", "a mistake", "SELECT 3", "under guards", "safely_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q: %s", want, &log)
		}
	}
}

// TestNothingStandsTwice puts one query into a tree twice, which no front end may do.
func TestNothingStandsTwice(t *testing.T) {
	table := &shape.Table{Name: "t", Columns: []shape.Column{{Name: "id"}}}
	inner := &Select{}
	item := &Item{Table: table}
	inner.Add(item)
	inner.Results = []Expr{Column{item, 0}}
	twice := Subquery{Query: &Query{Selects: []*Select{inner}}}
	outer := &Select{Results: []Expr{twice}, OrderBy: []Order{{By: twice}}}
	inner.Outer = outer
	plan := (&Dialect{}).Analyze(&Query{Selects: []*Select{outer}}, "", []Read{{Table: table}}, PrecisionExact)
	if plan.Coarse != CoarseTwice {
		t.Errorf("%s", plan)
	}
}
