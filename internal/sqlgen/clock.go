package sqlgen

import (
	"fmt"
	"math/rand/v2"
)

// Some cases have columns with the clock for a DEFAULT, and reads with functions
// of date and time. They have random numbers of their own, so that everything
// else of a case stays what it is without them.

// clockCases is the share of such cases, in percent.
const clockCases = 35

const clockShape = "clock"

// newClock returns the random numbers of a case's clock, or nil.
func newClock(seed, index uint64) *rand.Rand {
	r := rand.New(rand.NewPCG(^seed, index))
	if r.IntN(100) >= clockCases {
		return nil
	}
	return r
}

// clocked calls make with the clock's random numbers.
func clocked[T any](g *generator, make func() T) T {
	defer func(r *rand.Rand) { g.Rand = r }(g.Rand)
	g.Rand = g.clock
	return make()
}

// defaulted returns a DEFAULT of the clock, or nothing.
func (g *generator) defaulted(declared string) string {
	if g.clock == nil {
		return ""
	}
	return clocked(g, func() string {
		if !g.chance(30) {
			return ""
		}
		if declared == "TEXT" {
			return " DEFAULT " + one(g, "CURRENT_TIMESTAMP", "CURRENT_TIME", "(strftime('%Y-%m-%d %H:%M:%f', 'now'))", "(datetime('now', 'subsec'))")
		}
		return " DEFAULT " + one(g, "CURRENT_TIMESTAMP", "(julianday('now'))", "(strftime('%f', 'now'))", "(random())")
	})
}

// clockWrites returns statements that put the word for the present into rows.
func (g *generator) clockWrites() (all []string) {
	if g.clock == nil {
		return nil
	}
	return clocked(g, func() []string {
		t := g.base()
		return []string{fmt.Sprintf("UPDATE OR IGNORE %s SET %s = 'now' WHERE id = 2", t.name, one(g, t.writable()...).name)}
	})
}

// clockReads returns reads with functions of date and time.
func (g *generator) clockReads() (all []Read) {
	if g.clock == nil {
		return nil
	}
	return clocked(g, func() []Read {
		for range 4 {
			r := Read{Shape: clockShape, Clock: true, Queries: []Statement{g.take(g.timed())}}
			if g.chance(40) {
				r.Way = Prepared
			}
			all = append(all, r)
		}
		return all
	})
}

// timed returns a query with a function of date and time, or with one that
// stands in a DEFAULT.
func (g *generator) timed() string {
	t := g.base()
	c, id := one(g, t.columns...), t.id().name
	when := func() string {
		switch g.IntN(8) {
		case 0:
			return "'now'"
		case 1:
			return "'2024-01-01 10:00:00'"
		case 2, 3:
			return g.bind(one[any](g, "now", "NOW", []byte("now"), "2024-01-01", int64(1704103200), "subsec", "now ", nil))
		}
		return c.name
	}
	shift := one(g, "", "", "", ", '+1 day'", ", 'subsec'", ", 'unixepoch'")
	f := one(g,
		"strftime('%%Y-%%m-%%d %%H:%%M:%%f', %s"+shift+")", "julianday(%s"+shift+")", "unixepoch(%s, 'subsec'"+shift+")",
		"datetime(%s, 'subsec'"+shift+")", "time(%s, 'subsec')", "timediff(%s, '2020-01-01')", "coalesce(julianday(%s), 'none')")
	switch g.IntN(8) {
	case 0: // of its DEFAULT alone
		return fmt.Sprintf("SELECT * FROM %s WHERE %s = %s ORDER BY %s", t.name, id, g.value(t.id()), id)
	case 1:
		return fmt.Sprintf("SELECT %s, %s, %s FROM %s ORDER BY %s", id, c.name, one(g, "random()", "julianday('now')", "strftime('%f', 'now')"), t.name, id)
	case 2:
		return fmt.Sprintf("SELECT %s FROM %s WHERE "+f+" > %s ORDER BY %s", id, t.name, when(), one(g, "'2024'", "1704000000", "julianday('now', '-1 second')"), id)
	case 3:
		return fmt.Sprintf("SELECT max("+f+") FROM %s", when(), t.name)
	}
	return fmt.Sprintf("SELECT %s, "+f+" FROM %s ORDER BY %s", id, when(), t.name, id)
}
