package sqlgen

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Some reads are made of what applications ask lists and pages with, more often than the
// other shapes do. They have random numbers of their own, so that everything else of a
// case stays what it is without them.

// finerShare is how many there are for each of the others, in percent.
const finerShare = 40

func finerShapes() []choice[shape] {
	return []choice[shape]{
		{5, shape{"page", (*generator).page}},
		{4, shape{"range", (*generator).ranged}},
		{4, shape{"optional", (*generator).optional}},
		{4, shape{"either", (*generator).either}},
		{3, shape{"folded", (*generator).folded}},
		{2, shape{"many keys", (*generator).manyKeys}},
		{2, shape{"coalesced", (*generator).coalesced}},
	}
}

// finerReads returns such reads.
func (g *generator) finerReads(seed, index uint64, n int) (list []Read) {
	defer func(r *rand.Rand) { g.Rand = r }(g.Rand)
	g.Rand = rand.New(rand.NewPCG(seed, ^index))
	for range n * finerShare / 100 {
		s := weighted(g, finerShapes())
		r := Read{Shape: s.name, Queries: []Statement{g.take(s.make(g))}}
		if g.chance(40) {
			r.Way = Prepared
		}
		if g.chance(8) {
			r.Rows = 1 + g.IntN(3)
		}
		list = append(list, r)
	}
	return list
}

// showing returns a SELECT that shows some columns, and perhaps more.
func (g *generator) showing(s source, columns ...*column) string {
	var list []string
	for _, c := range columns {
		if g.chance(92) {
			list = append(list, s.of(c))
		}
	}
	for range g.IntN(3) {
		list = append(list, s.of(one(g, s.table.columns...)))
	}
	if len(list) == 0 {
		list = []string{one(g, "*", "count(*)", "1")}
	}
	return "SELECT " + join(list)
}

// only returns a FROM clause of one table, or of one that another one is joined to.
func (g *generator) only() (from string, s source, all []source) {
	if g.chance(70) {
		from, all = g.alone(g.base())
		return from, all[0], all
	}
	from, all = g.joined(2, one(g, "JOIN", "LEFT JOIN"))
	return from, one(g, all...), all
}

// page is a page that begins where another one ended, by a column and a key.
func (g *generator) page() string {
	from, s, all := g.only()
	c, id := one(g, s.table.columns...), s.table.id()
	down := g.chance(60)
	sign, dir := one(g, " > ", " > ", " >= "), one(g, "", "", " ASC")
	if down {
		sign, dir = one(g, " < ", " < ", " <= "), " DESC"
	}
	var where []string
	if g.chance(50) {
		where = append(where, g.equal(all))
	}
	x, y := s.of(c), s.of(id)
	v, w := g.value(c), g.value(id)
	switch g.IntN(6) {
	case 0:
		x, c = y, id
		where = append(where, y+sign+w)
	case 1, 2:
		where = append(where, fmt.Sprintf("(%s, %s)%s(%s, %s)", x, y, sign, v, w))
	case 3:
		where = append(where, fmt.Sprintf("(%s%s%s OR (%s = %s AND %s%s%s))", x, sign, v, x, v, y, sign, w))
	case 4:
		where = append(where, fmt.Sprintf("%s%s%s AND (%s%s%s OR %s%s%s)", x, sign[:2]+"= ", v, x, sign, v, y, sign, w))
	default:
		where = append(where, x+one(g, sign, " > ", " <= ")+v)
	}
	if g.chance(20) {
		where = append(where, x+one(g, " < ", " >= ")+g.value(c))
	}
	q := g.showing(s, c, id) + from + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + x + dir
	if c != id {
		q += ", " + y + one(g, dir, dir, "")
	}
	for _, k := range s.table.keys[min(1, len(s.table.keys)):] {
		q += ", " + s.of(k)
	}
	if g.chance(85) {
		q += g.limit()
	}
	return q
}

// ranged asks for what lies between two values, or beyond one.
func (g *generator) ranged() string {
	from, s, all := g.only()
	c := one(g, s.table.columns...)
	x := s.of(c)
	var where []string
	if g.chance(40) {
		where = append(where, g.equal(all))
	}
	switch g.IntN(5) {
	case 0, 1:
		where = append(where, fmt.Sprintf("%s BETWEEN %s AND %s", x, g.value(c), g.value(c)))
	case 2:
		where = append(where, x+one(g, " >= ", " > ")+g.value(c), x+one(g, " < ", " <= ")+g.value(c))
	case 3:
		where = append(where, x+one(g, " < ", " > ", " <= ", " >= ")+g.value(c))
	case 4:
		where = append(where, g.value(c)+one(g, " < ", " > ", " <= ", " >= ")+x)
	}
	id := s.table.id()
	q := g.showing(s, id, c) + from
	switch g.IntN(4) {
	case 0:
		return "SELECT " + one(g, "count(*)", "count(*)", g.summary([]source{s})) + from + " WHERE " + strings.Join(where, " AND ")
	case 1:
		return q + " WHERE " + strings.Join(where, " AND ") + g.order(all, 90) + g.limit()
	}
	return q + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + s.of(id) + one(g, "", " DESC")
}

// optional asks for what filters select of which some are not given.
func (g *generator) optional() string {
	from, s, _ := g.only()
	var where []string
	for range 1 + g.early(3) {
		c := one(g, s.table.columns...)
		x, v := s.of(c), g.bind(nil)
		given := g.chance(55)
		if given {
			g.args[len(g.args)-1] = g.argument(c)
		}
		switch g.IntN(8) {
		case 0, 1, 2:
			where = append(where, fmt.Sprintf(one(g, "(%[1]s IS NULL OR %[2]s = %[1]s)", "(%[2]s = %[1]s OR %[1]s IS NULL)"), v, x))
		case 3:
			where = append(where, fmt.Sprintf("%s = "+one(g, "coalesce", "ifnull")+"(%s, %s)", x, v, x))
		case 4:
			if !given {
				g.args[len(g.args)-1] = one[any](g, "", "", 0)
			}
			where = append(where, fmt.Sprintf("(%s = '' OR %s = %s)", v, x, v))
		case 5:
			w := g.bind(one[any](g, 0, 0, 1, true, "0", nil))
			where = append(where, fmt.Sprintf("(%s = 0 OR %s = %s)", w, x, v))
		case 6:
			where = append(where, fmt.Sprintf("(%s IS NULL OR %s%s%s)", v, x, one(g, " < ", " >= "), v))
		case 7:
			where = append(where, fmt.Sprintf("(%s IS NULL OR %s = %s OR %s = %s)", v, x, v, s.of(one(g, s.table.columns...)), v))
		}
	}
	id := s.table.id()
	q := g.showing(s, id) + from + " WHERE " + strings.Join(where, " AND ") + " ORDER BY " + s.of(id) + one(g, "", " DESC")
	if g.chance(40) {
		q += g.limit()
	}
	return q
}

// argument returns an argument for a column.
func (g *generator) argument(c *column) any {
	list := arguments(c.kind)
	return list[g.first(len(list))]
}

// either asks for what one of several columns selects.
func (g *generator) either() string {
	from, s, all := g.only()
	side := func() string {
		c := one(g, s.table.columns...)
		x := s.of(c)
		switch g.IntN(8) {
		case 0:
			d := one(g, s.table.columns...)
			return fmt.Sprintf("(%s = %s AND %s = %s)", x, g.value(c), s.of(d), g.value(d))
		case 1:
			return x + " IS NULL"
		case 2:
			return fmt.Sprintf("%s IN (%s, %s)", x, g.value(c), g.value(c))
		case 3:
			return fmt.Sprintf("(%s = %s AND %s)", x, g.value(c), g.term([]source{s}, 2))
		}
		return x + " = " + g.value(c)
	}
	var sides []string
	for range 2 + g.early(2) {
		sides = append(sides, side())
	}
	where := "(" + strings.Join(sides, " OR ") + ")"
	if g.chance(40) {
		where += " AND " + g.equal(all)
	}
	id := s.table.id()
	if g.chance(15) {
		return "SELECT count(*)" + from + " WHERE " + where
	}
	q := g.showing(s, id) + from + " WHERE " + where + " ORDER BY " + s.of(id) + one(g, "", " DESC")
	if g.chance(40) {
		q += g.limit()
	}
	return q
}

// folded compares without regard to case.
func (g *generator) folded() string {
	from, s, all := g.only()
	c := one(g, s.table.columns...)
	for range 4 {
		if c.kind == text {
			break
		}
		c = one(g, s.table.columns...)
	}
	x := s.of(c)
	var where string
	switch g.IntN(8) {
	case 0, 1:
		where = fmt.Sprintf("lower(%s) = lower(%s)", x, g.value(c))
	case 2:
		where = fmt.Sprintf("upper(%s) = upper(%s)", x, g.value(c))
	case 3:
		where = fmt.Sprintf("lower(%s) = %s", x, g.value(c))
	case 4:
		where = x + " = " + g.value(c) + " COLLATE NOCASE"
	case 5:
		where = x + " COLLATE NOCASE = " + g.value(c)
	case 6:
		where = x + " = lower(" + g.value(c) + ")"
	case 7:
		where = fmt.Sprintf("lower(%s) IN (lower(%s), %s)", x, g.value(c), g.value(c))
	}
	if g.chance(30) {
		where += " AND " + g.equal(all)
	}
	id := s.table.id()
	if g.chance(20) {
		return "SELECT count(*)" + from + " WHERE " + where
	}
	return g.showing(s, id, c) + from + " WHERE " + where + " ORDER BY " + s.of(id)
}

// manyKeys asks for what a long list selects.
func (g *generator) manyKeys() string {
	from, s, all := g.only()
	c := one(g, s.table.id(), one(g, s.table.columns...))
	var list []string
	for i := range 40 + g.IntN(80) {
		switch {
		case c.kind == whole && g.chance(85):
			list = append(list, g.bind(i%30))
		case g.chance(5):
			list = append(list, g.value(c))
		default:
			list = append(list, g.bind(g.argument(c)))
		}
	}
	where := s.of(c) + " IN (" + join(list) + ")"
	if g.chance(40) {
		where += " AND " + g.equal(all)
	}
	id := s.table.id()
	return g.showing(s, id, c) + from + " WHERE " + where + " ORDER BY " + s.of(id)
}

// coalesced asks for a value, or none.
func (g *generator) coalesced() string {
	from, s, all := g.only()
	c := one(g, s.table.columns...)
	x := s.of(c)
	var where string
	switch g.IntN(4) {
	case 0, 1:
		where = fmt.Sprintf("%s(%s, %s) = %s", one(g, "coalesce", "ifnull"), x, g.value(c), g.value(c))
	case 2:
		where = x + " IS " + g.value(c)
	case 3:
		where = fmt.Sprintf("(%s IS NULL OR %s = %s)", x, x, g.value(c))
	}
	if g.chance(40) {
		where += " AND " + g.equal(all)
	}
	id := s.table.id()
	return g.showing(s, id, c) + from + " WHERE " + where + " ORDER BY " + s.of(id)
}
