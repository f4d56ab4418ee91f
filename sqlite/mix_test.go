package sqlite

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

var (
	mixReads = flag.Int("mix.reads", 5_000, "reads of TestHostileMix")
	mixSeed  = flag.Uint64("mix.seed", 0, "seed of TestHostileMix; 0 takes one from the clock")
)

// A mix is rows whose value only ever grows, written in many ways and read
// through the cache and past it.
type mix struct {
	*env
	rows  int
	acked []atomic.Int64 // the value that a writer was told is committed
	seen  []atomic.Int64 // the largest value that anybody has read
	next  []sync.Mutex   // one writer per row at a time
}

// raise is an atomic maximum.
func raise(v *atomic.Int64, n int64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}

// Four writers, readers through the cache and past it, and a writer that the
// cache knows nothing of. Nobody is ever served what was overwritten before his
// request began, and nobody what is older than somebody has seen before that.
func TestHostileMix(t *testing.T) {
	seed := *mixSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-mix.seed=%d", seed)
	const rows = 20
	m := &mix{env: newEnv(t, `CREATE TABLE n (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER DEFAULT 0);
		CREATE TABLE mirror (id INTEGER PRIMARY KEY, v INTEGER);
		CREATE TRIGGER mirrored AFTER UPDATE OF v ON n BEGIN UPDATE mirror SET v = new.v WHERE id = new.id; END`),
		rows: rows, acked: make([]atomic.Int64, rows), seen: make([]atomic.Int64, rows), next: make([]sync.Mutex, rows)}
	for i := range rows {
		m.exec("INSERT INTO n (id, v) VALUES (?, 0)", i)
		m.exec("INSERT INTO mirror VALUES (?, 0)", i)
	}
	other := plain(t, m.path)
	stop := make(chan struct{})
	var writers, readers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for running(stop) {
				m.write(r)
			}
		})
	}
	writers.Go(func() {
		r := rand.New(rand.NewPCG(seed, 99))
		for running(stop) {
			m.writeAs(other, r.IntN(rows))
			time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
		}
	})
	var left atomic.Int64
	left.Store(int64(*mixReads))
	for w := range 6 {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(100+w)))
			for left.Add(-1) >= 0 && !t.Failed() {
				m.read(r)
			}
		})
	}
	readers.Wait()
	close(stop)
	writers.Wait()
	s := m.cache.Stats()
	t.Logf("hits %d, misses %d, captured %d, invalidations %v, refused %v", s.Loads.Hits, s.Loads.Misses, s.RowsCaptured, s.Invalidations, s.Refused)
	if s.Loads.Hits == 0 {
		t.Error("nothing was ever served from the cache")
	}
}

func running(stop chan struct{}) bool {
	select {
	case <-stop:
		return false
	default:
		return true
	}
}

// write raises a row's value in one of many ways, some of which fail.
func (m *mix) write(r *rand.Rand) {
	id := r.IntN(m.rows)
	m.next[id].Lock()
	defer m.next[id].Unlock()
	value := m.acked[id].Load() + 1
	ctx := unstale.Outside(context.Background())
	const update = "UPDATE n SET v = ? WHERE id = ?"
	var err error
	switch r.IntN(9) {
	case 0, 1:
		_, err = m.db.ExecContext(ctx, update, value, id)
	case 2:
		err = m.inTx(ctx, (*sql.Tx).Commit, value, id)
	case 3:
		_ = m.inTx(ctx, (*sql.Tx).Rollback, value, id)
		return
	case 4:
		rows, qerr := m.db.QueryContext(ctx, update+" RETURNING v", value, id)
		if err = qerr; err == nil {
			if r.IntN(2) == 0 {
				rows.Next()
			}
			err = rows.Close()
		}
	case 5: // commits, then fails
		_, _ = m.db.ExecContext(ctx, fmt.Sprintf("UPDATE n SET v = %d WHERE id = %d; INSERT INTO n (id) VALUES (%d)", value, id, id))
	case 6: // fails, and takes everything back
		_, _ = m.db.ExecContext(ctx, fmt.Sprintf("UPDATE n SET v = v + 1, id = CASE id WHEN %d THEN 0 ELSE id END WHERE id IN (%d, 0)", m.rows-1, m.rows-1))
		return
	case 7: // cancelled inside of COMMIT
		cancelled, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Duration(r.IntN(200))*time.Microsecond, cancel)
		_ = m.inTx(cancelled, (*sql.Tx).Commit, value, id)
		cancel()
		if err := m.db.QueryRowContext(ctx, "SELECT v FROM n WHERE id = ?", id).Scan(&value); err != nil {
			m.Error(err)
		}
	case 8:
		_, err = m.db.ExecContext(ctx, fmt.Sprintf("UPDATE n SET v = v + (id = %d), w = w + 1", id))
	}
	if err != nil {
		m.Error(err)
		return
	}
	raise(&m.acked[id], value)
}

func (m *mix) inTx(ctx context.Context, end func(*sql.Tx) error, value int64, id int) error {
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "UPDATE n SET v = ? WHERE id = ?", value, id); err != nil {
		_ = tx.Rollback()
		return err
	}
	return end(tx)
}

// writeAs raises a row's value past the cache.
func (m *mix) writeAs(db *sql.DB, id int) {
	m.next[id].Lock()
	defer m.next[id].Unlock()
	value := m.acked[id].Load() + 1
	if _, err := db.ExecContext(context.Background(), "UPDATE n SET v = ? WHERE id = ?", value, id); err != nil {
		m.Error(err)
		return
	}
	raise(&m.acked[id], value)
}

// read reads a row through the cache or past it, with fills that dawdle.
func (m *mix) read(r *rand.Rand) {
	id := r.IntN(m.rows)
	ctx := context.Background()
	floor := max(m.acked[id].Load(), m.seen[id].Load())
	query := func(ctx context.Context) (string, error) {
		if r.IntN(3) == 0 {
			ctx = context.Background()
		}
		switch r.IntN(3) {
		case 0:
			return read(ctx, m.db, "SELECT v FROM mirror WHERE id = ?", id)
		default:
			return read(ctx, m.db, "SELECT v FROM n WHERE id = ?", id)
		}
	}
	var got string
	var err error
	if r.IntN(10) == 0 {
		got, err = query(unstale.Outside(ctx))
	} else {
		got, err = unstale.Load(ctx, m.cache, "row-"+strconv.Itoa(id), func(ctx context.Context) (string, error) {
			s, err := query(ctx)
			if r.IntN(4) == 0 {
				time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
			}
			return s, err
		})
	}
	value, perr := strconv.ParseInt(got, 10, 64)
	if err != nil || perr != nil {
		m.Errorf("%q, %v", got, err)
		return
	}
	if value < floor {
		m.Errorf("row %d: %d, when at least %d was known before", id, value, floor)
	}
	raise(&m.seen[id], value)
}
