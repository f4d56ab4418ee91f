package sqltrack

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
)

// A wire is a connection that somebody watches, and an engine that notes what it
// is told. There is one caller, called by the name in the context.
type wire struct {
	*Session
	seq     uint64
	reading bool // a transaction is open
	block   bool // an explicit one
	reason  string
	needs   adapter.Needs
	plan    *shape.Plan
	parents bool
	holders bool     // who holds the connection is noted
	ran     []string // probes
	notes   []string
}

func (w *wire) note(format string, args ...any) {
	w.notes = append(w.notes, fmt.Sprintf(format, args...))
}

func (w *wire) Reading() bool       { return w.reading }
func (w *wire) InTransaction() bool { return w.block }
func (w *wire) Changed() bool       { return false }
func (w *wire) Reason() string      { return w.reason }
func (w *wire) Probe(_ context.Context, sql string, _ []driver.NamedValue, _, work int) ([][]shape.Value, int, bool) {
	w.ran = append(w.ran, fmt.Sprint(sql, " within ", work))
	return nil, work / 2, true
}

func (w *wire) Proof() uint64 {
	if w.parents {
		return 1
	}
	return 0
}
func (w *wire) Holds(proof uint64) bool { return proof == 1 && w.parents }
func (w *wire) Missing() bool           { return false }

// notedEngine and notedCaller implement what adapters call.
type notedEngine struct {
	adapter.Database
	*wire
}

type notedCaller struct {
	adapter.Caller
	*wire
	name string
}

type nameKey struct{}

func (e notedEngine) Seq() uint64 { e.seq++; return e.seq }
func (e notedEngine) Caller(ctx context.Context, within adapter.Caller) adapter.Caller {
	if name, ok := ctx.Value(nameKey{}).(string); ok {
		return notedCaller{wire: e.wire, name: name}
	}
	if within != nil {
		return within
	}
	return notedCaller{wire: e.wire, name: "nobody"}
}
func (e notedEngine) Coarse(_, reason string) { e.note("coarse: %s", reason) }

func (c notedCaller) Begin() adapter.Caller { return c }
func (c notedCaller) End()                  { c.note("%s ends", c.name) }
func (c notedCaller) Needs() adapter.Needs  { return c.needs }
func (c notedCaller) Refuse(reason, statement string) {
	if c.note("%s refused: %s", c.name, reason); statement != "" {
		c.note("for ever: %s", statement)
	}
}
func (c notedCaller) Wrote(rows bool)                 { c.note("%s wrote, rows %t", c.name, rows) }
func (c notedCaller) DependOn(d adapter.Dependencies) { c.note("%s %s", c.name, said(d)) }
func (c notedCaller) Took()                           { c.held("took") }
func (c notedCaller) GaveBack()                       { c.held("gave back") }
func (c notedCaller) held(what string) {
	if c.holders {
		c.note("%s %s", c.name, what)
	}
}
func (c notedCaller) Began(asOf uint64) func() {
	c.note("%s began @%d", c.name, asOf)
	return func() { c.note("%s is over", c.name) }
}
func (c notedCaller) Changed() func() {
	c.note("%s changes", c.name)
	return func() { c.note("%s changed", c.name) }
}
func (c notedCaller) Later(adapter.Dependencies) func(adapter.Dependencies) {
	return func(d adapter.Dependencies) { c.note("%s later %d: %s", c.name, len(d.Hashes), said(d)) }
}
func (c notedCaller) WhenAsked(find func() (adapter.Dependencies, string)) {
	d, reason := find()
	c.note("%s at most %s%s", c.name, said(d), reason)
}

func said(d adapter.Dependencies) string {
	if d.Hashes == nil {
		return ""
	}
	var from []string
	for _, f := range d.From {
		from = append(from, f.Source)
	}
	return fmt.Sprintf("@%d %s", d.AsOf, strings.Join(from, " "))
}

// users has a plan of a whole table, of rows by an argument, and of rows that the
// result shows.
var users = &shape.Table{Name: "users", Columns: []shape.Column{{Name: "id"}, {Name: "name"}}}

func newWire() *wire {
	w := &wire{needs: adapter.All, plan: &shape.Plan{Sources: []shape.Source{{Table: users, Coarse: true}}}}
	engine := notedEngine{wire: w}
	db := &Database{Engine: engine, Shapes: shape.NewShapes([16]byte{}, func() uint64 { return w.seq }), Parents: w,
		Analyse: func(string) (*shape.Plan, bool) { w.note("analysed"); return w.plan, true }}
	w.Session = db.NewSession(w)
	return w
}

func named(name string) context.Context {
	return context.WithValue(context.Background(), nameKey{}, name)
}

// What the engine is told of each statement, in order.
func TestSession(t *testing.T) {
	t.Parallel()
	query := Statement{SQL: "SELECT", Rows: true}
	unless := &shape.Plan{Width: 1, Sources: []shape.Source{{Table: users, Unless: true}}}
	for name, test := range map[string]struct {
		do   func(w *wire)
		want string
	}{
		"a query": {func(w *wire) {
			c := w.Enter(named("ann"), query)
			c.Row(2, nil)
			c.End()
			c.Leave()
		}, "analysed; ann @1 users; ann ends"},
		"the same text again": {func(w *wire) {
			w.Enter(named("ann"), query).Leave()
			w.Enter(named("bob"), query).Leave()
		}, "analysed; ann @1 users; ann ends; bob @2 users; bob ends"},
		"the same text in another schema": {func(w *wire) {
			w.Enter(named("ann"), query).Leave()
			w.db.generation.Add(1)
			w.Enter(named("bob"), query).Leave()
		}, "analysed; ann @1 users; ann ends; analysed; bob @2 users; bob ends"},
		"nobody collects": {func(w *wire) {
			w.needs = adapter.Nothing
			w.Enter(named("ann"), query).Leave()
		}, "ann ends"},
		"little is needed of a text that nobody knows": {func(w *wire) {
			w.needs = adapter.Most
			w.Enter(context.Background(), query).Leave()
		}, "analysed; nobody at most @1 users; nobody ends"},
		"little is needed": {func(w *wire) {
			w.Enter(named("ann"), query).Leave()
			w.needs = adapter.Most
			w.Enter(context.Background(), query).Leave()
		}, "analysed; ann @1 users; ann ends; nobody @2 users; nobody ends"},
		"what a transaction reads is as old as it": {func(w *wire) {
			w.Enter(named("ann"), query).Leave()
			w.reading = true
			w.Enter(named("bob"), query).Leave()
		}, "analysed; ann @1 users; ann ends; bob @1 users; bob ends"},
		"a transaction's context": {func(w *wire) {
			end := w.Begin(named("ann"))
			w.reading, w.block = true, true
			w.Enter(context.Background(), query).Leave()
			w.Enter(named("bob"), query).Leave()
			w.reading, w.block = false, false
			w.After(false)
			end(nil)
			w.Enter(context.Background(), query).Leave()
		}, "ann began @1; analysed; ann @1 users; ann ends; bob @1 users; bob ends; ann is over; nobody @2 users; nobody ends"},
		"a transaction that did not begin in another": {func(w *wire) {
			end := w.Begin(named("ann"))
			w.reading, w.block = true, true
			w.Begin(named("bob"))(context.Canceled)
			w.Enter(context.Background(), query).Leave()
			end(nil)
		}, "ann began @1; bob began @1; bob refused: failed read; bob is over; analysed; ann @1 users; ann ends; ann is over"},
		"a transaction that was cut off": {func(w *wire) {
			ctx, cancel := context.WithCancel(named("ann"))
			end := w.Begin(ctx)
			w.reading, w.block = true, true
			c := w.Enter(named("bob"), query)
			cancel()
			c.Leave()
			end(nil)
		}, "ann began @1; analysed; bob @1 users; bob refused: failed read; bob ends; ann refused: failed read; ann is over"},
		"all rows came before the context ended": {func(w *wire) {
			ctx, cancel := context.WithCancel(named("ann"))
			c := w.Enter(ctx, query)
			c.End()
			cancel()
			c.Leave()
		}, "analysed; ann @1 users; ann ends"},
		"a write, and what its transaction reads": {func(w *wire) {
			w.reading, w.block = true, true
			w.Enter(named("ann"), Statement{SQL: "UPDATE", Writes: true}).Leave()
			w.After(true)
			w.Enter(named("bob"), query).Leave()
			w.After(true)
			w.reading, w.block = false, false
			w.After(false)
			w.Enter(named("bob"), query).Leave()
		}, "ann wrote, rows false; ann ends; ann changes; bob refused: reads its own writes; bob ends; ann changed; analysed; bob @1 users; bob ends"},
		"who holds the connection": {func(w *wire) {
			w.holders = true
			w.Take(named("ann"))
			w.Enter(named("bob"), query).Leave()
			w.GiveBack()
			w.GiveBack()
			w.Begin(named("bob"))(nil)
			w.GiveBack()
			w.Enter(named("ann"), Statement{SQL: "BEGIN", Control: true}).Leave()
		}, "ann took; analysed; bob @1 users; bob ends; ann gave back; bob took; bob began @2; bob is over; bob gave back; ann took; ann ends"},
		"the connection says why not": {func(w *wire) {
			w.reason = "a setting"
			w.Enter(named("ann"), query).Leave()
		}, "ann refused: a setting; ann ends"},
		"the plan says why not": {func(w *wire) {
			w.plan = &shape.Plan{Refused: "random()"}
			w.Enter(named("ann"), query).Leave()
		}, "analysed; coarse: random(); ann refused: random(); for ever: SELECT; ann ends"},
		"coarse": {func(w *wire) {
			w.plan.Coarse = "a window"
			w.Enter(named("ann"), query).Leave()
		}, "analysed; coarse: a window; ann @1 users; ann ends"},
		"it fails": {func(w *wire) {
			c := w.Enter(named("ann"), query)
			c.Fail()
			c.Leave()
			w.Failed(named("bob"))
		}, "analysed; ann @1 users; ann refused: failed read; ann ends; bob refused: failed read"},
		"what only controls transactions": {func(w *wire) {
			w.Enter(named("ann"), Statement{SQL: "BEGIN", Control: true}).Leave()
		}, "ann ends"},
		"it looked at the clock": {func(w *wire) {
			w.plan.Clocked = true
			c := w.Enter(named("ann"), query)
			c.Looked(false)
			c.Row(2, nil)
			c.Looked(true)
			c.Looked(true)
			c.Leave()
		}, "analysed; ann @1 users; coarse: volatile function; ann refused: volatile function; for ever: SELECT; ann ends"},
		"it did not look at the clock": {func(w *wire) {
			w.plan.Clocked = true
			c := w.Enter(named("ann"), query)
			c.Looked(false)
			c.End()
			c.Leave()
		}, "analysed; ann @1 users; ann ends"},
		"nobody saw whether it looked at the clock": {func(w *wire) {
			w.plan.Clocked = true
			w.Enter(named("ann"), query).Leave()
		}, "analysed; ann @1 users; ann refused: volatile function; ann ends"},
		"foreign keys hold": {func(w *wire) {
			w.parents, w.plan = true, unless
			c := w.Enter(named("ann"), query)
			c.Row(1, nil)
			c.End()
			c.Leave()
		}, "analysed; ann ; ann later 1: @1 users{}?; ann ends"},
		"foreign keys held": {func(w *wire) {
			w.parents, w.plan = true, unless
			c := w.Enter(named("ann"), query)
			c.Row(1, nil)
			w.parents = false
			c.End()
			c.Leave()
		}, "analysed; ann ; ann later 2: @1 users{}?; ann ends"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWire()
			test.do(w)
			if got := strings.Join(w.notes, "; "); got != test.want {
				t.Errorf("told\n %s\nwant\n %s", got, test.want)
			}
			if !slices.Equal(w.ran, nil) {
				t.Errorf("probes %q", w.ran)
			}
		})
	}
}
