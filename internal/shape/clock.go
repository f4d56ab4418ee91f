package shape

import (
	"database/sql/driver"
	"slices"
	"strings"
)

// ZonedModifier reports whether a modifier of a function of date and time may go by
// the time zone.
func ZonedModifier(modifier string) bool {
	m := lower(modifier)
	return strings.Contains(m, "localtime") || strings.Contains(m, "utc")
}

// Clocked reports whether the query calls functions of date and time, so that
// whoever runs it has to see whether they look at the clock. What has looked at
// the clock must not be cached.
func (q *Query) Clocked() bool { return q.plan.Clocked }

// Zoned reports whether a run of the query with these arguments may go by the time
// zone of the machine. Then it must not be cached.
func (q *Query) Zoned(args []driver.NamedValue) bool {
	return slices.ContainsFunc(q.plan.Modifiers, func(o Operand) bool {
		for i := range args {
			if o.Name != "" && args[i].Name == o.Name || o.Name == "" && args[i].Ordinal == o.Number {
				return zonedValue(args[i].Value)
			}
		}
		return true
	})
}

func zonedValue(v driver.Value) bool {
	switch v := v.(type) {
	case nil, int64, float64, bool:
		return false
	case string:
		return ZonedModifier(v)
	}
	return true // a blob is taken for a text
}
