package postgres_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/postgres"
)

// nodeVariable makes a process of this binary a node of a hammer.
const nodeVariable = "UNSTALE_TEST_NODE"

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeVariable); text != "" {
		if err := beNode(text); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A board is memory that a hammer and its nodes share. Versions only grow, so that each
// answer can be compared with what was acknowledged, and with what anybody had seen,
// before its request began, whichever process did.
type board struct {
	acknowledged, seen [hammerRows + hammerSums]atomic.Int64
	tallies            [maxNodes]tally
	over               atomic.Bool
}

// A tally is what a node has counted.
type tally struct {
	reads, hits         atomic.Int64
	failed              atomic.Int64 // were answered with an error
	stale, back         atomic.Int64 // older than acknowledged, than seen
	slowest, slowestHit atomic.Int64 // in nanoseconds
	byKey               [hammerRows + hammerSums]atomic.Int64
}

const maxNodes = 4

// openBoard maps a file, which it makes where there is none.
func openBoard(path string) (*board, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size := int(unsafe.Sizeof(board{}))
	if err := f.Truncate(int64(size)); err != nil {
		return nil, err
	}
	memory, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return (*board)(unsafe.Pointer(&memory[0])), nil // until the process ends
}

// raise makes a number at least v.
func raise(n *atomic.Int64, v int64) {
	for {
		old := n.Load()
		if old >= v || n.CompareAndSwap(old, v) {
			return
		}
	}
}

// nodeSettings are given to a node in its environment.
type nodeSettings struct {
	DSN, Board string
	Number     int
	Readers    int
	Seed       uint64
	LookWait   time.Duration
}

// A node is a process that caches what a database says, and asks itself.
type node struct {
	nodeSettings
	*board
	tally *tally
	h     http.Handler
}

// beNode is the process. It ends when the board says so, or with its standard input.
func beNode(text string) error {
	n := new(node)
	if err := json.Unmarshal([]byte(text), &n.nodeSettings); err != nil {
		return err
	}
	var err error
	if n.board, err = openBoard(n.Board); err != nil {
		return err
	}
	n.tally = &n.tallies[n.Number]
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // it is never written to
		stop()
	}()
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16, LookWait: n.LookWait, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	config, err := pgxpool.ParseConfig(n.DSN)
	if err != nil {
		return err
	}
	config.MaxConns = 8
	pool, err := postgres.NewPoolWithConfig(ctx, config, cache)
	if err != nil {
		return err
	}
	n.h = cache.Handler(hammered(pool))
	var readers sync.WaitGroup
	for i := range n.Readers {
		readers.Go(func() { n.read(ctx, rand.New(rand.NewPCG(n.Seed, uint64(100*n.Number+i)))) })
	}
	readers.Wait()
	pool.Close()
	return cache.Close()
}

// hammered shows versions of rows, and of sums over several.
func hammered(pool *pgxpool.Pool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kind, text, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		id, _ := strconv.Atoi(text)
		sql := `SELECT version FROM item WHERE id = $1`
		if kind == "sum" {
			sql = `SELECT sum(version)::int8 FROM item WHERE part = $1`
		}
		var v int64
		if err := pool.QueryRow(r.Context(), sql, id).Scan(&v); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if id%3 == 0 {
			time.Sleep(time.Duration(rand.IntN(800)) * time.Microsecond) // between its read and its end
		}
		fmt.Fprint(w, v)
	})
}

// read asks the node, again and again.
func (n *node) read(ctx context.Context, rng *rand.Rand) {
	zipf := rand.NewZipf(rng, 1.2, 1, hammerRows-1)
	for ctx.Err() == nil && !n.over.Load() {
		id := int(zipf.Uint64())
		path := fmt.Sprint("/row/", id)
		if rng.IntN(4) == 0 {
			id = hammerRows + rng.IntN(hammerSums)
			path = fmt.Sprint("/sum/", id-hammerRows)
		}
		acknowledged, seen := n.acknowledged[id].Load(), n.seen[id].Load()
		begun := time.Now()
		w := httptest.NewRecorder()
		n.h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody))
		took := int64(time.Since(begun))
		status := w.Header().Get("Cache-Status")
		v, err := strconv.ParseInt(w.Body.String(), 10, 64)
		if err != nil {
			if n.tally.failed.Add(1) <= 5 {
				fmt.Fprintf(os.Stderr, "failed: node %d: %s: %d %q\n", n.Number, path, w.Code, w.Body)
			}
			time.Sleep(5 * time.Millisecond) // as a client that tries again
			continue
		}
		n.tally.reads.Add(1)
		raise(&n.tally.slowest, took)
		if strings.Contains(status, ";hit") {
			n.tally.hits.Add(1)
			n.tally.byKey[id].Add(1)
			raise(&n.tally.slowestHit, took)
		}
		if v < acknowledged {
			if n.tally.stale.Add(1) <= 5 {
				fmt.Fprintf(os.Stderr, "stale: node %d: %s: %d, when %d was acknowledged (%s)\n", n.Number, path, v, acknowledged, status)
			}
		} else if v < seen {
			if n.tally.back.Add(1) <= 5 {
				fmt.Fprintf(os.Stderr, "back: node %d: %s: %d, when %d was seen (%s)\n", n.Number, path, v, seen, status)
			}
		}
		raise(&n.seen[id], v)
	}
}

// A nodeProcess is a node as its hammer sees it.
type nodeProcess struct {
	*tally
	cmd *exec.Cmd

	mu   sync.Mutex
	said bytes.Buffer
}

// Write keeps what the process says.
func (p *nodeProcess) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *nodeProcess) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// node starts one more process that reads from the database that dsn names.
func (h *hammer) node(dsn string) *nodeProcess {
	h.Helper()
	p := h.startNode(len(h.nodes), dsn)
	h.nodes = append(h.nodes, p)
	return p
}

// replaceNode kills a process, and starts another one in its place.
func (h *hammer) replaceNode(number int, dsn string) {
	h.Helper()
	if err := h.nodes[number].cmd.Process.Kill(); err != nil {
		h.Fatal(err)
	}
	h.nodes[number] = h.startNode(number, dsn)
}

func (h *hammer) startNode(number int, dsn string) *nodeProcess {
	h.Helper()
	text, err := json.Marshal(nodeSettings{DSN: dsn, Board: h.path, Number: number, Readers: h.readers, Seed: *hammerSeed, LookWait: nodeWait})
	if err != nil {
		h.Fatal(err)
	}
	// Not the test's context: it asks for the end itself.
	p := &nodeProcess{tally: &h.tallies[number], cmd: exec.CommandContext(context.Background(), os.Args[0])}
	p.cmd.Env = append(os.Environ(), nodeVariable+"="+string(text))
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if _, err := p.cmd.StdinPipe(); err != nil { // which ends with us
		h.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		h.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	h.Cleanup(func() {
		h.over.Store(true)
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		select {
		case err := <-ended:
			if exit := new(exec.ExitError); err != nil && !(errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL) {
				h.Errorf("node %d: %v", number, err)
			}
		case <-time.After(time.Minute):
			h.Errorf("node %d does not end", number)
			_ = p.cmd.Process.Kill()
			<-ended
		}
		if h.Failed() {
			said := p.log()
			h.Logf("node %d:\n%s", number, said[:min(len(said), 10_000)])
		}
	})
	return p
}

// newBoard makes the memory.
func (h *hammer) newBoard() {
	h.Helper()
	var err error
	h.path = filepath.Join(h.TempDir(), "board")
	if h.board, err = openBoard(h.path); err != nil {
		h.Fatal(err)
	}
}
