package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqlgen"
)

// A trial is a case that is being played: a database behind a cache, and the
// same file without it.
type trial struct {
	*testing.T
	cache    *unstale.Cache
	db       preparing // cached
	writer   *sql.DB   // what changes; db, or another pool that shares its capture
	plain    preparing
	reads    []*reading
	unmarked bool
}

// A reading is a read under the key of its cached function.
type reading struct {
	sqlgen.Read
	key  string
	last string // the answer that was given last, which may be stored
}

// A failure says what was wrong.
type failure struct {
	stale        bool // the cache gave what the database no longer returns
	read, change int
	text         string
}

func (f *failure) String() string {
	if f == nil {
		return "nothing fails"
	}
	return f.text
}

// A setting is what a case leaves open.
type setting struct {
	warm      bool // every query was cached once before it is cached for the changes
	apart     bool // changes are made through another *sql.DB
	precision Precision
	narrow    bool // what commits and shapes may cost is next to nothing
	unmarked  bool // neither reads nor changes have the context of what they are for
}

// settingOf returns a setting that depends on a case's index.
func settingOf(index uint64) setting {
	s := setting{warm: index%2 == 0, apart: index%8 >= 6, narrow: index%8 == 3, unmarked: index%8 == 5}
	switch index % 16 {
	case 14:
		s.precision = PrecisionRow
	case 15:
		s.precision = PrecisionTable
	}
	return s
}

// play plays a case and returns the first failure, or nil.
func play(t *testing.T, c *sqlgen.Case, s setting, total *tally) *failure {
	t.Helper()
	dir, err := os.MkdirTemp("", "differential")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	tr := &trial{T: t, unmarked: s.unmarked}
	path := filepath.Join(dir, "d.db") + "?_pragma=synchronous(off)&_pragma=journal_mode(wal)"
	plain, err := sql.Open("sqlite", path+enforced(!c.Orphans))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	plain.SetMaxOpenConns(1)
	tr.plain = newPreparing(plain)
	defer tr.plain.forget()
	tr.setup(c.Setup)

	if tr.cache, err = unstale.New(unstale.Options{Slots: 1 << 20, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	defer tr.cache.Close()
	connector, err := NewConnector(path+enforced(!c.Loose), tr.cache, Config{Precision: s.precision})
	if err != nil {
		t.Fatal(err)
	}
	if s.narrow {
		connector.db.Shapes.Bounds = shape.Bounds{Shapes: 8, Single: 2, Many: 3, Watched: 1, Patience: 4, Placed: 60, Touched: 40}
	}
	tr.db = newPreparing(sql.OpenDB(connector))
	defer tr.db.Close()
	defer tr.db.forget()
	tr.writer = tr.db.DB
	if s.apart {
		second, err := NewConnector(path+enforced(!c.Loose), tr.cache, Config{Precision: s.precision})
		if err != nil {
			t.Fatal(err)
		}
		tr.writer = sql.OpenDB(second)
		defer tr.writer.Close()
	}

	for i := range c.Reads {
		tr.add(&c.Reads[i])
		tr.ask(tr.reads[i], nil)
	}
	if s.warm {
		connector.db.parents.Wait() // or else chance decides who may rely on it
		if err := tr.cache.Invalidate(t.Context(), unstale.Pattern("*")); err != nil {
			t.Fatal(err)
		}
		for _, r := range tr.reads {
			tr.ask(r, nil)
		}
	}
	for i := range c.Changes {
		tr.change(&c.Changes[i])
		for j, r := range tr.reads {
			if f := tr.compare(r, total); f != nil {
				f.read, f.change = j, i
				f.text += fmt.Sprintf("\nread %d: %+v\nafter change %d: %+v", j, r.Read, i, c.Changes[i])
				return f
			}
		}
	}
	return nil
}

// enforced returns a parameter that says whether foreign keys are enforced.
func enforced(on bool) string { return fmt.Sprintf("&_pragma=foreign_keys(%t)", on) }

// setup runs the statements that make the database; what fails, fails. One
// transaction is faster, but a deferred constraint may forbid all of it.
func (tr *trial) setup(texts []string) {
	run := func(texts ...string) (err error) {
		for _, text := range texts {
			_, err = tr.plain.ExecContext(tr.Context(), text)
		}
		return err
	}
	_ = run("BEGIN")
	_ = run(texts...)
	if run("COMMIT") != nil {
		_ = run("ROLLBACK")
		_ = run(texts...)
	}
}

func (tr *trial) add(r *sqlgen.Read) *reading {
	added := &reading{Read: *r, key: fmt.Sprint("read", len(tr.reads))}
	tr.reads = append(tr.reads, added)
	return added
}

// ask asks for the answer through the cache.
func (tr *trial) ask(r *reading, during func()) (answer string, hit bool) {
	hit = true
	answer, err := unstale.Load(tr.Context(), tr.cache, r.key, func(ctx context.Context) (string, error) {
		hit = false
		if tr.unmarked {
			ctx = context.Background()
		}
		return answerOf(ctx, tr.db, &r.Read, during)
	})
	if err != nil {
		answer, hit = "error: "+err.Error(), false
	}
	r.last = answer
	return answer, hit
}

// fresh returns the answer that the database gives now.
func (tr *trial) fresh(r *reading) string {
	read := r.Read
	read.Way = sqlgen.Prepared
	answer, err := answerOf(tr.Context(), tr.plain, &read, nil)
	if err != nil {
		answer = "error: " + err.Error()
	}
	return answer
}

// compare asks for an answer, of which a change may have made another one.
func (tr *trial) compare(r *reading, total *tally) *failure {
	before := r.last
	got, hit := tr.ask(r, nil)
	total.add(r.Shape, before == got, hit)
	if !hit && (r.Clock || total.pairs%16 != 0) {
		return nil // what was read now is no less fresh
	}
	want := tr.fresh(r)
	switch {
	case got == want:
		return nil
	case hit:
		return &failure{stale: true, text: fmt.Sprintf("stale:\n%s\nwant:\n%s", got, want)}
	}
	return &failure{text: fmt.Sprintf("not cached, and not what the database returns elsewhere:\n%s\nwant:\n%s", got, want)}
}

// change applies a change, within a read where it says so.
func (tr *trial) change(ch *sqlgen.Change) {
	ran := false
	if ch.During != nil {
		tr.ask(tr.add(ch.During), func() {
			ran = true
			tr.run(ch.Statements)
		})
	}
	if !ran {
		tr.run(ch.Statements)
	}
	if defines.MatchString(ch.Statements[0].Text) {
		// ANALYZE tells only its own connection. Others would go on with the old
		// statistics, and so perhaps with another plan and, where a query leaves it
		// open, another order. So all begin anew, when the read is over that may
		// hold one of them: then what is compared still is compared row by row.
		tr.db.forget()
		tr.plain.forget()
	}
}

// run executes statements on one connection. What fails, fails.
func (tr *trial) run(list []sqlgen.Statement) {
	ctx := unstale.Outside(tr.Context())
	if tr.unmarked {
		ctx = context.Background()
	}
	conn, err := tr.writer.Conn(ctx)
	if err != nil {
		tr.Fatal(err)
	}
	for _, s := range list {
		_, _ = conn.ExecContext(ctx, s.Text, s.Args...)
	}
	if strings.HasPrefix(list[0].Text, "BEGIN") {
		_, _ = conn.ExecContext(ctx, "ROLLBACK") // of what failed to commit
	}
	if err := conn.Close(); err != nil {
		tr.Fatal(err)
	}
}

// defines finds statements that change the schema or its statistics.
var defines = regexp.MustCompile(`^(ANALYZE|CREATE|DROP|ALTER)\b`)
