package postgres_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale"
)

// TestEnds: what holds until a moment is served until then, by the clock of the database,
// and not longer; what looks at the clock otherwise is not stored.
func TestEnds(t *testing.T) {
	t.Parallel()
	queries := []string{
		`SELECT id, expires FROM session WHERE expires > now() ORDER BY id`,
		`SELECT id, expires FROM session WHERE owner = 1 AND CURRENT_TIMESTAMP <= expires ORDER BY expires DESC LIMIT 2`,
		`SELECT id, expires FROM session WHERE expires > now() ORDER BY id OFFSET 1`, // what is skipped is not seen to end
		`SELECT count(*) FROM session WHERE expires > now()`,
		`SELECT id FROM session WHERE expires > now()`,
		`SELECT id, expires FROM session WHERE expires > now() OR owner = 2`,
		`SELECT id, expires FROM session WHERE expires < now()`,
		`SELECT id, expires FROM session WHERE expires > now() AND id IN (SELECT id FROM session WHERE expires > now())`,
		`SELECT id, expires, now() FROM session WHERE expires > now()`,
	}
	s := newSite(t, `CREATE TABLE session (id int8 PRIMARY KEY, owner int4 NOT NULL, expires timestamptz);
		INSERT INTO session VALUES (1, 1, now() + '1 day'), (2, 1, now() + '2 days'), (3, 2, NULL), (4, 1, 'infinity')`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var i int
			if _, err := fmt.Sscan(strings.TrimPrefix(r.URL.Path, "/"), &i); err != nil {
				return err
			}
			rows, err := s.pool.Query(r.Context(), queries[i])
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				v, err := rows.Values()
				if err != nil {
					return err
				}
				fmt.Fprintln(w, v...)
			}
			return rows.Err()
		})
	s.settle("/0")
	s.settle("/1")
	for i := 2; i < len(queries); i++ {
		path := fmt.Sprint("/", i)
		s.get(path)
		if _, status := s.get(path); strings.Contains(status, ";hit") {
			t.Errorf("%s is stored", queries[i])
		}
	}
	for round := range 3 {
		s.server.Psql("postgres", fmt.Sprintf(`UPDATE session SET expires = clock_timestamp() + '2 seconds' WHERE id = %d`, 1+round%2))
		hits, gone := 0, false
		for end := time.Now().Add(time.Minute); !gone && time.Now().Before(end); {
			var before bool
			if err := s.pool.QueryRow(unstale.Outside(t.Context()), `SELECT expires < clock_timestamp() FROM session WHERE id = $1`, 1+round%2).Scan(&before); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"/0", "/1"} {
				body, status := s.get(path)
				shown := strings.Contains("\n"+body, fmt.Sprintf("\n%d ", 1+round%2))
				if before && shown {
					t.Errorf("%s shows what had ended (%s):\n%s", path, status, body)
				}
				if shown && strings.Contains(status, ";hit") {
					hits++
				}
			}
			gone = before
		}
		if !gone {
			t.Error("it does not end")
		}
		t.Logf("%d hits before it ended", hits)
	}
	s.settle("/0")
}
