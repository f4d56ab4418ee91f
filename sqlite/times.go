package sqlite

import (
	"database/sql/driver"
	"slices"
	"time"
)

// timeFormats are the driver's own words for how times are written.
var timeFormats = map[string]string{
	"":                    "",
	"sqlite":              "2006-01-02 15:04:05.999999999-07:00",
	"datetime":            time.DateTime,
	"string_no_monotonic": "2006-01-02 15:04:05.999999999 -0700 MST",
}

// times returns what the driver makes of a time, or nil where that is not known.
func (d dsn) times() func(time.Time) string {
	format, known := timeFormats[d.given.Get("_time_format")]
	switch {
	case !known, d.given.Get("_time_integer_format") != "", d.given.Get("_timezone") != "":
		return nil
	case format == "":
		return time.Time.String
	}
	return func(t time.Time) string { return t.Format(format) }
}

// bound returns arguments with times as the driver writes them, as far as that is
// known.
func (s *session) bound(args []driver.NamedValue) []driver.NamedValue {
	is := func(a driver.NamedValue) bool {
		_, ok := a.Value.(time.Time)
		return ok
	}
	if s.times == nil || !slices.ContainsFunc(args, is) {
		return args
	}
	args = slices.Clone(args)
	for i := range args {
		if t, ok := args[i].Value.(time.Time); ok {
			args[i].Value = s.times(t)
		}
	}
	return args
}
