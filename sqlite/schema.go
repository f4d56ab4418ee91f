package sqlite

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/sqlite/internal/dialect"
)

// A schema is what the analysis loaded of main's schema. It does not change but
// for its marks.
type schema struct {
	cookie     int32         // SQLite's version of the schema
	generation atomic.Uint64 // of the database, for which it is known to be present
	deps       *dialect.Schema
	byName     map[string]*table // as the pre-update hook names them
}

// A table is a table of a schema.
type table struct {
	*shape.Table
	moves bool        // an update may give a row another rowid, which no column shows
	used  atomic.Bool // some query that may be cached reads it
}

// use marks the tables that a query reads: only their row images matter.
func (s *schema) use(access dialect.Access) {
	for _, r := range access.Reads {
		if t := s.byName[r.Table]; t != nil {
			t.used.Store(true)
		}
		// Names may differ in case between the statement and the hook.
		for name, t := range s.byName {
			if strings.EqualFold(name, r.Table) {
				t.used.Store(true)
			}
		}
	}
}

// load reads the schema. The caller holds mu, within a transaction.
func (a *analysis) load() (*schema, error) {
	s := &schema{cookie: a.native.cookie(), byName: make(map[string]*table)}
	rows, err := a.query(`SELECT l.name, l.type, l.wr, l.strict, coalesce(m.sql, '')
		FROM pragma_table_list AS l LEFT JOIN sqlite_schema AS m ON m.type IN ('table', 'view') AND m.name = l.name
		WHERE l.schema = 'main'`)
	if err != nil {
		return nil, fail("tables", err)
	}
	encoding, err := a.query("PRAGMA encoding")
	if err != nil {
		return nil, fail("encoding", err)
	}
	utf16 := text1(encoding) != "UTF-8"
	var tables []*dialect.Table
	for _, row := range rows {
		name, kind, sql := str(row[0]), str(row[1]), str(row[4])
		// Some of SQLite's own tables are written without a word to any hook.
		// What reads one is not cached.
		if hasPrefixFold(name, "sqlite_") {
			continue
		}
		t := &dialect.Table{RowID: -1, WithoutRowID: num(row[2]) != 0, View: kind == "view", Virtual: kind == "virtual", Shadow: kind == "shadow",
			SQL: sql, Hidden: make(map[int]bool), Defaults: make(map[int]string)}
		t.Name = name
		collations, err := a.columns(t, num(row[3]) != 0, utf16)
		if err != nil {
			return nil, err
		}
		if !t.View && !t.Virtual {
			if err := a.keys(t, collations); err != nil {
				return nil, err
			}
		}
		tables = append(tables, t)
		s.byName[name] = &table{Table: &t.Table, moves: t.RowID < 0 && !t.WithoutRowID}
	}
	for _, t := range tables {
		if err := a.foreign(t, tables); err != nil {
			return nil, err
		}
	}
	s.deps = dialect.NewSchema(tables, a.deterministic...)
	own, err := a.query("SELECT DISTINCT lower(name) FROM pragma_function_list WHERE NOT builtin")
	if err != nil {
		return nil, fail("functions", err)
	}
	s.deps.Replaced = make(map[string]bool)
	for _, row := range own {
		s.deps.Replaced[str(row[0])] = true
	}
	return s, nil
}

// columns reads the columns of a table, and its primary key if that is the rowid.
// It returns their collations.
func (a *analysis) columns(t *dialect.Table, strict, utf16 bool) (collations []string, err error) {
	rows, err := a.query(`SELECT name, type, "notnull", pk, hidden, dflt_value FROM pragma_table_xinfo(?, 'main') ORDER BY cid`, t.Name)
	if err != nil {
		if t.View || t.Virtual {
			return nil, nil // a view of something that is gone; SQLite refuses what uses it
		}
		return nil, fail("columns of "+t.Name, err)
	}
	primary := 0
	for i, row := range rows {
		name, declared := str(row[0]), str(row[1])
		c := shape.Column{Name: name, NotNull: num(row[2]) != 0}
		t.Defaults[i] = str(row[5])
		switch num(row[4]) {
		case 1:
			t.Hidden[i] = true
		case 2:
			c.Generated = shape.Virtual
		case 3:
			c.Generated = shape.Stored
		}
		if num(row[3]) != 0 {
			primary++
			// In a rowid table with a primary key of several columns none of
			// them is the rowid; the count below says so.
			if strings.EqualFold(declared, "INTEGER") && !t.WithoutRowID {
				t.RowID = i
			}
			c.NotNull = c.NotNull || t.WithoutRowID
		}
		collation := ""
		if !t.View && !t.Virtual {
			if collation, err = a.native.collation(t.Name, name); err != nil {
				return nil, fail("collation of "+t.Name+"."+name, err)
			}
		}
		c.Type, c.Folded = dialect.TypeOf(declared, strict, collation, utf16), dialect.FoldedTypeOf(declared, strict, collation, utf16)
		collations = append(collations, collation)
		t.Columns = append(t.Columns, c)
	}
	if primary != 1 {
		t.RowID = -1
	}
	return collations, nil
}

// keys reads the unique keys of a table, the primary key first.
func (a *analysis) keys(t *dialect.Table, collations []string) error {
	indexes, err := a.query(`SELECT name, origin FROM pragma_index_list(?, 'main') WHERE "unique" AND NOT partial ORDER BY origin <> 'pk', seq`, t.Name)
	if err != nil {
		return fail("indexes of "+t.Name, err)
	}
	for _, index := range indexes {
		columns, err := a.query(`SELECT cid, coll FROM pragma_index_xinfo(?, 'main') WHERE key ORDER BY seqno`, str(index[0]))
		if err != nil {
			return fail("index "+str(index[0]), err)
		}
		var key shape.Key
		usable := len(columns) > 0
		for _, c := range columns {
			cid := int(num(c[0]))
			if cid < 0 || cid >= len(t.Columns) || !strings.EqualFold(str(c[1]), collations[cid]) {
				usable = false // an expression, the rowid, or another collation
				break
			}
			key.Columns = append(key.Columns, cid)
		}
		if !usable {
			continue
		}
		if str(index[1]) == "pk" && len(key.Columns) == 1 {
			t.RowID = -1 // an index of its own: INTEGER PRIMARY KEY DESC, which is not the rowid
		}
		t.Keys = append(t.Keys, key)
	}
	return nil
}

// foreign reads the foreign keys of a table. Those without a parent are left
// out.
func (a *analysis) foreign(t *dialect.Table, tables []*dialect.Table) error {
	if t.View || t.Virtual {
		return nil
	}
	rows, err := a.query(`SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?, 'main') ORDER BY id, seq`, t.Name)
	if err != nil {
		return fail("foreign keys of "+t.Name, err)
	}
	index := func(t *dialect.Table, name string) int {
		return slices.IndexFunc(t.Columns, func(c shape.Column) bool { return strings.EqualFold(c.Name, name) })
	}
	keys := make(map[int64]*shape.ForeignKey)
	for _, row := range rows {
		i := slices.IndexFunc(tables, func(p *dialect.Table) bool { return strings.EqualFold(p.Name, str(row[1])) })
		if i < 0 {
			continue
		}
		f := keys[num(row[0])]
		if f == nil {
			f = &shape.ForeignKey{Parent: tables[i].Name}
			keys[num(row[0])] = f
		}
		child := index(t, str(row[2]))
		var parent int
		if to := str(row[3]); to != "" {
			parent = index(tables[i], to)
		} else if parent, err = a.primary(tables[i].Name, len(f.Columns)); err != nil {
			return err
		}
		f.Columns, f.ParentColumns = append(f.Columns, child), append(f.ParentColumns, parent)
	}
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		f := keys[id]
		if !slices.Contains(f.Columns, -1) && !slices.Contains(f.ParentColumns, -1) {
			t.Foreign = append(t.Foreign, *f)
		}
	}
	return nil
}

// primary returns the i-th column of a table's primary key, or -1.
func (a *analysis) primary(table string, i int) (int, error) {
	rows, err := a.query(`SELECT cid FROM pragma_table_xinfo(?, 'main') WHERE pk = ?`, table, int64(i+1))
	if err != nil {
		return -1, fail("primary key of "+table, err)
	}
	if len(rows) != 1 {
		return -1, nil
	}
	return int(num(rows[0][0])), nil
}

func str(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case nil:
		return ""
	}
	return fmt.Sprint(v)
}

func num(v any) int64 {
	n, _ := v.(int64)
	return n
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
