package shape

import (
	"database/sql/driver"
	"slices"
	"sync/atomic"
)

// A Query is a Plan that is ready for use. It does not change but for the shapes
// that it comes to know and the work it takes, and may be used concurrently.
type Query struct {
	plan    *Plan
	shapes  *Shapes
	sources []querySource
	results []int // columns of the result that count, ascending
	credit  credit
}

// A querySource is a source with what can be computed once.
type querySource struct {
	*Source
	table, coarse uint64

	fine   lazyShape // of Sets
	broad  lazyShape // of Source.Broad
	all    lazyShape // of all rows
	order  lazyRange // of Broad in the order of the span
	ranged lazyRange // of Broad in that of the range

	joined lazyShape // of the columns that the probe finds
	needs  int       // work of the probe, as far as is known; the query's credit guards it
}

// A lazyShape is registered when it is first used.
type lazyShape struct {
	key shapeKey
	to  atomic.Pointer[shape]
}

// Use returns the plan ready for use: keep it instead of the plan.
func (s *Shapes) Use(p *Plan) *Query {
	q := &Query{plan: p, shapes: s, sources: make([]querySource, len(p.Sources)), credit: credit{left: firstCredit}}
	for i := range p.Sources {
		src, to := &p.Sources[i], &q.sources[i]
		to.Source, to.table, to.coarse = src, s.hasher.table(src.Table), s.hasher.coarse(src.Table)
		to.all.key = shapeKey{watched: src.Watched, order: noOrder}
		to.fine.key, to.broad.key = to.all.key, to.all.key
		if len(src.Sets) > 0 {
			to.fine.key.columns = src.Sets[0].Columns
		}
		if len(src.Broad) > 0 {
			to.broad.key.columns = src.Broad[0].Columns
		}
		to.joined.key = to.all.key
		if src.Probe != nil {
			to.joined.key.columns = src.Probe.Columns
		}
		if src.Span != nil {
			to.order.use(to.fine.key, src.Span.Column)
		}
		if src.Range != nil {
			to.ranged.use(to.broad.key, src.Range.Column)
		}
		q.results = append(q.results, src.results()...)
	}
	for _, e := range p.Ends {
		if e.Row {
			q.results = append(q.results, e.Result)
		}
	}
	slices.Sort(q.results)
	q.results = slices.Compact(q.results)
	return q
}

// Plan returns the plan.
func (q *Query) Plan() *Plan { return q.plan }

// Results returns which columns of the result [Run.Row] asks for.
func (q *Query) Results() []int { return q.results }

// Requires reports whether some source is needless where every foreign key has
// its parent.
func (q *Query) Requires() bool {
	return slices.ContainsFunc(q.plan.Sources, func(s Source) bool { return s.Unless })
}

// Ends reports whether results of the query end by themselves: see [Run.Until].
func (q *Query) Ends() bool { return len(q.plan.Ends) > 0 }

// shape returns the shape, or nil where the table has too many.
func (q *Query) shape(l *lazyShape, t *Table) *shape {
	sh := l.to.Load()
	if sh == nil || sh.left.Load() {
		sh = q.shapes.register(t, l.key)
		l.to.Store(sh)
	}
	if sh != nil && !sh.used.Load() {
		sh.used.Store(true)
	}
	return sh
}

// results returns the columns of the result from which operands come.
func (s *Source) results() (list []int) {
	for _, w := range s.Sets {
		for _, v := range w.Values {
			if v.Row {
				list = append(list, v.Result)
			}
		}
	}
	if s.Span != nil && s.Span.End.Row {
		list = append(list, s.Span.End.Result)
	}
	return list
}

// afterwards reports whether what the source depends on is known only after the
// query was run.
func (s *Source) afterwards() bool { return s.Unless || len(s.results()) > 0 }

// Dependencies are what a run of a query depends on. Counts say where Hashes come
// from: each stands for the next N.
type Dependencies struct {
	Hashes []uint64
	Counts []Count
	Kinds  []string // of the shapes of which Hashes are, if they are shared; some more than once
	Ends   bool     // the result ends by itself
}

// A Count is a number of dependencies with the index of their source. Coarse is why
// they are coarser than the plan, in few words, or "".
type Count struct {
	Source, N int
	Coarse    string
}

// Why a run depends on more than its plan says. That a shape is young, or that rows
// were not read to their end, is no reason: it is so once, or as it should be.
const (
	coarseArgument = "argument of another type"
	coarseShapes   = "too many kinds of statements on a table"
	coarseWatched  = "too many lists of columns of a table"
	coarseProbe    = "too many joined rows"
	coarseFollowed = "too many rows to follow"
	coarseUnshown  = "rows that nobody follows"
)

// Sources returns what the query depends on, for people, by the index in Count.
func (q *Query) Sources() []string {
	list := make([]string, len(q.sources))
	for i := range q.sources {
		list[i] = q.sources[i].String()
	}
	return list
}

// Begin adds what a run of the query with these arguments depends on to d. asOf
// is the engine's sequence number taken before the transaction began in which the
// query reads; the call must precede the read. The plan must be cacheable. run
// may be nil; then the dependencies are coarser.
//
// If more depends on what the query returns, that is what the Run is for;
// otherwise it is nil.
func (q *Query) Begin(to *Dependencies, asOf uint64, args []driver.NamedValue, run Prober) *Run {
	var r *Run
	d := deps{query: q, asOf: asOf, list: to.Hashes}
	for i := range q.sources {
		s := &q.sources[i]
		if !s.afterwards() {
			before := len(d.list)
			if d.coarse = ""; !d.probe(s, args, run) {
				d.sets(s, s.Sets, &s.fine, args)
			}
			to.Counts = append(to.Counts, Count{i, len(d.list) - before, d.coarse})
			continue
		}
		if r == nil {
			r = &Run{deps: deps{query: q, asOf: asOf}}
		}
		r.add(i, args)
	}
	to.Hashes, to.Kinds = d.list, append(to.Kinds, d.kinds...)
	if len(q.plan.Ends) > 0 {
		if r == nil {
			r = &Run{deps: deps{query: q, asOf: asOf}}
		}
		r.begin(args)
	}
	return r
}

// Tables adds to d what every run of the query depends on at most: the tables that
// it reads.
func (q *Query) Tables(to *Dependencies) {
	for i := range q.sources {
		to.Hashes = append(to.Hashes, q.sources[i].table)
		to.Counts = append(to.Counts, Count{Source: i, N: 1})
	}
}

// deps collects dependencies for one run of a query.
type deps struct {
	query  *Query
	asOf   uint64
	list   []uint64
	coarse string // why what the source depends on is coarser than planned, or ""
	kinds  []string
}

// coarser notes why it is.
func (d *deps) coarser(reason string) {
	if d.coarse == "" {
		d.coarse = reason
	}
}

// sets adds the sets with these arguments, or all rows where they do not fit.
func (d *deps) sets(s *querySource, sets []Selection, l *lazyShape, args []driver.NamedValue) {
	if s.Coarse {
		d.list = append(d.list, s.table)
		return
	}
	if s.Range != nil {
		v, values := s.Range.interval(s.Source.Table, args), bind(s.Broad, args)
		if v.bounded() && values != nil && d.within(s, &s.ranged, values, v) {
			return
		}
	}
	if len(sets) > 0 {
		sh := d.query.shape(l, s.Source.Table)
		if sh == nil {
			d.wider(s, sets, args)
			return
		}
		d.rely(s, sh)
		start, ok := len(d.list), true
		for i := 0; i < len(sets) && ok; i++ {
			switch {
			case slices.ContainsFunc(sets[i].Values, func(o Operand) bool { return o.Each }):
				ok = d.each(s, sh, sets[i:i+1], args)
			case sets[i].runs():
				ok = d.run(sh, s, &sets[i], args)
			default:
				ok = d.set(sh, s, sets[i].Values, args)
			}
		}
		if ok {
			return
		}
		d.list = d.list[:start]
		d.coarser(coarseArgument)
	}
	d.everything(s)
}

// set adds the set of a shape with these values. ok is false where they do not fit.
func (d *deps) set(sh *shape, s *querySource, values []Operand, args []driver.NamedValue) (ok bool) {
	h, ok := sh.with(d.query.shapes.hasher, s.Source.Table, func(c int) (Value, bool) { return values[c].value(args) })
	if ok {
		d.list = append(d.list, sh.watching(uint64(h)))
	}
	return ok
}

// run adds the sets for each parameter of a run, likewise.
func (d *deps) run(sh *shape, s *querySource, w *Selection, args []driver.NamedValue) bool {
	for _, values := range w.all() {
		if !d.set(sh, s, values, args) {
			return false
		}
	}
	return true
}

// wider adds, where the table has too many shapes, the sets by a single one of the
// columns, for which there is room, or else the whole table.
func (d *deps) wider(s *querySource, sets []Selection, args []driver.NamedValue) {
	t := s.Source.Table
	sh, all := d.query.shapes.registerOne(t, sets[0].Columns), bind(sets, args)
	if sh == nil || all == nil {
		d.rely(s, nil)
		return
	}
	start := len(d.list)
	d.coarser(coarseShapes)
	d.rely(s, sh)
	at := slices.Index(sets[0].Columns, sh.columns[0])
	for _, values := range all {
		h, ok := sh.with(d.query.shapes.hasher, t, func(int) (Value, bool) { return values[at], true })
		if !ok {
			d.list = d.list[:start]
			d.rely(s, nil)
			return
		}
		d.list = append(d.list, sh.watching(uint64(h)))
	}
}

// each adds the sets of a selection in which there are lists. ok is false where one does
// not fit.
func (d *deps) each(s *querySource, sh *shape, selection []Selection, args []driver.NamedValue) (ok bool) {
	bound := bind(selection, args)
	for _, k := range bound {
		h, ok := sh.with(d.query.shapes.hasher, s.Source.Table, func(c int) (Value, bool) { return k[c], true })
		if !ok {
			return false
		}
		d.list = append(d.list, sh.watching(uint64(h)))
	}
	return bound != nil
}

// everything adds all rows.
func (d *deps) everything(s *querySource) {
	if sh := d.shape(s, &s.all); sh != nil {
		d.list = append(d.list, sh.watching(uint64(sh.start)))
	}
}

// shape returns the shape, and adds what goes with everything of it. It returns nil,
// after it added the whole table, if there is no shape.
func (d *deps) shape(s *querySource, l *lazyShape) *shape {
	sh := d.query.shape(l, s.Source.Table)
	d.rely(s, sh)
	return sh
}

// rely adds what goes with everything of a shape, or the whole table if there is
// none. Whoever hashed sets of the shape before must name it again, since another one
// may have taken its place.
func (d *deps) rely(s *querySource, sh *shape) {
	switch {
	case sh == nil:
		d.coarser(coarseShapes)
	case sh.watched != s.Watched:
		d.coarser(coarseWatched)
	}
	if sh == nil || d.asOf < sh.birth.Load() {
		d.list = append(d.list, s.table)
	}
	if sh != nil {
		d.list = append(d.list, s.coarse)
	}
	if sh != nil && sh.kind != "" {
		d.kinds = append(d.kinds, sh.kind)
	}
}

// with returns the set of the shape with these values, by index of its columns.
// ok is false where a value is of another kind than the column holds, so that it
// might equal values that hash differently.
func (sh *shape) with(h hasher, t *Table, value func(i int) (Value, bool)) (_ set, ok bool) {
	s := sh.start
	for i, c := range sh.columns {
		v, ok := value(i)
		if !ok {
			return 0, false
		}
		if s, ok = h.add(s, v, t.typeOf(c)); !ok {
			return 0, false
		}
	}
	return s, true
}
