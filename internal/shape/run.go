package shape

import (
	"database/sql/driver"
	"math"
	"slices"
)

// maxFollowed bounds the sets that one run finds by its rows. Beyond it the run
// depends on all rows.
const maxFollowed = 4096

// A Run is one execution of a query whose dependencies follow from the rows that
// it returns. It is not safe for concurrent use.
type Run struct {
	deps
	sources []runSource
	rows    int64 // that were returned

	until   int64 // when the result ends
	endless bool  // nobody knows when
}

// A runSource is a source of which the rows decide.
type runSource struct {
	*querySource
	index int
	broad []known  // Source.Broad with the values of the arguments
	sets  []known  // Source.Sets, likewise
	limit int64    // of the span, or a negative number: there is none
	ends  interval // of the range
	last  Value    // the end of the span in the last row

	found []uint64 // what the rows showed
	lost  string   // why they are not followed, or ""
	from  *shape   // of found
}

// Known is a selection's values as far as they are known. A nil one does not fit
// its columns.
type known []Value

// add adds a source to the run.
func (r *Run) add(i int, args []driver.NamedValue) {
	s := &r.query.sources[i]
	rs := runSource{querySource: s, index: i, limit: -1}
	rs.broad = bind(s.Source.Broad, args)
	rs.sets = bind(s.Source.Sets, args)
	if s.Range != nil {
		rs.ends = s.Range.interval(s.Source.Table, args)
	}
	if s.Span != nil && s.Span.Limit != nil {
		if v, ok := s.Span.Limit.value(args); ok && v.kind == KindInt {
			rs.limit = int64(v.num)
		}
	}
	r.sources = append(r.sources, rs)
}

// bind returns the values of selections, one for each combination of elements where
// there are lists, or nil if one does not fit, or there are too many.
func bind(sets []Selection, args []driver.NamedValue) []known {
	out := make([]known, 0, len(sets))
	for i := range sets {
		for _, operands := range sets[i].all() {
			start := len(out)
			out = append(out, make(known, len(operands)))
			for j := range operands {
				o := &operands[j]
				if o.Row {
					continue
				}
				if !o.Each {
					v, ok := o.value(args)
					if !ok {
						return nil
					}
					for _, k := range out[start:] {
						k[j] = v
					}
					continue
				}
				values, ok := o.each(args)
				if !ok || len(out)-start > maxElements/max(1, len(values)) {
					return nil
				}
				before := slices.Clone(out[start:])
				out = out[:start]
				for _, k := range before {
					for _, v := range values {
						k = slices.Clone(k)
						k[j] = v
						out = append(out, k)
					}
				}
			}
		}
	}
	return out
}

// Row is called with every row that the query returned, in order. value returns
// the value of a column of the result, one of [Query.Results]. Values must be as
// the database has them, not converted.
func (r *Run) Row(value func(column int) Value) {
	r.rows++
	for i := range r.query.plan.Ends {
		if e := &r.query.plan.Ends[i]; e.Row {
			r.end(value(e.Result))
		}
	}
	for i := range r.sources {
		s := &r.sources[i]
		if s.Span != nil {
			s.last = value(s.Span.End.Result)
		}
		if s.lost == "" && s.follows() {
			s.follow(r, value)
		}
	}
}

// begin notes which ends follow from the arguments.
func (r *Run) begin(args []driver.NamedValue) {
	r.until = math.MaxInt64
	for i := range r.query.plan.Ends {
		if e := &r.query.plan.Ends[i]; !e.Row {
			v, ok := e.value(args)
			r.endless = r.endless || !ok
			if v.kind != KindNull { // nothing is later than now that is not known
				r.end(v)
			}
		}
	}
}

// end notes that the result ends at a moment.
func (r *Run) end(v Value) {
	r.endless = r.endless || v.kind != KindInt
	r.until = min(r.until, v.Int())
}

// Until returns the moment at which the result of a query that ends is not what it is any
// more, or the greatest int64. ok is false if that is not known.
func (r *Run) Until() (moment int64, ok bool) { return r.until, !r.endless }

// follows reports whether the sets follow from the rows.
func (s *Source) follows() bool {
	for _, w := range s.Sets {
		for _, v := range w.Values {
			if v.Row {
				return true
			}
		}
	}
	return false
}

// follow adds the sets that a row shows.
func (s *runSource) follow(r *Run, value func(int) Value) {
	if s.from == nil {
		s.from = r.query.shape(&s.fine, s.Source.Table)
	}
	switch {
	case s.from == nil:
		s.lost = coarseShapes
	case s.sets == nil:
		s.lost = coarseArgument
	case len(s.found) > maxFollowed:
		s.lost = coarseFollowed
	}
	if s.lost != "" {
		return
	}
	for i := range s.Source.Sets {
		w := &s.Source.Sets[i]
		null := false
		h, ok := s.from.with(r.query.shapes.hasher, s.Source.Table, func(c int) (Value, bool) {
			v := s.sets[i][c]
			if o := &w.Values[c]; o.Row {
				v = value(o.Result)
				null = null || v.kind == KindNull
			}
			return v, v.kind != KindUnknown
		})
		switch {
		case null: // it equals nothing
		case !ok:
			s.lost = coarseArgument
		default:
			if d := s.from.watching(uint64(h)); len(s.found) == 0 || s.found[len(s.found)-1] != d {
				s.found = append(s.found, d)
			}
		}
	}
}

// End adds to d what the run depends on beside what [Query.Begin] said. all says
// that the query returned all its rows; parents, that every foreign key of the
// database had its parent in what the query read.
func (r *Run) End(to *Dependencies, all, parents bool) {
	r.list = to.Hashes
	for i := range r.sources {
		s := &r.sources[i]
		before := len(r.list)
		r.coarse = ""
		switch {
		case s.Unless && parents:
			r.list = append(r.list, r.query.shapes.Parents())
		case s.Span != nil && s.upTo(r, all):
		case s.Span == nil && s.follows() && s.lost == "" && (all || !s.Entire):
			if s.from == nil {
				s.from = r.query.shape(&s.fine, s.Source.Table)
			}
			r.rely(s.querySource, s.from)
			r.list = append(r.list, s.found...)
		default:
			if r.coarse = s.lost; s.sets == nil {
				r.coarser(coarseArgument)
			}
			r.rowless(s)
		}
		to.Counts = append(to.Counts, Count{s.index, len(r.list) - before, r.coarse})
	}
	to.Hashes, to.Kinds = r.list, append(to.Kinds, r.kinds...)
}

// upTo adds the rows up to the end of the span, if it was reached.
func (s *runSource) upTo(r *Run, all bool) bool {
	if r.rows == 0 || all && s.Span.Limit != nil && (s.limit < 0 || r.rows < s.limit) || s.sets == nil || s.last.kind == KindUnknown {
		return false
	}
	if (s.Span.Limit == nil || s.Span.Value) && s.last.kind == KindNull {
		return false // the least of no values, or all of them and more
	}
	at, ok := s.Source.Table.Columns[s.Span.Column].place(nil, s.last)
	if !ok {
		return false
	}
	v := interval{high: at}
	if s.Span.Descending {
		v = interval{low: at}
	}
	if s.Range != nil && s.Range.Column == s.Span.Column { // it began where another page ended
		if s.Span.Descending {
			v.high = s.ends.high
		} else {
			v.low = s.ends.low
		}
	}
	return r.within(s.querySource, &s.order, s.sets, v)
}

// rowless adds the sets that need no rows.
func (r *Run) rowless(s *runSource) {
	if !s.Coarse && s.broad != nil && s.ends.bounded() && r.within(s.querySource, &s.ranged, s.broad, s.ends) {
		return
	}
	if s.Coarse || len(s.broad) == 0 {
		r.sets(s.querySource, nil, nil, nil)
		return
	}
	sh := r.shape(s.querySource, &s.querySource.broad)
	if sh == nil {
		return
	}
	for i := range s.broad {
		h, ok := sh.with(r.query.shapes.hasher, s.Source.Table, func(c int) (Value, bool) { return s.broad[i][c], true })
		if !ok {
			r.everything(s.querySource)
			return
		}
		r.list = append(r.list, sh.watching(uint64(h)))
	}
}

// Fits reports whether the result has as many columns as the text says. If not,
// the rows must not be shown to the run.
func (r *Run) Fits(columns int) bool { return r.query.plan.Width == columns }

// Lose says that the query returned rows that the run is not shown. [Run.Row]
// must not be called any more.
func (r *Run) Lose() {
	r.rows, r.endless = 0, true
	for i := range r.sources {
		r.sources[i].lost = coarseUnshown
	}
}
