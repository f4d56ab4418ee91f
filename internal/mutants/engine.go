package main

// What a mistake brings about, as the checker calls it.
const (
	older     = "stale after|old after|sampled history"
	strangers = "somebody else's answer"
)

// engine are mistakes in what stores, judges, joins and invalidates, which the
// proof finds in one of its scenarios.
var engine = []slip{
	// The way of a write.
	{"nothing is in flux", "slow disk", older, []edit{
		{"internal/ledger/ledger.go", "quiet := l.marks.Load() == 0", "quiet := true"},
	}},
	{"in flux only after the commit", "slow disk", older, []edit{
		{"adapter.go", "Add(uint64(commit.Rows))\n	c.ledger.Mark(f.slots)\n", "Add(uint64(commit.Rows))\n"},
		{"adapter.go", "s.whole}\n		s.engine.ledger.Mark(f.slots)\n", "s.whole}\n"},
		{"adapter.go", "c.history.add(c.ledger.Bump(f.slots), f.change)", "c.ledger.Mark(f.slots)\nc.history.add(c.ledger.Bump(f.slots), f.change)"},
	}},
	{"bumped and released before the commit", "slow disk", older, []edit{
		{"sqlite/capture.go", "failpoint.Pass(failpoint.BeforeCommit)", "flux.Settle()\nfailpoint.Pass(failpoint.BeforeCommit)"},
	}},
	{"bumped before the commit, released after it", "slow disk", older, []edit{
		{"adapter.go", "Add(uint64(commit.Rows))\n	c.ledger.Mark(f.slots)\n", "Add(uint64(commit.Rows))\n	c.ledger.Mark(f.slots)\n	c.ledger.Bump(f.slots)\n"},
		{"adapter.go", "c.history.add(c.ledger.Bump(f.slots), f.change)", ""},
	}},
	{"released before it is bumped", "slow disk", older, []edit{
		{
			"adapter.go",
			"c.history.add(c.ledger.Bump(f.slots), f.change)\n			failpoint.Pass(failpoint.BeforeRelease)\n			c.ledger.Release(f.slots)",
			"c.ledger.Release(f.slots)\nfailpoint.Pass(failpoint.BeforeRelease)\nc.history.add(c.ledger.Bump(f.slots), f.change)",
		},
	}},
	{"a release takes back the marks of others", "slow disk", older, []edit{
		{"internal/ledger/ledger.go", "l.marks.Add(-1)\n}\n\n// MarkAll", "l.marks.Store(0)\n}\n\n// MarkAll"},
	}},
	{"invalidated after the acknowledgement", "slow disk", older, []edit{
		{"adapter.go", "Add(uint64(commit.Rows))\n	c.ledger.Mark(f.slots)\n", "Add(uint64(commit.Rows))\n"},
		{"adapter.go", "c.history.add(c.ledger.Bump(f.slots), f.change)", "c.ledger.Mark(f.slots)\nc.history.add(c.ledger.Bump(f.slots), f.change)"},
		{"adapter.go", "s.whole}\n		s.engine.ledger.Mark(f.slots)\n", "s.whole}\n"},
		{"sqlite/session.go", "failpoint.Pass(failpoint.AfterCommit)\n		s.db.end(m)", "go func() {\nfailpoint.Pass(failpoint.AfterCommit)\ns.db.end(m)\n}()"},
	}},
	{"an unknown outcome counts as a failure", "clients leave", older, []edit{
		{"adapter.go", "// flux implements", "func (f *flux) Forget() { f.once.Do(func() { f.engine.ledger.Release(f.slots) }) }\n\n// flux implements"},
		{"internal/sqltrack/database.go", "// Lost invalidates", "func (f *Flux) Forget() { f.flux.(interface{ Forget() }).Forget() }\n\n// Lost invalidates"},
		{"sqlite/session.go", "func (s *session) stumble(err error) { ", "func (s *session) stumble(err error) {\n	for _, m := range s.marked {\n		if err != nil && !m.All {\n			m.Forget()\n		}\n	}\n	"},
	}},
	{"a statement that commits by itself is overlooked", "nothing goes wrong", older, []edit{
		{"internal/sqltrack/session.go", "// Uncommitted reports", "func (s *Session) Explicit() bool { return s.txContext != nil }\n\n// Uncommitted reports"},
		{"sqlite/capture.go", "if s.changes.Empty() {", "if s.changes.Empty() || !s.Explicit() {"},
	}},
	{"what a transaction has not committed is shared", "slow disk", older, []edit{
		{"adapter.go", "h.change(1)", "h.change(0)"},
		{"internal/sqltrack/call.go", "if s.Uncommitted() {", "if false {"},
	}},

	// Judging.
	{"the version is looked at before the mark", "slow disk", older, []edit{
		// It waits, for a while, until nothing of it is in flux, and does not look again.
		{"internal/ledger/ledger.go", "	quiet := l.marks.Load() == 0\n", `	for _, s := range r.Slots {
		if l.versions[s].Load() > r.AsOf {
			return Changed
		}
	}
	if r.AsOf < l.floor.Load() {
		return BelowFloor
	}
	r = &Record{AsOf: 1 << 62, Slots: r.Slots}
	for _, s := range r.Slots {
		for n := 0; n < 1e7 && l.flux[s&l.fluxMask].Load() > 0; n++ {
		}
	}
	quiet := l.marks.Load() == 0
`},
	}},
	{"one's own answers are not judged", "nothing goes wrong", older, []edit{
		{"lookup.go", "	e, mine := c.found(key, e, s, at.time)\n", "	if e != nil {\n		return e, key, at, missNone\n	}\n	e, mine := c.found(key, e, s, at.time)\n"},
	}},
	{"an overtaken flight is joined", "slow reads", older, []edit{
		{"flight.go", "(j.vouched && f.fill.current() || ", "(j.vouched || "},
		{"flight.go", "return at, c.judge(l.entry, ", "return at, true || c.judge(l.entry, "},
		{"respond.go", "verdict := c.judge(e, now); verdict != missNone {", "verdict := c.judge(e, now); false {"},
	}},

	// The age of a result.
	{"as old as its storing", "slow reads", older, []edit{
		{"fill.go", "e.record.AsOf = f.asOf", "e.record.AsOf = f.engine.ledger.Seq()"},
	}},
	{"as old as the last stored result it used", "slow reads", older, []edit{
		{"fill.go", "f.asOf = min(f.asOf, found)", "f.asOf = found"},
	}},
	{"the age of the transaction does not count", "slow reads", older, []edit{
		{"fill.go", "	f.asOf = min(f.asOf, d.AsOf)\n", ""},
	}},
	{"each statement of a transaction is as old as itself", "slow reads", older, []edit{
		{"internal/sqltrack/session.go", "if !s.conn.Reading() {", "if true {"},
	}},

	// What a result is made of, and for whom.
	{"what a loaded result was made of is dropped", "nothing goes wrong", older, []edit{
		{"fill.go", "	f.slots = append(f.slots, inner.slots...)\n", ""},
	}},
	{"what a stored result was made of is dropped", "nothing goes wrong", older, []edit{
		{"fill.go", "	f.slots = append(f.slots, e.record.Slots...)\n", ""},
	}},
	{"that a loaded result asked is dropped", "nothing goes wrong", strangers, []edit{
		{"fill.go", "	f.asked = f.asked || inner.asked\n", ""},
	}},
	{"that somebody asked is forgotten", "nothing goes wrong", strangers, []edit{
		{"fill.go", "	f.asked = true\n", ""},
	}},
	{"the identity is not in the key", "nothing goes wrong", strangers, []edit{
		{"lookup.go", "append(append(room[:0], digestIdentity), s.identity()...)", "append(append(room[:0], digestIdentity), s.identity()[:0]...)"},
	}},
	{"who joins gets what the first one gets", "memory for 1%", strangers, []edit{
		{"flight.go", "|| c.variant(primary, l.keep.choice, l.entry.audience(), s) != l.keep.key {", "{"},
	}},
	{"Vary is ignored", "nothing goes wrong", strangers, []edit{
		{"respond.go", "vary = union(g.choosing(named), ", "vary = union(g.choosing(named)[:0], "},
	}},
	{"a field that nobody knows does not select", "nothing goes wrong", "another key's answer", []edit{
		{"fields.go", "	for _, name := range r.unknown {\n		b = appendLines(appendText(b, name), h[name])\n	}\n", ""},
	}},
	{"the query is not in the key", "nothing goes wrong", "another key's answer", []edit{
		{"key.go", "if t.query != \"\" {", "if false {"},
	}},

	// Reads without a context.
	{"what is read without a context is nobody's", "nothing goes wrong", older, []edit{
		{"unmarked.go", "		f.takeOver(r.caller.db.source, d, own)\n", "		d.Hashes, d.From = nil, nil\n		f.takeOver(r.caller.db.source, d, own)\n"},
	}},
	{"it counts only for fills that were open when it began", "slow reads", older, []edit{
		{"unmarked.go", "		r.tell(f, r.said)\n", ""},
	}},
	{"it is as old as the fill", "slow reads", older, []edit{
		{"unmarked.go", "		d.AsOf = r.engine().goodAsOf(r.caller.db.source, d)\n", "		d.AsOf = f.asOf\n"},
	}},
	{"nobody asks what was read before a fill began", "nothing goes wrong", older, []edit{
		{"unmarked.go", "		u.pay(f, r)\n", ""},
		{"internal/sqltrack/call.go", "if needs == adapter.Most {\n			sql", "if needs != adapter.All {\n			sql"},
	}},
	{"rows that outlive a fill do not count", "nothing goes wrong", older, []edit{
		{"unmarked.go", "			r.tell(f, r.most)\n", ""},
	}},

	// The writes of others.
	{"a foreign commit goes unnoticed", "two processes", older, []edit{
		{"sqlite/watch.go", "		w.lost(causeForeign)\n", ""},
	}},
	{"foreign commits are looked for beside the answer", "two processes", older, []edit{
		{"source.go", "			if src.call(src.ctx) != nil {\n", "			go src.call(src.ctx)\n			if false {\n"},
	}},
	{"a foreign commit is known before it counts", "two processes", older, []edit{
		{"sqlite/watch.go", "	if w.pending == nil ||", "	w.known.Store(now)\n	for range 1_000_000 {\n	}\n	if w.pending == nil ||"},
	}},
}
