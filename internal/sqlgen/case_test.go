package sqlgen

import (
	"database/sql"
	"maps"
	"slices"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

func TestNewIsAFunctionOfItsArguments(t *testing.T) {
	t.Parallel()
	size := Size{Reads: 40, Changes: 20}
	a, b := New(1, 2, size), New(1, 2, size)
	if a.String() != b.String() {
		t.Error("the same seed and index gave two cases")
	}
	if a.String() == New(1, 3, size).String() {
		t.Error("two indexes gave the same case")
	}
	if strings.ContainsRune(a.String(), 0) {
		t.Error("a case is not printable")
	}
}

// What is generated is SQL that mostly works, and some of everything.
func TestNewWorks(t *testing.T) {
	t.Parallel()
	queries, reads, writes := new(tally), make(map[string]int), new(tally)
	for i := range uint64(25) {
		c := New(1, i, Size{Reads: 30, Changes: 10})
		db, err := sql.Open("sqlite", ":memory:?_pragma=foreign_keys(on)")
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		for _, text := range c.Setup {
			if _, err := db.ExecContext(t.Context(), text); !strings.HasPrefix(text, "INSERT") && !strings.HasPrefix(text, "CREATE UNIQUE") {
				queries.add(t, text, err)
			}
		}
		for _, r := range c.Reads {
			reads[r.Shape]++
			for _, q := range r.Queries {
				queries.add(t, q.Text, drain(t, db, q))
			}
		}
		for _, ch := range c.Changes {
			for _, s := range ch.Statements {
				_, err := db.ExecContext(t.Context(), s.Text, s.Args...)
				writes.add(t, s.Text, err)
			}
			_, _ = db.ExecContext(t.Context(), "ROLLBACK")
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("queries %+v, changes %+v, %v", *queries, *writes, reads)
	if queries.failed*50 > queries.all {
		t.Errorf("%d of %d queries failed", queries.failed, queries.all)
	}
	if writes.failed*4 > writes.all {
		t.Errorf("%d of %d changes failed", writes.failed, writes.all)
	}
	if got, want := slices.Sorted(maps.Keys(reads)), slices.Sorted(slices.Values(Shapes())); !slices.Equal(got, want) {
		t.Errorf("shapes %q, want %q", got, want)
	}
}

type tally struct{ all, failed int }

func (n *tally) add(t *testing.T, text string, err error) {
	n.all++
	if err != nil {
		n.failed++
		t.Logf("%s: %v", text, err)
	}
}

func drain(t *testing.T, db *sql.DB, q Statement) error {
	args := slices.Clone(q.Args)
	for i, a := range args {
		switch a := a.(type) {
		case Found:
			args[i] = 1
		case sql.NamedArg:
			if a.Value == (Found{}) {
				args[i] = sql.Named(a.Name, 1)
			}
		}
	}
	rows, err := db.QueryContext(t.Context(), q.Text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}
