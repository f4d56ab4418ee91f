package shape

import (
	"database/sql/driver"
	"sync/atomic"
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

// A Prober runs a probe: it returns the rows of a query, as the database has
// them, one more than limit if there are more, or ok false if that failed.
type Prober func(sql string, args []driver.NamedValue, limit int) (rows [][]Value, ok bool)

// probed is how a query's probe went before.
type probed struct{ tooMany atomic.Bool }

// probe adds the sets that the source's probe finds. It returns false, and adds
// nothing, if that is not possible.
func (d *deps) probe(s *querySource, args []driver.NamedValue, run Prober) bool {
	p := s.Probe
	if p == nil {
		return false
	}
	if run == nil || s.probed.tooMany.Load() {
		d.coarser(coarseProbe)
		return false
	}
	own := make([]driver.NamedValue, len(p.Args))
	for i := range p.Args {
		v, ok := p.Args[i].value(args)
		if !ok {
			d.coarser(coarseArgument)
			return false
		}
		own[i] = driver.NamedValue{Ordinal: i + 1, Value: v.argument()}
	}
	sh := d.query.shape(&s.joined, s.Source.Table)
	if sh == nil {
		d.coarser(coarseShapes)
		return false
	}
	rows, ok := run(p.SQL, own, maxProbed)
	if len(rows) > maxProbed {
		s.probed.tooMany.Store(true)
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
