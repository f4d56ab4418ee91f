package postgres_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/testenv"
)

// TestClockSteps: that the server's clock is set makes nothing stale, neither what goes by
// it nor what is swept by it.
func TestClockSteps(t *testing.T) {
	h := newHammer(t, testenv.StartPostgres(t), 2000)
	h.server.SetClock(0)
	h.rough.Store(true)
	h.begin(h.alone, h.savepoints, h.prepared)
	h.node(h.dsn)
	h.node(h.dsn)
	h.hitAgain()
	for _, by := range []time.Duration{2 * time.Hour, -3 * time.Hour, 0} {
		h.server.SetClock(by)
		for range 3 {
			h.must(`SELECT pg_current_xact_id(); SELECT unstale.sweep('10 min')`)
		}
		if h.must(`SELECT noted_at > clock_timestamp() FROM unstale.horizon`) != "f" {
			t.Errorf("%v: nothing is swept until then", by)
		}
		h.hitAgain()
		h.judge()
	}
	if n := h.counted(failedOf); n != 0 {
		t.Errorf("%d requests failed", n)
	}
	h.end()
	h.over.Store(true)
}

// TestClockIsSetBack: what had ended has not, once the clock is set back, and is shown.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	s := newSite(t, `CREATE TABLE session (id int8 PRIMARY KEY, expires timestamptz NOT NULL);
		INSERT INTO session VALUES (1, now() + '1 hour'), (2, now() + '3 hours')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			rows, err := s.pool.Query(r.Context(), `SELECT id, expires FROM session WHERE expires > now() ORDER BY id`)
			if err != nil {
				return err
			}
			fmt.Fprint(w, "of ")
			var id int
			var expires time.Time
			_, err = pgx.ForEachRow(rows, []any{&id, &expires}, func() error {
				fmt.Fprint(w, id, ";")
				return nil
			})
			return err
		})
	for _, step := range []struct {
		by   time.Duration
		body string
	}{{0, "of 1;2;"}, {2 * time.Hour, "of 2;"}, {0, "of 1;2;"}, {4 * time.Hour, "of "}, {2 * time.Hour, "of 2;"}, {-time.Hour, "of 1;2;"}} {
		s.server.SetClock(step.by)
		s.retry()
		s.fresh(step.body)
		s.settle("/")
		s.fresh(step.body)
	}
}
