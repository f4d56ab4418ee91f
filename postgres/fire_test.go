package postgres_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// What may happen to a server, a backend, a node, or the way between, and which test
// shows that nothing is stale for it:
//
//	kill -9 of the postmaster, immediate and fast restart          TestRestarts, TestFire
//	smart restart                                                  TestFire
//	kill -9 of a node                                              TestFire
//	the server's clock steps, forward and back                     TestClockSteps
//	restore of a dump into the same place, and elsewhere           TestRestoredDump
//	kill -9 of one backend                                         TestFire
//	SIGSTOP of a node, beyond the retention                        TestFire
//	crash with a transaction PREPARED before, committed after      TestPrepared
//	promotion of a standby, also with one                          TestPromotion
//	a pool on the old primary, on a standby                        TestPromotion, TestAnotherServer
//	restore of an older copy of the data directory                 TestRestoredCopy
//	a clone under the same address                                 TestClone
//	a writer that lasts longer than the retention                  TestSweep, TestFire
//	outbox truncated, deleted from, dropped, set up again          TestOutboxEmptied, TestFire
//	outbox locked, bloated                                         TestFire
//	a way that delays, cuts, half-closes, or lets nothing back     TestFire
//	max_connections, statement_timeout, DISCARD ALL                TestFire, TestSessions
//	disk full                                                      TestDiskFull
//	triggers disabled, dropped; tables replaced; partitions        TestStrangersChangeTheSchema, TestTold, TestNewPartition
//	columns added, renamed, retyped, dropped                       TestTablesChange, TestFire
//	SERIALIZABLE applications beside outbox and sweeping           TestSerializable
//	sixteen writers on the outbox's last page                      TestFire
//
// Not tried: the clock of a node that steps (nothing goes by it but the ages of answers), and
// under the hammer partitions that are attached and DISCARD ALL.

// A fire is something that happens while a hammer runs.
type fire struct {
	name   string
	brief  bool   // it is tried without -fire, too
	fails  bool   // requests may fail, as they would without the cache
	said   string // in the log of a node, if it is to say something
	halts  bool   // a node itself
	strike func(h *hammer, way *way)
}

// nodeWait is how long requests of a node wait for a look; a busy machine adds to it.
const (
	nodeWait = time.Second
	hitSlack = 20 * time.Second
)

var (
	allFires = flag.Bool("fire", false, "TestFire tries all that may happen, in place of some")
	fireHits = flag.Int64("fire.hits", 0, "how many answers from caches TestFire wants at least: it goes on, in another order each time")
)

var fires = []fire{
	{name: "sixteen writers", strike: func(h *hammer, _ *way) {
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				conn := h.connect()
				defer conn.Close(context.Background())
				for range 20 {
					if err := h.alone(context.Background(), conn, rand.New(rand.NewPCG(rand.Uint64(), 0))); err != nil {
						h.Error(err)
					}
				}
			})
		}
		all.Wait()
	}},
	{name: "sweeping all the time", strike: func(h *hammer, _ *way) {
		h.must(strings.Repeat("SELECT unstale.sweep('0'); SELECT pg_sleep(0.01);\n", 50))
	}},
	{name: "a node stops for longer than the retention", brief: true, said: "swept", halts: true, strike: func(h *hammer, _ *way) {
		h.signal(syscall.SIGSTOP)
		h.must(strings.Repeat("SELECT pg_current_xact_id(); SELECT unstale.sweep('0'); SELECT pg_sleep(0.1);\n", 5))
		h.signal(syscall.SIGCONT)
	}},
	{name: "a node is killed, and started again", strike: func(h *hammer, _ *way) { h.replaceNode(1, h.dsn) }},
	{name: "the outbox is deleted from", said: "outbox replaced", strike: func(h *hammer, _ *way) { h.must(`DELETE FROM unstale.outbox`) }},
	{name: "the outbox is truncated", brief: true, said: "outbox replaced", strike: func(h *hammer, _ *way) { h.must(`TRUNCATE unstale.outbox`) }},
	{name: "the outbox is bloated", strike: func(h *hammer, _ *way) {
		h.must(`INSERT INTO unstale.outbox (relation, operation) SELECT 'bulk'::regclass, 't' FROM generate_series(1, 50000)`)
	}},
	{name: "the outbox is locked", said: "answers too late", strike: func(h *hammer, _ *way) {
		h.must(`BEGIN; LOCK TABLE unstale.outbox IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3.5); COMMIT`)
	}},
	{name: "the outbox is dropped, and set up again", fails: true, strike: func(h *hammer, _ *way) {
		h.must(`DROP SCHEMA unstale CASCADE`)
		h.setup()
	}},
	{name: "a column is added, renamed, retyped and dropped", fails: true, said: "schema changed", strike: func(h *hammer, _ *way) {
		for _, sql := range []string{
			`ALTER TABLE item ADD COLUMN extra int`, `ALTER TABLE item RENAME COLUMN extra TO other`, `ALTER TABLE item ALTER other TYPE text`,
			`ALTER TABLE item ALTER part TYPE int8`, `ALTER TABLE item DROP COLUMN other`, `ALTER TABLE item ALTER part TYPE int4`,
		} {
			h.must(sql)
		}
		h.setup()
	}},
	{name: "the table is replaced", brief: true, fails: true, said: "schema changed", strike: func(h *hammer, _ *way) {
		h.must(`BEGIN; LOCK TABLE item; CREATE TABLE new (LIKE item INCLUDING ALL); INSERT INTO new SELECT * FROM item; DROP TABLE item; ALTER TABLE new RENAME TO item; COMMIT`)
		h.setup()
	}},
	{name: "one backend is killed", brief: true, fails: true, said: "database restarted", strike: func(h *hammer, _ *way) {
		text := h.must(`SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`)
		var pid int
		if _, err := fmt.Sscan(text, &pid); err != nil {
			h.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			h.Error(err)
		}
		h.answers()
	}},
	{name: "the server crashes", brief: true, fails: true, said: "database restarted", strike: func(h *hammer, _ *way) { h.server.Kill(); h.server.Start() }},
	{name: "the server restarts", fails: true, said: "database restarted", strike: func(h *hammer, _ *way) { h.server.Stop(syscall.SIGINT); h.server.Start() }},
	{name: "the server restarts once nobody is connected", fails: true, said: "database restarted", strike: func(h *hammer, _ *way) {
		held := h.connect()
		h.server.Signal(syscall.SIGTERM)
		time.Sleep(300 * time.Millisecond) // whoever is connected goes on, and nobody else comes
		_, _ = held.Exec(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		_ = held.Close(context.Background())
		h.server.Stop(syscall.SIGTERM)
		h.server.Start()
	}},
	{name: "no connections are left", fails: true, strike: func(h *hammer, _ *way) {
		h.must(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		var held []*pgx.Conn
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			if conn, err := pgx.Connect(h.Context(), h.dsn); err == nil {
				held = append(held, conn)
			}
		}
		for _, conn := range held {
			_ = conn.Close(context.Background())
		}
		h.answers()
	}},
	{name: "statements have little time", fails: true, strike: func(h *hammer, _ *way) {
		h.must(`ALTER DATABASE postgres SET statement_timeout = '2ms'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
		time.Sleep(300 * time.Millisecond)
		h.must(`SET statement_timeout = 0; ALTER DATABASE postgres RESET statement_timeout; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`)
	}},
	{name: "the way is slow", fails: true, strike: func(_ *hammer, w *way) {
		w.delay.Store(int64(50 * time.Millisecond))
		time.Sleep(time.Second)
		w.delay.Store(0)
	}},
	{name: "the way is cut", brief: true, fails: true, strike: func(_ *hammer, w *way) { w.each((*passage).cut) }},
	{name: "the way is closed for what is sent", fails: true, strike: func(_ *hammer, w *way) { w.each((*passage).closeWrite) }},
	{name: "nothing comes back", fails: true, strike: func(_ *hammer, w *way) {
		w.dumb.Store(true)
		time.Sleep(500 * time.Millisecond)
		w.dumb.Store(false)
		w.each((*passage).cut) // what was lost is lost
	}},
}

// TestFire: whatever happens, no node answers with less than what was acknowledged or
// seen, no request fails that would not without the cache, and each node has hits again
// without a restart.
func TestFire(t *testing.T) {
	h := newHammer(t, testenv.StartPostgres(t), 2000)
	h.rough.Store(true)
	h.begin(h.alone, h.savepoints, h.prepared, h.alone)
	w := newWay(t, fmt.Sprintf("127.0.0.1:%d", h.server.Port))
	h.node(strings.Replace(h.dsn, fmt.Sprintf(":%d/", h.server.Port), fmt.Sprintf(":%d/", w.port()), 1))
	h.node(h.dsn)
	h.hitAgain()
	order := slices.DeleteFunc(slices.Clone(fires), func(f fire) bool { return !f.brief && !*allFires })
	rng := rand.New(rand.NewPCG(*hammerSeed, 1))
	for i := 0; !h.Failed() && (i < len(order) || h.counted(hitsOf) < *fireHits); i++ {
		f := order[i%len(order)]
		if i%len(order) == len(order)-1 {
			rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for _, n := range h.nodes {
			n.slowestHit.Store(0)
		}
		failed, begun, said := h.counted(failedOf), time.Now(), make([]int, len(h.nodes))
		for i, n := range h.nodes {
			said[i] = len(n.log())
		}
		f.strike(h, w)
		h.hitAgain()
		t.Logf("%s: hits again after %v, %d requests failed", f.name, time.Since(begun).Round(10*time.Millisecond), h.counted(failedOf)-failed)
		for i, n := range h.nodes {
			waited := time.Duration(n.slowestHit.Load())
			t.Logf("node %d: the slowest hit took %v", i, waited.Round(time.Millisecond))
			if waited > nodeWait+hitSlack && !f.halts {
				t.Errorf("%s: a hit took %v", f.name, waited)
			}
		}
		if n := h.counted(failedOf) - failed; n != 0 && !f.fails {
			t.Errorf("%s: %d requests failed", f.name, n)
		}
		for i, n := range h.nodes {
			t.Logf("node %d: %s", i, n.log()[min(said[i], len(n.log())):])
			// The same is said again after a while alone.
			if text := n.log(); f.said != "" && !strings.Contains(text, f.said) && !(i == 1 && f.said == "swept") {
				t.Errorf("%s: node %d does not say %q:\n%s", f.name, i, f.said, text)
			}
		}
		if h.judge(); t.Failed() {
			t.Logf("%s", f.name)
		}
	}
	h.end()
	h.over.Store(true)
	t.Logf("%d reads, %d hits, %d writes, seed %d", h.counted(readsOf), h.counted(hitsOf), h.writes.Load(), *hammerSeed)
}

// hitAgain waits until each node has hits of rows and sums.
func (h *hammer) hitAgain() {
	h.Helper()
	keys := []int{0, 1, 2, hammerRows, hammerRows + 1, hammerRows + hammerSums - 1}
	before := make([]int64, len(h.nodes)*len(keys))
	count := func(f func(i int, n int64)) {
		for i, n := range h.nodes {
			for k, key := range keys {
				f(i*len(keys)+k, n.byKey[key].Load())
			}
		}
	}
	count(func(i int, n int64) { before[i] = n })
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		all := true
		count(func(i int, n int64) { all = all && n > before[i] })
		if all {
			return
		}
		if time.Now().After(end) {
			h.Fatal("a node has no hits any more")
		}
	}
}

// must runs SQL, again where it and others waited for one another.
func (h *hammer) must(sql string) string {
	h.Helper()
	text, err := h.server.TryPsql("postgres", sql)
	for err != nil && strings.Contains(err.Error(), "deadlock detected") {
		text, err = h.server.TryPsql("postgres", sql)
	}
	if err != nil {
		h.Fatal(err)
	}
	return text
}

// answers waits until the server does.
func (h *hammer) answers() {
	h.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := h.server.TryPsql("postgres", `SELECT 1`); err == nil {
			return
		} else if time.Now().After(end) {
			h.Fatal(err)
		}
	}
}

func (h *hammer) connect() *pgx.Conn {
	h.Helper()
	conn, err := pgx.Connect(context.Background(), h.dsn)
	if err != nil {
		h.Fatal(err)
	}
	return conn
}

func (h *hammer) setup() {
	h.Helper()
	if err := postgres.Setup(h.Context(), h.dsn, postgres.SetupOptions{}); err != nil {
		h.Fatal(err)
	}
}

// signal gives the first node a signal.
func (h *hammer) signal(s syscall.Signal) {
	h.Helper()
	if err := h.nodes[0].cmd.Process.Signal(s); err != nil {
		h.Fatal(err)
	}
}

// A way leads from clients to a server.
type way struct {
	listener net.Listener
	to       atomic.Pointer[string]
	delay    atomic.Int64 // of what comes back, in nanoseconds
	dumb     atomic.Bool  // nothing comes back

	mu       sync.Mutex
	passages map[*passage]bool
}

// A passage is one connection.
type passage struct{ client, server net.Conn }

func (p *passage) cut()        { _ = p.client.Close(); _ = p.server.Close() }
func (p *passage) closeWrite() { _ = p.server.(*net.TCPConn).CloseWrite() }

func newWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{listener: l, passages: make(map[*passage]bool)}
	w.to.Store(&to)
	t.Cleanup(func() { _ = l.Close(); w.each((*passage).cut) })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go w.pass(client)
		}
	}()
	return w
}

func (w *way) port() int { return w.listener.Addr().(*net.TCPAddr).Port }

func (w *way) each(f func(*passage)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.passages {
		f(p)
	}
}

func (w *way) pass(client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", *w.to.Load())
	if err != nil {
		return
	}
	defer server.Close()
	p := &passage{client, server}
	w.mu.Lock()
	w.passages[p] = true
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		delete(w.passages, p)
		w.mu.Unlock()
	}()
	go func() {
		_, _ = io.Copy(server, client)
		p.cut()
	}()
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if w.dumb.Load() {
			continue
		}
		time.Sleep(time.Duration(w.delay.Load()))
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}
