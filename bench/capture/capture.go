// Package capture measures what capturing adds to a write, and tracking to a read.
package capture

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	modernc "modernc.org/sqlite"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/report"
	"github.com/unstale/unstale/sqlite"
)

// bulk is how many rows the large UPDATE changes, half of the table.
const bulk = 10_000

// A bank is one way to open the same database.
type bank struct {
	name  string
	bulk  int
	cache *unstale.Cache // nil where there is none
	db    *sql.DB
	site  http.Handler

	single, batch, large, read, whole harness.Cost
	fill                              report.Series // elapsed ns in the query of a handler
	reading                           time.Duration
}

// openBanks opens a database of its own for each way, all made by the same
// statements.
func openBanks(ctx context.Context, dir string, bulk int) (banks []*bank, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, closeBanks(banks))
		}
	}()
	quiet := slog.New(slog.DiscardHandler)
	off, err := unstale.New(unstale.Options{Off: true})
	if err != nil {
		return nil, err
	}
	on, err := unstale.New(unstale.Options{Logger: quiet})
	if err != nil {
		return nil, err
	}
	banks = []*bank{
		{name: "driver alone"}, {name: "no cache (nil)"}, {name: "cache off", cache: off}, {name: "cache on", cache: on},
	}
	for i, b := range banks {
		b.bulk = bulk
		path := filepath.Join(dir, fmt.Sprintf("bank%d.db", i))
		if i == 0 {
			b.db, err = openDriver(path)
		} else {
			b.db, err = sqlite.Open(path, b.cache)
		}
		if err != nil {
			return banks, err
		}
		if err := b.prepare(ctx); err != nil {
			return banks, err
		}
	}
	return banks, nil
}

// openDriver opens a database with the pragmas of sqlite.Open and nothing else.
func openDriver(path string) (*sql.DB, error) {
	c, err := modernc.NewConnector(path + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(normal)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(c), nil
}

func closeBanks(banks []*bank) error {
	var errs []error
	for _, b := range banks {
		if b.db != nil {
			errs = append(errs, b.db.Close())
		}
		if b.cache.Enabled() {
			errs = append(errs, b.cache.Close())
		}
	}
	return errors.Join(errs...)
}

// prepare makes the table and lets the site ask for it in three ways, so that
// three shapes of it are in use: by primary key, by unique key and as a whole.
func (b *bank) prepare(ctx context.Context) error {
	ctx = unstale.Outside(ctx)
	for _, statement := range []string{
		`CREATE TABLE account (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT NOT NULL, balance INTEGER NOT NULL)`,
		`INSERT INTO account WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + strconv.Itoa(2*b.bulk) + `)
			SELECT i, 'user' || i || '@example.com', 'user ' || i, 0 FROM n`,
	} {
		if _, err := b.db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	mux := http.NewServeMux()
	for path, query := range map[string]string{
		"GET /id/{key}":     `SELECT name, balance FROM account WHERE id = ?`,
		"GET /email/{key}":  `SELECT name, balance FROM account WHERE email = ?`,
		"GET /richer/{key}": `SELECT count(*), coalesce(max(balance), 0) FROM account WHERE balance > ?`,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			var name string
			var balance int
			start := time.Now()
			err := b.db.QueryRowContext(r.Context(), query, r.PathValue("key")).Scan(&name, &balance)
			b.reading += time.Since(start)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			harness.WriteText(w, name+" "+strconv.Itoa(balance))
		})
	}
	b.site = mux
	if b.cache != nil {
		b.site = b.cache.Handler(mux)
	}
	return b.visit()
}

// visit asks for one answer of each shape and expects what it answers to be
// true of the database.
func (b *bank) visit() error {
	for _, path := range []string{"/id/1", "/email/user1@example.com", "/richer/100000000"} {
		if !b.cache.Enabled() {
			if a := harness.Ask(b.site, harness.NewRequest(path)); a.Status != http.StatusOK {
				return fmt.Errorf("%s: %d %s", path, a.Status, a.Body)
			}
		} else if _, err := harness.Warm(b.site, harness.NewRequest(path)); err != nil {
			return err
		}
	}
	return nil
}

const updateOne = `UPDATE account SET balance = balance + 1 WHERE id = ?`

// round writes in three ways and reads in two, and appends what each took.
func (b *bank) round(ctx context.Context) error {
	ctx, cancel := context.WithCancel(unstale.Outside(ctx)) // as a server's: database/sql watches whether it ends
	defer cancel()
	const singles, batches, batchSize, reads = 100, 20, 10, 200
	if err := b.visit(); err != nil { // what was cached fell by the writes of the round before
		return err
	}
	one := func(i int) error {
		_, err := b.db.ExecContext(ctx, updateOne, 1+i)
		return err
	}
	if err := b.single.Measure(singles, one); err != nil {
		return err
	}
	if err := b.batch.Measure(batches, func(int) error { return b.transaction(ctx, batchSize) }); err != nil {
		return err
	}
	all := func(int) error {
		_, err := b.db.ExecContext(ctx, `UPDATE account SET balance = balance + 1 WHERE id <= ?`, b.bulk)
		return err
	}
	if err := b.large.Measure(1, all); err != nil {
		return err
	}
	read := func(i int) error {
		var name string
		var balance int
		return b.db.QueryRowContext(ctx, `SELECT name, balance FROM account WHERE id = ?`, 1+i).Scan(&name, &balance)
	}
	if err := b.read.Measure(reads, read); err != nil {
		return err
	}
	again := harness.NewRequest("/id/1").WithContext(ctx)
	again.Header.Set("Cache-Control", "no-cache") // runs the handler, cache or not
	var w harness.Sink
	b.reading = 0
	err := b.whole.Measure(reads, func(int) error {
		w.Ask(b.site, again)
		return nil
	})
	b.fill = append(b.fill, float64(b.reading)/reads)
	return err
}

func (b *bank) transaction(ctx context.Context, n int) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for i := range n {
		if _, err := tx.ExecContext(ctx, updateOne, 1+i); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Measure opens the same database in four ways.
func Measure(ctx context.Context, s *harness.Settings) (_ *report.Section, err error) {
	dir, err := os.MkdirTemp("", "unstale-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	banks, err := openBanks(ctx, dir, bulk)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeBanks(banks)) }()
	if err := harness.Interleave(ctx, s.Rounds(40), len(banks), func(i int) error { return banks[i].round(ctx) }); err != nil {
		return nil, err
	}
	sec := &report.Section{Name: "capture", Title: "What capture adds to a write, and tracking to a read"}
	writes := report.Table{
		Title: fmt.Sprintf("Writes to a table of %d rows with a unique index, three shapes in use; processor time", 2*bulk),
		Head:  []string{"", "UPDATE of 1 row µs", "transaction of 10 UPDATEs µs", fmt.Sprintf("UPDATE of %d rows ms", bulk)},
	}
	reads := report.Table{
		Title: "Reads of one row by its primary key; processor time, but for the second column",
		Head:  []string{"", "outside a fill µs", "in a handler, elapsed µs", "the handler's whole answer µs"},
	}
	for _, b := range banks {
		writes.Add(b.name, b.single.Processor.In(1e3), b.batch.Processor.In(1e3), b.large.Processor.In(1e6))
		reads.Add(b.name, b.read.Processor.In(1e3), b.fill.In(1e3), b.whole.Processor.In(1e3))
	}
	none, on := banks[1], banks[len(banks)-1]
	writes.Add("on over nil", on.single.Processor.Over(none.single.Processor).String(),
		on.batch.Processor.Over(none.batch.Processor).String(), on.large.Processor.Over(none.large.Processor).String())
	writes.Add("on over nil, elapsed", on.single.Wall.Over(none.single.Wall).String(),
		on.batch.Wall.Over(none.batch.Wall).String(), on.large.Wall.Over(none.large.Wall).String())
	reads.Add("on over nil", on.read.Processor.Over(none.read.Processor).String(), on.fill.Over(none.fill).String(),
		on.whole.Processor.Over(none.whole.Processor).String())
	sec.Tables = []report.Table{writes, reads}
	added := on.large.Processor.Minus(none.large.Processor)
	sec.Notes = []string{
		fmt.Sprintf("Capture adds to the UPDATE of %d rows, ns a row: %s", bulk, added.In(bulk)),
		"With the cache on, the handler runs in a fill: its reads are tracked, its answer is tagged and stored",
	}
	return sec, nil
}
