package shape

import (
	"database/sql/driver"
	"slices"
	"sync"
)

// maxProbed bounds the values of a probe.
const maxProbed = 1000

// A Probe is a query of our own that finds the values by which a source's rows
// are joined, where constants and the result do not tell: for
//
//	SELECT count(*) FROM stars s JOIN cards c ON c.id = s.card WHERE s.user = ?
//
// the cards that matter are those of SELECT s.card FROM stars s WHERE s.user = ?.
//
// It may run at any time after asOf was taken, and need not see what the query
// itself sees: the query depends on the rows that the probe reads, so that an
// answer made while they changed is never used.
type Probe struct {
	SQL     string
	Args    []Operand
	Columns []int     // of the source, ascending
	Values  []Operand // of these columns; what comes from the probe is a result column
}

// A Prober runs a probe, which may take so much work: it returns the rows of the
// query, as the database has them, one more than limit if there are more, and what it
// took, or ok false if that failed, or took more. What work is counted in is the
// database's, as for [Query.Took].
type Prober func(sql string, args []driver.NamedValue, limit, work int) (rows [][]Value, took int, ok bool)

// A credit is how much work the probes of a query may still take: as much as its own
// runs took, so that they take twice as much with them, and a little to begin with.
// Each probe in vain, but for the first, halves what the runs from then on give, until
// one finds what it looks for.
type credit struct {
	mu   sync.Mutex
	left int
	vain int // probes, since one found what it looked for
}

// Bounds of a credit.
const (
	firstCredit = 10_000
	maxCredit   = 1_000_000
	maxVain     = 5
)

// Took says how much work a run of the query itself took.
func (q *Query) Took(work int) {
	q.credit.mu.Lock()
	defer q.credit.mu.Unlock()
	q.credit.left = min(q.credit.left+work>>max(min(q.credit.vain, maxVain)-1, 0), maxCredit)
}

// Probes reports whether runs of the query may probe.
func (q *Query) Probes() bool {
	return slices.ContainsFunc(q.plan.Sources, func(s Source) bool { return s.Probe != nil })
}

// allowed returns how much work a probe of the source may take, or ok false if it
// needs more, as far as is known.
func (c *credit) allowed(s *querySource) (work int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left, c.left > 0 && c.left >= s.needs
}

// spend says what a probe of the source took, and whether it found what it looked
// for. Another one is made when as much as it needs is allowed.
func (c *credit) spend(s *querySource, took, needs int, found bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left -= took
	s.needs = min(needs, maxCredit)
	if c.vain++; found {
		c.vain = 0
	}
}

// probe adds the sets that the source's probe finds. It returns false, and adds
// nothing, if that is not possible.
func (d *deps) probe(s *querySource, args []driver.NamedValue, run Prober) bool {
	p := s.Probe
	if p == nil {
		return false
	}
	work, ok := d.query.credit.allowed(s)
	if run == nil || !ok {
		d.coarser(coarseProbe)
		return false
	}
	own := make([]driver.NamedValue, len(p.Args))
	for i := range p.Args {
		v, ok := p.Args[i].argument(args)
		if !ok {
			d.coarser(coarseArgument)
			return false
		}
		own[i] = driver.NamedValue{Ordinal: i + 1, Value: v}
	}
	sh := d.query.shape(&s.joined, s.Source.Table)
	if sh == nil {
		d.coarser(coarseShapes)
		return false
	}
	rows, took, ok := run(p.SQL, own, maxProbed, work)
	switch {
	case ok && len(rows) <= maxProbed:
		d.query.credit.spend(s, took, took, true)
	case ok:
		d.query.credit.spend(s, took, maxCredit, false)
	case took >= work:
		d.query.credit.spend(s, took, 2*work, false)
	}
	if !ok || len(rows) > maxProbed {
		d.coarser(coarseProbe)
		return false
	}
	start := len(d.list)
	d.rely(s, sh)
	for _, row := range rows {
		null := false
		h, ok := sh.with(d.query.shapes.hasher, s.Source.Table, func(c int) (Value, bool) {
			if o := &p.Values[c]; !o.Row {
				return o.value(args)
			} else if o.Result < len(row) {
				null = null || row[o.Result].kind == KindNull
				return row[o.Result], row[o.Result].kind != KindUnknown
			}
			return Value{}, false
		})
		switch {
		case null: // it equals nothing
		case !ok:
			d.list = d.list[:start]
			d.coarser(coarseArgument)
			return false
		default:
			d.list = append(d.list, sh.watching(uint64(h)))
		}
	}
	return true
}

// argument returns the operand's value as a driver takes it, of a list a slice of them.
func (o *Operand) argument(args []driver.NamedValue) (_ driver.Value, ok bool) {
	if !o.Each {
		v, ok := o.value(args)
		return v.argument(), ok
	}
	values, ok := o.each(args)
	list := make([]driver.Value, len(values))
	for i, v := range values {
		list[i] = v.argument()
	}
	return list, ok
}

// argument returns the value as a driver takes it.
func (v Value) argument() driver.Value {
	switch v.kind {
	case KindInt:
		return int64(v.num)
	case KindFloat:
		return v.Float()
	case KindText:
		return v.text
	case KindBlob:
		return []byte(v.text)
	}
	return nil
}
