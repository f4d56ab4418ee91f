package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/internal/testenv"
)

// A setting is what a case leaves open.
type setting struct {
	narrow bool // what commits and shapes may cost is next to nothing
}

// settingOf returns a setting that depends on a case's index.
func settingOf(index uint64) setting { return setting{narrow: index%8 == 3} }

// A trial is a case that is being played: a schema behind a cache, and the same without
// it.
type trial struct {
	*testing.T
	cache *unstale.Cache
	pool  *pgxpool.Pool // cached
	plain *pgx.Conn     // as the same role
	owner *pgx.Conn     // who changes
	last  []*pgAnswer   // by read: what was given last
}

// A pgAnswer is what a query returned, column by column as the server sent it.
type pgAnswer struct {
	Rows  [][]string
	Error string
}

// play plays a case and returns the first failure, or nil.
func play(t *testing.T, server *testenv.Postgres, c *pgCase, s setting, total *tally) *failure {
	t.Helper()
	ctx := t.Context()
	dsn := server.DSN("app", "postgres") + "?options=-csearch_path%3Dd%2Cpublic%20-clock_timeout%3D50ms"
	if strings.Contains(server.DSN("app", "postgres"), "?") {
		dsn = server.DSN("app", "postgres") + "&options=-csearch_path%3Dd%2Cpublic%20-clock_timeout%3D50ms"
	}
	tr := &trial{T: t, last: make([]*pgAnswer, len(c.reads))}
	tr.owner = tr.connect(strings.Replace(dsn, "app", "postgres", 1))
	defer tr.owner.Close(context.WithoutCancel(ctx))
	run := func(conn *pgx.Conn, sql string) error {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		return err
	}
	_ = run(tr.owner, "ROLLBACK PREPARED 'p'")
	for _, sql := range []string{"SET lock_timeout = '50ms'", "DROP SCHEMA IF EXISTS d CASCADE", "CREATE SCHEMA d", "GRANT ALL ON SCHEMA d TO app"} {
		if err := run(tr.owner, sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range c.setup {
		_ = run(tr.owner, sql) // what fails, fails
	}
	if err := run(tr.owner, "GRANT ALL ON ALL TABLES IN SCHEMA d TO app"); err != nil {
		t.Fatal(err)
	}
	if err := Setup(ctx, server.DSN("postgres", "postgres"), SetupOptions{Schemas: []string{"d"}, Grant: []string{"app"}}); err != nil {
		t.Fatal(err)
	}
	tr.plain = tr.connect(dsn)
	defer tr.plain.Close(context.WithoutCancel(ctx))
	var err error
	if tr.cache, err = unstale.New(unstale.Options{Slots: 1 << 18, LookWait: time.Minute, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	defer tr.cache.Close()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 2
	db, pool, err := newPool(ctx, config, tr.cache)
	if err != nil {
		t.Fatal(err)
	}
	tr.pool = pool
	defer func() {
		if v := recover(); v != nil {
			panic(v) // Close would wait for the connection that the panic left
		}
		tr.pool.Close()
	}()
	if s.narrow {
		db.Shapes.Bounds = shape.Bounds{Shapes: 8, Single: 2, Many: 3, Watched: 1, Patience: 4, Placed: 60, Touched: 40}
	}
	for end := time.Now().Add(time.Minute); db.CatchUp(ctx) != nil; {
		if time.Now().After(end) {
			t.Fatal("no look is answered")
		}
	}
	for range 2 { // until shapes are born and connections have proved themselves
		for i := range c.reads {
			tr.last[i], _ = tr.ask(i, &c.reads[i])
		}
		db.parents.Wait()
		if err := tr.cache.Invalidate(ctx, unstale.Pattern("*")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range c.reads {
		tr.last[i], _ = tr.ask(i, &c.reads[i])
	}
	for i := range c.reads {
		if p := db.know(c.reads[i].text).plan; p.Refused == sqldep.RefusedPanic || p.Coarse == sqldep.CoarseTwice {
			return &failure{read: i, text: fmt.Sprintf("a mistake in the analysis of %s: %s", c.reads[i].text, p)}
		}
	}
	for i := range c.changes {
		tr.change(&c.changes[i])
		for j := range c.reads {
			if f := tr.compare(j, &c.reads[j], total); f != "" {
				return &failure{read: j, change: i, text: fmt.Sprintf("%s\nread %d: %+v\n%s\nafter change %d: %+v", f, j, c.reads[j], db.know(c.reads[j].text).plan, i, c.changes[i])}
			}
		}
	}
	return nil
}

func (tr *trial) connect(dsn string) *pgx.Conn {
	tr.Helper()
	conn, err := pgx.Connect(tr.Context(), dsn)
	if err != nil {
		tr.Fatal(err)
	}
	return conn
}

// ask asks for an answer through the cache.
func (tr *trial) ask(i int, r *pgRead) (answer *pgAnswer, hit bool) {
	hit = true
	answer, err := unstale.Load(tr.Context(), tr.cache, fmt.Sprint("read", i), func(ctx context.Context) (*pgAnswer, error) {
		hit = false
		if !r.bundled {
			return answerOf(ctx, tr.pool, r), nil
		}
		tx, err := tr.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
		if err != nil {
			return nil, err
		}
		defer func() { _ = tx.Rollback(ctx) }()
		if _, err := tx.Exec(ctx, "SELECT count(*) FROM t0"); err != nil {
			return nil, err
		}
		return answerOf(ctx, tx, r), nil
	})
	if err != nil {
		tr.Fatal(err)
	}
	return answer, hit
}

type pgQuerier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func answerOf(ctx context.Context, q pgQuerier, r *pgRead) *pgAnswer {
	return answerTo(ctx, q, r.text, r.mode, r.args)
}

func answerTo(ctx context.Context, q pgQuerier, text string, mode pgx.QueryExecMode, args []any) *pgAnswer {
	a := new(pgAnswer)
	rows, err := q.Query(ctx, text, append([]any{mode}, args...)...)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer rows.Close()
	for rows.Next() {
		var row []string
		for _, v := range rows.RawValues() {
			if v == nil {
				row = append(row, "NULL")
			} else {
				row = append(row, fmt.Sprintf("%q", v))
			}
		}
		a.Rows = append(a.Rows, row)
	}
	if err := rows.Err(); err != nil {
		a.Error = err.Error()
	}
	return a
}

// compare asks for an answer, of which a change may have made another one, and says
// what is wrong with it, or "".
func (tr *trial) compare(i int, r *pgRead, total *tally) string {
	before := tr.last[i]
	got, hit := tr.ask(i, r)
	tr.last[i] = got
	total.add(r.shape, r.same(before, got), hit)
	if !hit {
		return "" // what was read now is no less fresh
	}
	want := answerOf(tr.Context(), tr.plain, r)
	if r.same(got, want) {
		return ""
	}
	if r.uncut != "" && got.Error == "" && want.Error == "" {
		if all := answerTo(tr.Context(), tr.plain, r.uncut, r.mode, r.args[:bound(r.uncut)]); r.among(got, want, all) {
			return ""
		}
	}
	return fmt.Sprintf("stale:\n%v\nwant:\n%v", got, want)
}

// bound returns how many parameters a text has.
func bound(text string) (n int) {
	for _, m := range parameters.FindAllStringSubmatch(text, -1) {
		i, _ := strconv.Atoi(m[1])
		n = max(n, i)
	}
	return n
}

var parameters = regexp.MustCompile(`\$(\d+)`)

// same reports whether two answers are the same, or differ in what the query leaves
// open.
func (r *pgRead) same(x, y *pgAnswer) bool {
	if x.Error != "" || y.Error != "" {
		return (x.Error == "") == (y.Error == "")
	}
	a, b := lines(x.Rows), lines(y.Rows)
	if r.free {
		slices.Sort(a)
		slices.Sort(b)
	}
	return slices.Equal(a, b)
}

// among reports whether an answer is one that the database may choose among ties: its
// rows are in the order that another one has, and all of them are there.
func (r *pgRead) among(got, want, all *pgAnswer) bool {
	if len(got.Rows) != len(want.Rows) || all.Error != "" {
		return false
	}
	for i := range got.Rows {
		if !slices.Equal(got.Rows[i][:r.keys], want.Rows[i][:r.keys]) {
			return false
		}
	}
	left := make(map[string]int)
	for _, l := range lines(all.Rows) {
		left[l]++
	}
	for _, l := range lines(got.Rows) {
		if left[l]--; left[l] < 0 {
			return false
		}
	}
	return true
}

func lines(rows [][]string) (list []string) {
	for _, r := range rows {
		list = append(list, strings.Join(r, "\t"))
	}
	return list
}

// change applies a change. What fails, fails.
func (tr *trial) change(ch *pgChange) {
	ctx := unstale.Outside(tr.Context())
	if ch.copied != "" {
		_, _ = tr.owner.PgConn().CopyFrom(ctx, strings.NewReader(strings.Join(ch.statements, "\n")+"\n"), ch.copied)
		return
	}
	conn := tr.owner
	if ch.within {
		c, err := tr.pool.Acquire(ctx)
		if err != nil {
			tr.Fatal(err)
		}
		defer c.Release()
		conn = c.Conn()
	}
	for _, s := range ch.statements {
		_, _ = conn.Exec(ctx, s)
	}
	if len(ch.statements) > 0 && ch.statements[0] == "BEGIN" && conn.PgConn().TxStatus() != 'I' {
		_, _ = conn.Exec(ctx, "ROLLBACK")
	}
}
