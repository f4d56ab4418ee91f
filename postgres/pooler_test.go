package postgres_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
	"github.com/unstale/unstale/postgres"
)

// TestPooler: behind PgBouncer, in either mode, the service answers as without the
// cache: a pooler keeps no settings of sessions, by which texts mean what they do. The
// log says so, and what to do.
func TestPooler(t *testing.T) {
	t.Parallel()
	s := newItem(t)
	for _, tt := range []struct{ settings, said string }{
		{"pool_mode = session", "name the server itself"},
		{"pool_mode = transaction", "name the server itself"},
		{"pool_mode = session\nignore_startup_parameters = extra_float_digits,jit,plan_cache_mode,enable_seqscan,statement_timeout,lock_timeout,idle_session_timeout," +
			"idle_in_transaction_session_timeout,default_transaction_isolation,debug_print_rewritten,debug_pretty_print,client_min_messages", "cannot be analysed"},
		{"pool_mode = transaction\nignore_startup_parameters = extra_float_digits,jit,plan_cache_mode,enable_seqscan,statement_timeout,lock_timeout,idle_session_timeout," +
			"idle_in_transaction_session_timeout,default_transaction_isolation,debug_print_rewritten,debug_pretty_print,client_min_messages", "cannot be analysed"},
	} {
		dsn := testenv.StartPgBouncer(t, s.server, "postgres", "postgres", tt.settings)
		var book logbook
		cache, err := unstale.New(unstale.Options{Slots: 1 << 16, Logger: slog.New(slog.NewTextHandler(&book, nil))})
		if err != nil {
			t.Fatal(err)
		}
		pool, err := postgres.NewPool(t.Context(), dsn+"&default_query_exec_mode=exec", cache)
		if err != nil {
			t.Fatal(err)
		}
		b := &site{T: t, server: s.server, dsn: dsn, cache: cache, pool: pool}
		b.h = cache.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var name string
			if err := pool.QueryRow(r.Context(), `SELECT name FROM item WHERE id = 1`).Scan(&name); err != nil {
				t.Errorf("%s: %v", tt.settings, err)
			}
			fmt.Fprint(w, name)
		}))
		for i := range 5 {
			name := fmt.Sprint("v", i)
			s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET name = '%s'`, name))
			for range 3 {
				if body, status := b.get("/"); body != name || strings.Contains(status, ";hit") {
					t.Errorf("%s: %q (%s), want %q", tt.settings, body, status, name)
				}
			}
		}
		book.waitFor(t, tt.said)
		pool.Close()
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	}
}
