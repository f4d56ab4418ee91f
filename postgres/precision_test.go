package postgres_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestWhatInvalidates says of statements which changes concern their answers, and
// which do not.
func TestWhatInvalidates(t *testing.T) {
	t.Parallel()
	all := map[string]string{
		"row":     `SELECT name FROM item WHERE id = $1`,
		"literal": `SELECT name FROM item WHERE id = 1`,
		"name":    `SELECT id FROM item WHERE name = $1`,
		"kind":    `SELECT count(*) FROM item WHERE kind = 'a'`,
		"in":      `SELECT name FROM item WHERE id IN (1, 2) ORDER BY id`,
		"both":    `SELECT name FROM item WHERE id = $1 AND kind = 'a'`,
		"join":    `SELECT i.name, o.name FROM item i JOIN owner o ON o.id = i.owner WHERE i.id = $1`,
		"left":    `SELECT i.name, o.name FROM item i LEFT JOIN owner o ON o.id = i.owner WHERE i.id = $1`,
		"view":    `SELECT name FROM shown WHERE id = $1`,
		"all":     `SELECT string_agg(name, ',' ORDER BY id) FROM item`,
		"exists":  `SELECT name FROM owner o WHERE EXISTS (SELECT FROM item i WHERE i.owner = o.id)`,
		"uuid":    `SELECT name FROM item WHERE u = $1`,
		"null":    `SELECT count(*) FROM item WHERE owner IS NULL`,
		"any":     `SELECT count(*) FROM item WHERE id = ANY ($1)`,
		"bool":    `SELECT name FROM item WHERE done AND id = $1`,
	}
	// A table has a few lists of columns for each kind of selection, by which it is told
	// apart which columns a statement shows; beyond it statements fall with any.
	for _, group := range []string{"row literal name kind all null in", "both join left view", "exists uuid any bool"} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			queries := make(map[string]string)
			for name := range strings.FieldsSeq(group) {
				queries[name] = all[name]
			}
			whatInvalidates(t, queries)
		})
	}
}

func whatInvalidates(t *testing.T, queries map[string]string) {
	t.Helper()
	arguments := map[string]any{"name": "one", "any": []int64{1}, "uuid": "6ecd8c99-4036-403d-bf84-cf8400f67836"}
	s := newSite(t, `
		CREATE TABLE owner (id int4 PRIMARY KEY, name text);
		CREATE TABLE item (id int8 PRIMARY KEY, name text, kind varchar(10), owner int4, other text, u uuid, done bool);
		CREATE VIEW shown AS SELECT id, name FROM item WHERE kind = 'a';
		INSERT INTO owner VALUES (1, 'ann'), (2, 'bob');
		INSERT INTO item VALUES (1, 'one', 'a', 1, '', '6ecd8c99-4036-403d-bf84-cf8400f67836', true), (2, 'two', 'b', 2, '', NULL, true), (3, 'three', 'a', NULL, '', NULL, true);`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			name := strings.TrimPrefix(r.URL.Path, "/")
			var args []any
			if strings.Contains(queries[name], "$1") {
				args = []any{int64(1)}
				if a, ok := arguments[name]; ok {
					args = []any{a}
				}
			}
			rows, err := s.pool.Query(r.Context(), queries[name], args...)
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
	for _, tt := range []struct {
		change string
		misses string // names of queries
	}{
		{`UPDATE item SET other = 'w'`, "?"}, // the first answers of a statement's kind depend on the whole table
		{`UPDATE item SET other = 'x'`, ""},
		{`UPDATE item SET name = 'x' WHERE id = 1`, "row literal name in both join left view all uuid bool"},
		{`UPDATE item SET name = 'x' WHERE id = 2`, "in all"},
		{`UPDATE item SET name = 'one' WHERE id = 3`, "name all"},
		{`INSERT INTO item VALUES (9, 'nine', 'b')`, "all null exists"},
		{`INSERT INTO item VALUES (10, 'ten', 'a', 1)`, "all kind exists"},
		{`UPDATE item SET kind = 'a' WHERE id = 2`, "kind"},
		{`UPDATE item SET owner = 2 WHERE id = 1`, "join left exists"},
		{`DELETE FROM item WHERE id = 3`, "all kind exists null name"},
		{`UPDATE owner SET name = 'x' WHERE id = 2`, "exists join left"},
		{`UPDATE item SET done = false WHERE id = 1`, "bool"},
		{`UPDATE item SET u = NULL WHERE id = 1`, "uuid"},
		{`UPDATE item SET id = 1000 WHERE id = 1`, "row literal in both join left view all any bool kind exists"},
	} {
		for name := range queries {
			s.settle("/" + name)
		}
		s.server.Psql("postgres", tt.change)
		for name := range queries {
			body, status := s.get("/" + name)
			if truth := s.truth("/" + name); body != truth {
				t.Errorf("%s after %s: stale: %q, is %q", name, tt.change, body, truth)
			}
			if tt.misses != "?" && strings.Contains(status, ";hit") == strings.Contains(" "+tt.misses+" ", " "+name+" ") {
				t.Errorf("%s after %s: %s", name, tt.change, status)
			}
		}
	}
}

// TestEqualities: no condition narrows an answer to rows that are not all that it is
// made of. After each change of a row the answers to all conditions are compared with
// what they are without the cache.
func TestEqualities(t *testing.T) {
	t.Parallel()
	conditions := []string{
		`n = $1`, `n <> $1`, `n > $1`, `n = $1 OR n = 7`, `n = $1 AND s = 'a'`, `NOT n = $1`, `n = -($1::int4)`, `n = $1 + 1`, `n IN ($1, 7)`, `n NOT IN ($1, 7)`,
		`n = ANY (ARRAY[$1, 7])`, `n <> ALL (ARRAY[$1, 7])`, `n = ALL (ARRAY[$1::int4])`, `small = $1`, `n = $1::int2`, `n::text = $1::text`, `n = $1::numeric`,
		`f = $1`, `f = $1::float8`, `s = 'a'`, `s = $1::text`, `s LIKE 'a'`, `s = 'a '`, `c = 'a'`, `c = 'a   '`, `v = 'a'`, `v = 'a'::text`, `lower(s) = 'a'`,
		`n IS NULL`, `n IS NOT NULL`, `(n = $1) IS NULL`, `(n = $1) IS NOT TRUE`, `n IS NOT DISTINCT FROM $1`, `n IS DISTINCT FROM $1`, `b`, `NOT b`, `b = true`, `b IS TRUE`, `b IS NOT TRUE`,
		`at = '2020-01-01Z'`, `at = '2020-01-01'::date`, `day = '2020-01-01'`, `day = '2020-01-01 00:00'::timestamp`, `u = '6ecd8c99-4036-403d-bf84-cf8400f67836'`,
		`u::text = '6ecd8c99-4036-403d-bf84-cf8400f67836'`, `n = length(s)`, `n = small`, `n = (CASE WHEN b THEN $1 ELSE 7 END)`, `coalesce(n, $1) = $1`, `n = least($1, 7)`, `(n, s) = ($1, 'a')`, `n BETWEEN $1 AND $1`,
		`n = $1 AND n = 7`, `s = 'a' COLLATE "C"`, `n = '1'`, `n % 2 = $1`, `NULLIF(n, 7) = $1`,
		`n > $1 AND n <= 7`, `(n, s) < (7, 'b')`, `$1::int4 IS NULL OR n = $1`, `upper(v) = upper('A')`, `n = $1 OR v = 'a'`, `coalesce(s, 'a') = 'a'`,
	}
	s := newSite(t, `CREATE TABLE item (id int8 PRIMARY KEY, n int4, small int2, f float8, s text, c char(4), v varchar(9), b bool, at timestamptz, day date, u uuid);
		INSERT INTO item (id) SELECT generate_series(1, 3)`,
		func(s *site, w http.ResponseWriter, r *http.Request) error {
			var i int
			if _, err := fmt.Sscan(strings.TrimPrefix(r.URL.Path, "/"), &i); err != nil {
				return err
			}
			var args []any
			if strings.Contains(conditions[i], "$1") {
				args = []any{1}
			}
			if strings.Contains(conditions[i], "$1::text") {
				args = []any{"1"}
			}
			var ids []int64
			err := s.pool.QueryRow(r.Context(), `SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM item WHERE `+conditions[i], args...).Scan(&ids)
			fmt.Fprint(w, ids)
			return err
		})
	values := map[string][]string{
		"n": {"NULL", "1", "7", "-1", "2", "0"}, "small": {"NULL", "1", "7"}, "f": {"NULL", "1", "1.5", "-0.0"}, "s": {"NULL", "'a'", "'A'", "'1'", "'a '", "''"},
		"c": {"NULL", "'a'", "'b'"}, "v": {"NULL", "'a'", "'1'"}, "b": {"NULL", "true", "false"}, "at": {"NULL", "'2020-01-01Z'", "'infinity'"},
		"day": {"NULL", "'2020-01-01'", "'infinity'"}, "u": {"NULL", "'6ecd8c99-4036-403d-bf84-cf8400f67836'", "gen_random_uuid()"},
	}
	for i := range conditions {
		if body, _ := s.get(fmt.Sprint("/", i)); strings.ContainsAny(body, "abcdefghij") {
			t.Fatalf("%s: %s", conditions[i], body)
		}
	}
	for i := range conditions {
		s.settle(fmt.Sprint("/", i))
	}
	hits := 0
	for round := range 2 {
		for column, list := range values {
			for row, value := range list {
				s.server.Psql("postgres", fmt.Sprintf(`UPDATE item SET %s = %s WHERE id = %d`, column, value, 1+(row+round)%3))
				for i, c := range conditions {
					path := fmt.Sprint("/", i)
					body, status := s.get(path)
					if truth := s.truth(path); body != truth {
						t.Errorf("%s after %s = %s: %s, is %s (%s)", c, column, value, body, truth, status)
					}
					if strings.Contains(status, ";hit") {
						hits++
					}
				}
			}
		}
	}
	t.Logf("%d hits", hits)
	if hits == 0 {
		t.Error("nothing was a hit")
	}
}
