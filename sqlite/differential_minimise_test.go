package sqlite

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/sqlgen"
)

// A minimiser makes a failing case smaller, as long as it fails in the same way.
type minimiser struct {
	t        *testing.T
	setting  setting
	stale    bool
	deadline time.Time
	best     *sqlgen.Case
}

func minimise(t *testing.T, c *sqlgen.Case, s setting, f *failure, limit time.Duration) *sqlgen.Case {
	m := &minimiser{t: t, setting: s, stale: f.stale, deadline: time.Now().Add(limit), best: c}
	m.try(func(c *sqlgen.Case) {
		c.Changes = c.Changes[:f.change+1]
		if f.read < len(c.Reads) {
			c.Reads = c.Reads[f.read : f.read+1]
		}
	})
	for size := -1; size != m.size(); {
		size = m.size()
		m.parts()
		m.texts(false)
	}
	m.texts(true)
	return m.best
}

// size is what shall become small.
func (m *minimiser) size() int { return len(m.best.String()) }

// try keeps an edited copy of the best case if that fails, too.
func (m *minimiser) try(edit func(*sqlgen.Case)) bool {
	if time.Now().After(m.deadline) {
		return false
	}
	c := clone(m.best)
	edit(c)
	f := play(m.t, c, m.setting, newTally())
	if f == nil || f.stale != m.stale {
		return false
	}
	m.best = c
	return true
}

func clone(c *sqlgen.Case) *sqlgen.Case {
	out := *c
	out.Setup, out.Reads, out.Changes = slices.Clone(c.Setup), slices.Clone(c.Reads), slices.Clone(c.Changes)
	for i := range out.Reads {
		out.Reads[i].Queries = slices.Clone(out.Reads[i].Queries)
	}
	for i := range out.Changes {
		ch := &out.Changes[i]
		ch.Statements = slices.Clone(ch.Statements)
		if ch.During != nil {
			r := *ch.During
			r.Queries = slices.Clone(r.Queries)
			ch.During = &r
		}
	}
	return &out
}

// drop leaves out members of a list, first many at a time.
func drop[T any](m *minimiser, list func(*sqlgen.Case) *[]T, least int) {
	for n := max(1, len(*list(m.best))/2); n > 0; n /= 2 {
		for i := len(*list(m.best)) - n; i >= 0; i-- {
			if len(*list(m.best)) >= i+n && len(*list(m.best))-n >= least {
				m.try(func(c *sqlgen.Case) { l := list(c); *l = slices.Delete(*l, i, i+n) })
			}
		}
	}
}

// parts leaves out whatever has a name.
func (m *minimiser) parts() {
	m.try(func(c *sqlgen.Case) { c.Orphans = false })
	m.try(func(c *sqlgen.Case) { c.Loose = false })
	drop(m, func(c *sqlgen.Case) *[]sqlgen.Change { return &c.Changes }, 1)
	drop(m, func(c *sqlgen.Case) *[]sqlgen.Read { return &c.Reads }, 0)
	drop(m, func(c *sqlgen.Case) *[]string { return &c.Setup }, 0)
	for i := range m.best.Changes {
		m.try(func(c *sqlgen.Case) { c.Changes[i].During = nil })
		drop(m, func(c *sqlgen.Case) *[]sqlgen.Statement { return &c.Changes[i].Statements }, 1)
	}
	for i := range readsOf(m.best) {
		drop(m, func(c *sqlgen.Case) *[]sqlgen.Statement { return &readsOf(c)[i].Queries }, 1)
		m.try(func(c *sqlgen.Case) { readsOf(c)[i].Way = sqlgen.Direct })
		m.try(func(c *sqlgen.Case) { readsOf(c)[i].Rows = 0 })
	}
}

// readsOf returns all reads of a case.
func readsOf(c *sqlgen.Case) (list []*sqlgen.Read) {
	for i := range c.Reads {
		list = append(list, &c.Reads[i])
	}
	for i := range c.Changes {
		if r := c.Changes[i].During; r != nil {
			list = append(list, r)
		}
	}
	return list
}

// statements returns all statements with arguments.
func statements(c *sqlgen.Case) (list []*sqlgen.Statement) {
	for _, r := range readsOf(c) {
		for i := range r.Queries {
			list = append(list, &r.Queries[i])
		}
	}
	for i := range c.Changes {
		for j := range c.Changes[i].Statements {
			list = append(list, &c.Changes[i].Statements[j])
		}
	}
	return list
}

// texts makes the texts of all statements shorter: first by writing arguments
// into them, then by leaving out words, in the end one by one.
func (m *minimiser) texts(thorough bool) {
	for i := range statements(m.best) {
		m.try(func(c *sqlgen.Case) { inline(statements(c)[i]) })
	}
	for i := range statements(m.best) {
		m.words(func(c *sqlgen.Case) *string { return &statements(c)[i].Text }, thorough)
	}
	for i := range m.best.Setup {
		m.words(func(c *sqlgen.Case) *string { return &c.Setup[i] }, thorough)
	}
}

var word = regexp.MustCompile(`[xX]?'[^']*'|[\w.@:$?]+|\S`)

// words leaves out runs of words of a text.
func (m *minimiser) words(of func(*sqlgen.Case) *string, thorough bool) {
	longest := 6
	if thorough {
		longest = 24
	}
	for n := longest; n > 0; n = n * 2 / 3 {
		for i := 0; ; i++ {
			text := *of(m.best)
			at := word.FindAllStringIndex(text, -1)
			if i+n > len(at) {
				break
			}
			short := strings.TrimRight(text[:at[i][0]], " ") + " " + strings.TrimLeft(text[at[i+n-1][1]:], " ")
			if m.try(func(c *sqlgen.Case) { *of(c) = short }) {
				i--
			}
		}
	}
}

var parameter = regexp.MustCompile(`[?@:$]p?([0-9]*)`)

// inline writes the arguments of a statement into its text.
func inline(s *sqlgen.Statement) {
	next := 0
	text := parameter.ReplaceAllStringFunc(s.Text, func(p string) string {
		next++
		n := next
		if digits := strings.TrimLeft(p, "?@:$p"); digits != "" {
			n, _ = strconv.Atoi(digits)
		}
		if n < 1 || n > len(s.Args) {
			return p
		}
		return literal(s.Args[n-1])
	})
	if !parameter.MatchString(text) {
		s.Text, s.Args = text, nil
	}
}

// literal returns an argument as SQL, or a parameter where there is no literal
// for it.
func literal(a any) string {
	if named, ok := a.(sql.NamedArg); ok {
		a = named.Value
	}
	v, err := driver.DefaultParameterConverter.ConvertValue(a)
	if err != nil {
		return "?"
	}
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + v + "'"
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case bool:
		return map[bool]string{false: "0", true: "1"}[v]
	case float64:
		if v == float64(int64(v)) {
			return fmt.Sprintf("%.1f", v)
		}
		return fmt.Sprint(v)
	case time.Time:
		return "'" + v.String() + "'"
	}
	return fmt.Sprint(v)
}
