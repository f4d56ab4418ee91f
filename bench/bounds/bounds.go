// Package bounds measures what is bounded, where without a bound it would be most: a
// commit of many rows beside many cached lists, a miss whose probe would read much, and
// the images of large rows.
package bounds

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/sqlite"
)

// A shop is a database and a site that reads it, with a cache or without.
type shop struct {
	cache *unstale.Cache // nil: none
	db    *sql.DB
	site  http.Handler
}

// open opens a shop in a file of its own, made by statements, whose site answers with
// the rows of the queries by the request's path.
func open(ctx context.Context, path string, cached bool, queries map[string]string, statements ...string) (s *shop, err error) {
	s = new(shop)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if cached {
		if s.cache, err = unstale.New(unstale.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
			return s, err
		}
	}
	if s.db, err = sqlite.Open(path, s.cache); err != nil {
		return s, err
	}
	for _, statement := range statements {
		if _, err := s.db.ExecContext(unstale.Outside(ctx), statement); err != nil {
			return s, fmt.Errorf("%s: %w", statement, err)
		}
	}
	s.site = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := answer(w, r, s.db, queries[r.URL.Path]); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	if cached {
		s.site = s.cache.Handler(s.site)
	}
	return s, nil
}

func (s *shop) close() (err error) {
	if s.db != nil {
		err = s.db.Close()
	}
	if s.cache != nil {
		err = errors.Join(err, s.cache.Close())
	}
	return err
}

// answer writes the rows of a query.
func answer(w http.ResponseWriter, r *http.Request, db *sql.DB, query string) error {
	rows, err := db.QueryContext(r.Context(), query)
	if err != nil {
		return err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.RawBytes)
	}
	var text []byte
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return err
		}
		for _, v := range values {
			text = append(append(text, *v.(*sql.RawBytes)...), ' ')
		}
	}
	harness.WriteText(w, string(text))
	return rows.Err()
}

// events is a table that is listed in many ways.
const events = `CREATE TABLE ev (id INTEGER PRIMARY KEY, owner INTEGER, at TEXT, title TEXT, c0, c1, c2, c3, c4, c5, c6, c7)`

// seeded puts rows into events that stand on the first pages of every list.
const seeded = `INSERT INTO ev WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= 200)
	SELECT -i, i % 7, '2026-11-30T12:00:' || i, 'title', i, i, i, i, i, i, i, i FROM n`

// lists returns queries for pages of events, no two of which are alike: of other
// columns, in the order of nine columns, up and down; and one that no other owner's
// rows are on.
func lists(n int) map[string]string {
	queries := map[string]string{"/untouched": "SELECT id, title FROM ev WHERE owner = 3 ORDER BY at DESC, id DESC LIMIT 10"}
	for i := range n {
		columns := []string{"id", "at", "title"}
		for b := range 8 {
			if i>>b&1 == 1 {
				columns = append(columns, "c"+strconv.Itoa(b))
			}
		}
		by, way := []string{"at", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"}[i%9], []string{"DESC", "ASC"}[i/9%2]
		queries["/list/"+strconv.Itoa(i)] = "SELECT " + strings.Join(columns, ", ") + " FROM ev ORDER BY " + by + " " + way + ", id " + way + " LIMIT 20"
	}
	return queries
}

// A commit is what transactions of many rows took.
type commit struct {
	whole, last harness.Cost  // from BEGIN to the end of COMMIT, and of COMMIT
	other       report.Series // ns of another writer's statement meanwhile
	kept        int           // how often the list that no row is on was a hit
}

// write inserts rows in one transaction, while another connection wants to write, and
// takes them back.
func (s *shop) write(ctx context.Context, rows int, c *commit) error {
	ctx = unstale.Outside(ctx)
	other := make(chan error, 1)
	if err := c.whole.Measure(1, func(int) error { return s.insert(ctx, rows, c, other) }); err != nil {
		return err
	}
	if err := <-other; err != nil {
		return fmt.Errorf("another writer: %w", err)
	}
	return nil
}

// insert is the transaction. other tells when the other writer is done.
func (s *shop) insert(ctx context.Context, rows int, c *commit, other chan<- error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.PrepareContext(ctx, `INSERT INTO ev VALUES (NULL, 4, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range rows {
		at := fmt.Sprintf("2026-11-30T13:%02d:%02d.%03dZ", i/60_000%60, i/1000%60, i%1000)
		if _, err := insert.ExecContext(ctx, at, "title "+strconv.Itoa(i), i, i, i, i, i, i, i, i); err != nil {
			return err
		}
		if i == 0 {
			go func() {
				begin := time.Now()
				_, err := s.db.ExecContext(ctx, `INSERT INTO other VALUES (1)`)
				c.other = append(c.other, float64(time.Since(begin)))
				other <- err
			}()
		}
	}
	return c.last.Measure(1, func(int) error { return tx.Commit() })
}

// visit asks for every page until it is a hit.
func (s *shop) visit(queries map[string]string) error {
	for path := range queries {
		harness.Ask(s.site, harness.NewRequest(path)) // the first depends on the table: nobody has asked that way before
		if s.cache == nil {
			continue
		}
		if _, err := harness.Warm(s.site, harness.NewRequest(path)); err != nil {
			return err
		}
	}
	return nil
}

// heap returns how much a piece of work has on the heap at most, more than before it.
func heap(do func() error) (most float64, err error) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before := read()
	done, peak := make(chan struct{}), make(chan uint64)
	go func() {
		top := before
		for {
			top = max(top, read())
			select {
			case <-done:
				peak <- top
				return
			case <-time.After(200 * time.Microsecond):
			}
		}
	}()
	err = do()
	close(done)
	return float64(<-peak - before), err
}

// commits measures transactions of so many rows beside so many lists, and adds a row
// to the table.
func commits(ctx context.Context, dir string, rounds, rows, n int, table *report.Table) (_ *commit, err error) {
	queries := lists(n)
	var shops [2]*shop
	defer func() {
		for _, s := range shops {
			if s != nil {
				err = errors.Join(err, s.close())
			}
		}
	}()
	for i := range shops {
		name := filepath.Join(dir, fmt.Sprintf("events-%d-%d-%d.db", rows, n, i))
		if shops[i], err = open(ctx, name, i == 1, queries, events, `CREATE TABLE other (x)`, seeded); err != nil {
			return nil, err
		}
	}
	var costs [2]commit
	var most float64
	err = harness.Interleave(ctx, rounds, len(shops), func(i int) error {
		s, c := shops[i], &costs[i]
		if err := s.visit(queries); err != nil {
			return err
		}
		if err := s.write(ctx, rows, c); err != nil {
			return err
		}
		if i == 1 && harness.Ask(s.site, harness.NewRequest("/untouched")).Hit() {
			c.kept++
		}
		_, err := s.db.ExecContext(unstale.Outside(ctx), `DELETE FROM ev WHERE id > 0`)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, s := range shops { // apart from what is timed
		grown, err := heap(func() error { return s.write(ctx, rows, new(commit)) })
		if err != nil {
			return nil, err
		}
		if most = grown - most; i == 0 {
			most = grown
		}
	}
	off, on := &costs[0], &costs[1]
	table.Add(strconv.Itoa(rows), strconv.Itoa(n), off.whole.Wall.In(1e6), on.whole.Wall.Over(off.whole.Wall).String(),
		on.whole.Processor.Over(off.whole.Processor).String(), on.last.Wall.In(1e6), on.other.Over(off.other).String(), report.Digits(most/(1<<20)), fmt.Sprintf("%d of %d", on.kept, rounds))
	return on, nil
}

// misses measures misses of a page of ten rows of a tenant that has many, each of
// which joins one of a few.
func misses(ctx context.Context, dir string, rounds, rows int, table *report.Table) (over report.Series, err error) {
	queries := map[string]string{"/page": `SELECT e.id, e.at, k.name FROM ev e JOIN kinds k ON k.id = e.kind WHERE e.tenant = 1 ORDER BY e.at DESC, e.id DESC LIMIT 10`}
	var shops [2]*shop
	defer func() {
		for _, s := range shops {
			if s != nil {
				err = errors.Join(err, s.close())
			}
		}
	}()
	for i := range shops {
		shops[i], err = open(ctx, filepath.Join(dir, fmt.Sprintf("tenants%d.db", i)), i == 1, queries,
			`CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT)`,
			`CREATE TABLE ev (id INTEGER PRIMARY KEY, tenant INTEGER, at INTEGER, kind INTEGER)`,
			`CREATE INDEX i ON ev (tenant, at)`,
			`INSERT INTO kinds VALUES (0, 'a'), (1, 'b'), (2, 'c')`,
			fmt.Sprintf(`INSERT INTO ev WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, i %% 2, i, i %% 3 FROM n`, rows))
		if err != nil {
			return nil, err
		}
	}
	var costs [2]harness.Cost
	request := harness.NewRequest("/page")
	err = harness.Interleave(ctx, rounds, len(shops), func(i int) error {
		const asked = 20
		var took harness.Piece
		for range asked {
			if _, err := shops[i].db.ExecContext(unstale.Outside(ctx), `INSERT INTO ev (tenant, at, kind) VALUES (1, 1000000, 1)`); err != nil {
				return err
			}
			var sink harness.Sink
			p, err := harness.Timed(1, func(int) error { sink.Ask(shops[i].site, request); return nil })
			if err != nil {
				return err
			}
			took.Wall, took.Processor = took.Wall+p.Wall/asked, took.Processor+p.Processor/asked
		}
		costs[i].Add(took)
		return nil
	})
	if err != nil {
		return nil, err
	}
	over = costs[1].Processor.Over(costs[0].Processor)
	table.Add(strconv.Itoa(rows), costs[0].Wall.In(1e3), costs[1].Wall.In(1e3), costs[1].Wall.Over(costs[0].Wall).String(), over.String())
	return over, nil
}

// images measures the heap of an UPDATE of large rows.
func images(ctx context.Context, dir string, rows, size int) (grown float64, err error) {
	queries := map[string]string{"/seen": `SELECT seen FROM a WHERE id = 1`}
	s, err := open(ctx, filepath.Join(dir, "large.db"), true, queries, `CREATE TABLE a (id INTEGER PRIMARY KEY, seen INTEGER, body TEXT)`,
		fmt.Sprintf(`INSERT INTO a WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i, 0, hex(zeroblob(%d)) FROM n`, rows, size/2))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.visit(queries); err != nil {
		return 0, err
	}
	return heap(func() error {
		_, err := s.db.ExecContext(unstale.Outside(ctx), `UPDATE a SET seen = 1`)
		return err
	})
}

// Measure measures all of it.
func Measure(ctx context.Context, s *harness.Settings) (_ *report.Section, err error) {
	return measure(ctx, s, []int{1000, 3000, 10_000}, []int{1, 16, 64, 250}, 300_000, 9000)
}

func measure(ctx context.Context, s *harness.Settings, rows, lists []int, tenants, large int) (_ *report.Section, err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	sec := &report.Section{Name: "bounds", Title: "What is bounded"}
	writes := report.Table{
		Title: "A transaction of INSERTs beside cached lists of other columns and orders; elapsed",
		Head:  []string{"rows", "lists", "without a cache ms", "with over without", "processor time", "of it COMMIT ms", "another writer's wait, with over without", "heap, with less without, MiB", "a list that no row is on stays"},
	}
	for _, r := range rows {
		for _, n := range lists {
			on, err := commits(ctx, dir, s.Rounds(9), r, n, &writes)
			if err != nil {
				return nil, err
			}
			if r == rows[len(rows)-1] && n == lists[len(lists)-1] {
				sec.Notes = append(sec.Notes, report.Target(fmt.Sprintf("COMMIT of %d rows beside %d lists, ms", r, n), on.last.Wall.Over(constant(on.last.Wall, 1e6)), 50, false))
			}
		}
	}
	reads := report.Table{
		Title: "A page of ten rows of a tenant that has half of so many, after each INSERT; elapsed",
		Head:  []string{"rows", "the handler alone µs", "a miss µs", "miss over handler", "processor time"},
	}
	over, err := misses(ctx, dir, s.Rounds(30), tenants, &reads)
	if err != nil {
		return nil, err
	}
	sec.Notes = append(sec.Notes, report.Target("a miss over the handler alone, processor time", over, 2, false))
	grown, err := images(ctx, dir, large, 60_000)
	if err != nil {
		return nil, err
	}
	sec.Notes = append(sec.Notes, fmt.Sprintf("UPDATE of %d rows of 60 KB, of which a page shows another column: %s MiB more on the heap at most", large, report.Digits(grown/(1<<20))))
	sec.Tables = []report.Table{writes, reads}
	return sec, nil
}

// constant is a series as long as another one, of one figure.
func constant(s report.Series, v float64) report.Series {
	out := make(report.Series, len(s))
	for i := range out {
		out[i] = v
	}
	return out
}
