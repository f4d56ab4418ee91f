package redisstore_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/valkey-io/valkey-go"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
	"github.com/unstale/unstale/redisstore"
)

var (
	hammerReads = flag.Int64("hammer.reads", 0, "how often TestHammer reads at least, beside each fault; 0: as often as there is time in a moment")
	hammerSeed  = flag.Uint64("hammer.seed", 1, "what TestHammer draws from")
)

const (
	hammerRows  = 60
	hammerUsers = 3
	hammerWait  = 500 * time.Millisecond // beside each fault, unless there are to be so many reads
)

// A hammered is a node, in which memory is so small that much comes from the shared store.
type hammered struct {
	cache *unstale.Cache
	h     http.Handler
}

type hammer struct {
	testing.TB
	acknowledged, seen         [hammerRows]atomic.Int64
	reads, hits                atomic.Int64
	stale, back, leaked, wrong atomic.Int64
}

// TestHammer: two nodes on one database and one Redis, with writers through a pool that no
// cache knows of and through psql. Whatever becomes of Redis, nobody is served what is older
// than acknowledged or than what anybody had seen, or is somebody else's.
func TestHammer(t *testing.T) {
	t.Parallel()
	pg, redis := testenv.StartPostgres(t), testenv.StartRedis(t)
	dsn := pg.DSN("postgres", "postgres")
	pg.Psql("postgres", fmt.Sprintf(`CREATE TABLE item (id int PRIMARY KEY, version int8 NOT NULL); INSERT INTO item SELECT i, 0 FROM generate_series(0, %d) i;
		CREATE TABLE member (name text PRIMARY KEY, word text NOT NULL); INSERT INTO member SELECT 'user' || i, 'word' || i FROM generate_series(0, %d) i`, hammerRows-1, hammerUsers))
	if err := postgres.Setup(t.Context(), dsn, postgres.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	h := &hammer{TB: t}
	nodes := [2]*hammered{h.node(dsn, redis), h.node(dsn, redis)}

	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	writer, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close(context.Background()) }()
	var writing sync.Mutex // versions of a row are acknowledged in their order
	write := func(do func(id int) error, id int) {
		writing.Lock()
		defer writing.Unlock()
		next := h.acknowledged[id].Load() + 1
		if err := do(id); err != nil {
			if ctx.Err() == nil {
				t.Errorf("write: %v", err)
			}
			return
		}
		h.acknowledged[id].Store(next)
	}
	work.Go(func() {
		rng := rand.New(rand.NewPCG(*hammerSeed, 1))
		for ctx.Err() == nil {
			write(func(id int) error {
				_, err := writer.Exec(ctx, `UPDATE item SET version = version + 1 WHERE id = $1`, id)
				return err
			}, rng.IntN(hammerRows))
			time.Sleep(time.Duration(rng.IntN(8)) * time.Millisecond)
		}
	})
	work.Go(func() {
		rng := rand.New(rand.NewPCG(*hammerSeed, 2))
		for ctx.Err() == nil {
			write(func(id int) error {
				_, err := pg.TryPsql("postgres", fmt.Sprintf(`UPDATE item SET version = version + 1 WHERE id = %d`, id))
				return err
			}, rng.IntN(hammerRows))
			time.Sleep(200 * time.Millisecond)
		}
	})
	for i, n := range nodes {
		for j := range 4 {
			work.Go(func() { h.read(ctx, n, rand.New(rand.NewPCG(*hammerSeed, uint64(10+10*i+j)))) })
		}
	}
	client, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{strings.TrimPrefix(redis.URL(), "redis://")}, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	dump := make(map[string]string)
	for _, fault := range []struct {
		name     string
		do, undo func()
	}{
		{name: "none"},
		{name: "FLUSHALL", do: func() { redis.Do("FLUSHALL") }},
		{name: "dumped", do: func() { dump = contents(t, client) }},
		{name: "swapped", do: func() { swap(t, client) }},
		{name: "garbage", do: func() {
			for k := range contents(t, client) {
				_ = client.Do(context.Background(), client.B().Set().Key(k).Value("garbage").Build()).Error()
			}
		}},
		{name: "an old dump", do: func() {
			for k, v := range dump {
				_ = client.Do(context.Background(), client.B().Set().Key(k).Value(v).PxMilliseconds(60_000).Build()).Error()
			}
		}},
		{name: "full", do: func() { redis.Do("CONFIG SET maxmemory 1") }, undo: func() { redis.Do("CONFIG SET maxmemory 0") }},
		{name: "evicting", do: func() {
			redis.Do("CONFIG SET maxmemory-policy allkeys-lru")
			redis.Do("CONFIG SET maxmemory 2mb")
		}, undo: func() { redis.Do("CONFIG SET maxmemory 0") }},
		{name: "read only", do: func() { redis.Do("REPLICAOF 127.0.0.1 1") }, undo: func() { redis.Do("REPLICAOF NO ONE") }},
		{name: "paused", do: redis.Pause, undo: redis.Resume},
		{name: "killed", do: redis.Kill, undo: redis.Start},
		{name: "well"},
	} {
		before := h.count(nodes)
		if fault.do != nil {
			fault.do()
		}
		from := h.reads.Load()
		began := time.Now()
		// Where all is well, at the beginning and at the end, something is taken after a while.
		takes := fault.name == "none" || fault.name == "well"
		for time.Since(began) < hammerWait || h.reads.Load()-from < *hammerReads || takes && h.count(nodes).Taken == before.Taken && time.Since(began) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		if fault.undo != nil {
			fault.undo()
		}
		after := h.count(nodes)
		t.Logf("%-12s %6d reads; taken %d, refused %d, late %d, failed %d, stored %d, dropped %d", fault.name, h.reads.Load()-from, after.Taken-before.Taken,
			after.Refused-before.Refused, after.Late-before.Late, after.Failed-before.Failed, after.Stored-before.Stored, after.Dropped-before.Dropped)
		if takes && after.Taken == before.Taken {
			t.Errorf("nothing was taken from the shared store: %+v", after)
		}
	}
	stop()
	work.Wait()
	t.Logf("%d reads, %d hits: %d stale, %d back, %d leaked, %d wrong", h.reads.Load(), h.hits.Load(), h.stale.Load(), h.back.Load(), h.leaked.Load(), h.wrong.Load())
	if h.stale.Load()+h.back.Load()+h.leaked.Load()+h.wrong.Load() > 0 {
		t.Error("something was served that must not be")
	}
}

func (h *hammer) count(nodes [2]*hammered) (s unstale.SharedStats) {
	for _, n := range nodes {
		c := n.cache.Stats().Shared
		s.Taken, s.Refused, s.Late = s.Taken+c.Taken, s.Refused+c.Refused, s.Late+c.Late
		s.Failed, s.Stored, s.Dropped = s.Failed+c.Failed, s.Stored+c.Stored, s.Dropped+c.Dropped
	}
	return s
}

// node makes a node.
func (h *hammer) node(dsn string, redis *testenv.Redis) *hammered {
	h.Helper()
	store, err := redisstore.Open(redis.URL())
	if err != nil {
		h.Fatal(err)
	}
	n := new(hammered)
	n.cache, err = unstale.New(unstale.Options{
		Slots: 1 << 16, MaxBytes: 64 << 10, LookWait: time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Sharing: &unstale.Sharing{Store: store, Secret: bytes.Repeat([]byte("s"), 32), Wait: 100 * time.Millisecond},
	})
	if err != nil {
		h.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		h.Fatal(err)
	}
	config.MaxConns = 8
	pool, err := postgres.NewPoolWithConfig(h.Context(), config, n.cache)
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { pool.Close(); _ = n.cache.Close() })
	m, err := n.cache.Middleware(unstale.HandlerOptions{
		Name: "hammer",
		Identity: func(r *http.Request) (name string, err error) {
			if name = r.Header.Get("Authorization"); name == "" {
				return "", nil
			}
			err = pool.QueryRow(r.Context(), `SELECT name FROM member WHERE name = $1`, name).Scan(&name)
			return name, err
		},
	})
	if err != nil {
		h.Fatal(err)
	}
	n.h = m(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		word := "all"
		if kind == "mine" {
			if err := pool.QueryRow(r.Context(), `SELECT word FROM member WHERE name = $1`, unstale.Identity(r.Context())).Scan(&word); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		read := func(ctx context.Context) (v int64, err error) {
			err = pool.QueryRow(ctx, `SELECT version FROM item WHERE id = $1::int`, id).Scan(&v)
			return v, err
		}
		var v int64
		var err error
		if kind == "load" {
			v, err = unstale.Load(r.Context(), n.cache, "item:"+id, read)
		} else {
			v, err = read(r.Context())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, word, " ", id, " ", v, strings.Repeat(" padding", 200))
	}))
	return n
}

// read asks a node, again and again.
func (h *hammer) read(ctx context.Context, n *hammered, rng *rand.Rand) {
	for ctx.Err() == nil {
		id, user := rng.IntN(hammerRows), rng.IntN(hammerUsers)
		kind := []string{"row", "load", "mine"}[rng.IntN(3)]
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, fmt.Sprint("/", kind, "/", id), http.NoBody)
		want := "all"
		if kind == "mine" {
			r.Header.Set("Authorization", fmt.Sprint("user", user))
			want = fmt.Sprint("word", user)
		}
		acknowledged, seen := h.acknowledged[id].Load(), h.seen[id].Load()
		w := httptest.NewRecorder()
		n.h.ServeHTTP(w, r)
		words := strings.Fields(w.Body.String())
		if w.Code != http.StatusOK || len(words) < 3 {
			h.wrong.Add(1)
			h.Errorf("%s %d: %d %q", kind, id, w.Code, w.Body)
			return
		}
		status := w.Header().Get("Cache-Status")
		h.reads.Add(1)
		if strings.Contains(status, ";hit") {
			h.hits.Add(1)
		}
		v, _ := strconv.ParseInt(words[2], 10, 64)
		say := func(n *atomic.Int64, what string) {
			if n.Add(1) <= 5 {
				h.Errorf("%s: %s %d: %q (%s), acknowledged %d, seen %d", what, kind, id, words[:3], status, acknowledged, seen)
			}
		}
		switch {
		case words[0] != want:
			say(&h.leaked, "leaked")
		case words[1] != strconv.Itoa(id):
			say(&h.wrong, "wrong")
		case v < acknowledged:
			say(&h.stale, "stale")
		case v < seen:
			say(&h.back, "back")
		}
		for old := h.seen[id].Load(); old < v && !h.seen[id].CompareAndSwap(old, v); old = h.seen[id].Load() {
		}
		time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
	}
}

// contents returns what a server has.
func contents(t *testing.T, client valkey.Client) map[string]string {
	t.Helper()
	ctx := context.Background()
	keys, err := client.Do(ctx, client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	m := make(map[string]string)
	for _, k := range keys {
		if v, err := client.Do(ctx, client.B().Get().Key(k).Build()).ToString(); err == nil {
			m[k] = v
		}
	}
	return m
}

// swap puts each value under the next key.
func swap(t *testing.T, client valkey.Client) {
	t.Helper()
	m := contents(t, client)
	last := ""
	for k, v := range m {
		if last != "" {
			_ = client.Do(context.Background(), client.B().Set().Key(last).Value(v).Build()).Error()
		}
		last = k
	}
}
