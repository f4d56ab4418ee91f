package dialect

import (
	"context"
	"database/sql/driver"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

var (
	pairs = flag.Int("pairs", defaultPairs, "pairs of a query and a change that TestDifferential makes")
	seed  = flag.Uint64("seed", 0, "seed of TestDifferential; 0: one of its own")
)

// A trial is one random schema with random queries and changes of its rows. It
// checks the promise: a query whose answer a change changed depends on something
// that the change bumped.
type trial struct {
	*generator
	*database
	mutant mutant
	ddl    string
	shapes *shape.Shapes
	stats  *stats

	probeFailed string
}

// A mutant is a deliberate mistake, which the trial must notice.
type mutant struct {
	seed   uint64              // from which on it is found soon
	text   func(string) string // the text that is analysed
	schema func(*Schema) *Schema
	tree   func(*sqldep.Query)
	plan   func(*shape.Plan)
	change func(shape.Change) shape.Change
}

type stats struct {
	pairs, refused, failed, table, changed, bumped, probes int
}

func newTrial(tb testing.TB, seed uint64, m mutant, s *stats) *trial {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
	ddl := g.ddl()
	d := openDatabase(tb, ddl)
	g.schema = d.schema
	for name := range d.schema.Tables {
		if name[0] == 't' {
			g.names = append(g.names, name)
		}
	}
	slices.Sort(g.names)
	tr := &trial{generator: g, database: d, mutant: m, ddl: ddl, stats: s}
	tr.shapes = shape.NewShapes([16]byte{1}, func() uint64 { return 1 })
	return tr
}

// An asked query is one with its answer and what it depends on.
type asked struct {
	text   string
	args   []any
	plan   *shape.Plan
	answer []string
	rows   [][]shape.Value
	read   int // the number of rows that were read; 0: all
	deps   []uint64
}

func (tr *trial) fill() {
	for range 4 * len(tr.names) {
		tr.run(tr.insert(tr.anyTable()))
	}
}

// run executes a statement with the arguments that were generated with it.
func (tr *trial) run(text string) {
	// A constraint that fails is as good as any other outcome.
	_, _ = tr.conn.ExecContext(context.Background(), text, tr.take()...)
}

func (tr *trial) take() []any {
	args := tr.args
	tr.args = nil
	return args
}

func (tr *trial) ask() (asked, bool) {
	q := asked{text: tr.query(nil, 0, 0)}
	q.args = tr.take()
	var access Access // reported while the driver prepares the query to run it
	var err error
	tr.access = &access
	q.answer, q.rows, err = tr.read(q.text, q.args...)
	tr.access = nil
	if err != nil {
		tr.stats.failed++
		return q, false
	}
	text, schema := q.text, tr.database.schema
	if tr.mutant.text != nil {
		text = tr.mutant.text(text)
	}
	if tr.mutant.schema != nil {
		schema = tr.mutant.schema(schema)
	}
	q.plan = Analyze(text, schema, access, sqldep.PrecisionExact)
	if tr.mutant.tree != nil {
		q.plan = analyzed(text, schema, access, tr.mutant.tree)
	}
	if q.plan.Refused != "" {
		tr.stats.refused++
		return q, false
	}
	if tr.mutant.plan != nil {
		tr.mutant.plan(q.plan)
	}
	named := make([]driver.NamedValue, len(q.args))
	for i, a := range q.args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	q.deps = tr.depend(&q, named)
	return q, true
}

// depend returns what the query depends on, as its reader sees it who may have
// stopped before the end. Then nothing else counts as the answer.
func (tr *trial) depend(q *asked, args []driver.NamedValue) []uint64 {
	var d shape.Dependencies
	run := tr.shapes.Use(q.plan).Begin(&d, 1, args, func(sql string, args []driver.NamedValue, limit, work int) ([][]shape.Value, int, bool) {
		var values []any
		for _, a := range args {
			values = append(values, a.Value)
		}
		_, rows, err := tr.read(sql, values...)
		if err != nil {
			tr.probeFailed = fmt.Sprintf("%s: %v", sql, err)
		}
		tr.stats.probes++
		took := len(rows)
		return rows[:min(len(rows), limit+1)], took, err == nil && took < work
	})
	if run == nil {
		return d.Hashes
	}
	if len(q.rows) > 0 && tr.chance(10) {
		q.read = 1 + tr.IntN(len(q.rows))
		q.rows = q.rows[:q.read]
	}
	for _, row := range q.rows {
		run.Row(func(c int) shape.Value { return row[c] })
	}
	run.End(&d, q.read == 0, true)
	return d.Hashes
}

// step asks some queries, changes some rows, and asks again. It returns what
// went wrong, or "".
func (tr *trial) step() string {
	var queries []asked
	for range 12 {
		if q, ok := tr.ask(); ok {
			queries = append(queries, q)
		}
	}
	var changes shape.Changes
	tr.changed = func(ch shape.Change) {
		if tr.mutant.change != nil {
			ch = tr.mutant.change(ch)
		}
		changes.Add(ch)
	}
	var done []string
	for range 1 + tr.IntN(2) {
		text := tr.change()
		done = append(done, fmt.Sprint(text, tr.args))
		tr.run(text)
	}
	tr.changed = nil
	if tr.probeFailed != "" {
		return tr.probeFailed
	}
	view := tr.shapes.View()
	bumped := make(map[uint64]bool)
	for _, h := range changes.Dependencies(nil, view) {
		bumped[h] = true
	}
	view.Release()
	for _, q := range queries {
		now, err := tr.rows(q.text, q.args...)
		if err != nil {
			tr.stats.failed++
			continue
		}
		tr.stats.pairs++
		hit := slices.ContainsFunc(q.deps, func(h uint64) bool { return bumped[h] })
		if hit {
			tr.stats.bumped++
		}
		if q.plan.Coarse != "" {
			tr.stats.table++
		}
		before := q.answer
		if q.read > 0 {
			before, now = before[:q.read], now[:min(len(now), q.read)]
		}
		if slices.Equal(before, now) {
			continue
		}
		tr.stats.changed++
		if !hit {
			return fmt.Sprintf("%s\nquery  %s %v\nplan   %s\nchange %s\nbefore %s\nafter  %s",
				tr.ddl, q.text, q.args, q.plan, strings.Join(done, "\n       "), strings.Join(q.answer, "\n       "), strings.Join(now, "\n       "))
		}
	}
	return ""
}

// search runs trials from a seed on until one fails or enough pairs were made.
func search(tb testing.TB, seed uint64, pairs int, m mutant) (failure string, s stats) {
	for s.pairs < pairs {
		tr := newTrial(tb, seed, m, &s)
		tr.fill()
		for range 20 {
			if f := tr.step(); f != "" {
				return fmt.Sprintf("-seed %d\n%s", seed, f), s
			}
		}
		tr.conn.Close()
		seed++
	}
	return "", s
}

func TestDifferential(t *testing.T) {
	t.Parallel()
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	failure, s := search(t, first, *pairs, mutant{})
	t.Logf("-seed %d: %+v", first, s)
	if failure != "" {
		t.Fatalf("an answer changed and nothing it depends on was bumped\n%s", failure)
	}
	if s.changed < s.pairs/50 || s.bumped > s.pairs*9/10 || s.table > s.pairs*9/10 {
		t.Errorf("the trial shows little: %+v", s)
	}
}

// Every deliberate mistake is found, or else TestDifferential proves nothing.
func TestDifferentialFindsMistakes(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]mutant{
		"no old image": {seed: 26, change: func(ch shape.Change) shape.Change {
			if ch.New != nil {
				ch.Old = nil
			}
			return ch
		}},
		"a column forgotten": {seed: 2, plan: func(p *shape.Plan) {
			for i := range p.Sources {
				w := &p.Sources[i].Watched
				*w &= *w - 1
			}
		}},
		"membership forgotten": {seed: 1, change: func(ch shape.Change) shape.Change {
			if ch.Old == nil {
				ch.Old = ch.New
			}
			return ch
		}},
		"OR read as AND": {seed: 8, text: func(s string) string { return strings.ReplaceAll(s, " OR ", " AND ") }},
		"NOT overlooked": {seed: 66, text: func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "NOT (", "("), " NOT IN ", " IN ")
		}},
		"LEFT overlooked": {seed: 42, text: func(s string) string { return strings.ReplaceAll(s, "LEFT JOIN", "JOIN") }},
		"collation ignored": {seed: 21, schema: func(s *Schema) *Schema {
			return remake(s, func(c *shape.Column) { c.Type = &binaryTypes[0][c.Type.(*columnType).affinity] })
		}},
		"affinity ignored": {seed: 26, schema: func(s *Schema) *Schema {
			return remake(s, func(c *shape.Column) { c.Type = integerType })
		}},
		"generated ignored": {seed: 151, schema: func(s *Schema) *Schema {
			return remake(s, func(c *shape.Column) { c.Generated = shape.NotGenerated })
		}},
		"order ignored": {seed: 8, plan: func(p *shape.Plan) {
			for i := range p.Sources {
				if s := &p.Sources[i]; s.Watched.All(s.Table) {
					s.Watched = 0
				}
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			failure, s := search(t, m.seed, 50_000, m)
			if failure == "" {
				t.Errorf("not found in %+v", s)
			}
			t.Logf("after %d pairs: %s", s.pairs, failure)
		})
	}
}

// remake returns a copy of a schema with other columns.
func remake(s *Schema, edit func(*shape.Column)) *Schema {
	var tables []*Table
	for _, t := range s.Tables {
		c := *t
		c.Columns = slices.Clone(t.Columns)
		c.Keys = slices.Clone(t.Keys)
		for i := range c.Columns {
			edit(&c.Columns[i])
		}
		tables = append(tables, &c)
	}
	return NewSchema(tables)
}
