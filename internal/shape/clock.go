package shape

import (
	"database/sql/driver"
	"slices"
)

// Clocked reports whether the query calls functions of date and time, so that
// whoever runs it has to see whether they look at the clock. What has looked at
// the clock must not be cached.
func (q *Query) Clocked() bool { return q.plan.Clocked }

// Zoned reports whether a run of the query with these arguments may go by the time
// zone of the machine. Then it must not be cached.
func (q *Query) Zoned(args []driver.NamedValue) bool {
	return slices.ContainsFunc(q.plan.Zoneless, func(o Operand) bool {
		_, ok := o.value(args)
		return !ok
	})
}
