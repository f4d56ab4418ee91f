package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/shape"
)

// A catalogue is what the database says of its tables, at one time.
type catalogue struct {
	generation  uint64 // of the database, before it was read
	fingerprint string
	tables      map[uint32]*relation // by oid
	byName      map[string]*shape.Table
	told        bool // whoever changes it tells so, in the same transaction
	enums       map[uint32]*columnType
	labels      map[uint32]string       // of enums, by their oids
	quoted      map[*shape.Table]string // names as SQL has them
	relations   map[*shape.Table]*relation
	citext      citext
}

// A citext is what there is of the extension of that name, if it is installed.
type citext struct {
	typ    uint32
	equals map[uint32]bool // the operator "="
}

// A relation is a table of the system's catalogue, or something like one.
type relation struct {
	*shape.Table
	oid       uint32
	kind      string // relkind
	lasting   string // relpersistence
	layout    string // what it is like: see layoutSQL
	columns   []relationColumn
	why       string // it is not followed, or ""
	images    []int  // columns that images hold, in their order, if the layout is that of setup
	describes bool   // it is
	kin       []kinsman
}

type relationColumn struct {
	number    int16
	typ       uint32 // of a domain, what that is made of
	collation uint32
}

// column returns the index of the column with a number, or -1.
func (r *relation) column(number int) int {
	return slices.IndexFunc(r.columns, func(c relationColumn) bool { return int(c.number) == number })
}

// fingerprintSQL tells whether anything has changed on which the meaning of a text
// depends, or what triggers do: the row of each thing that nobody made with the
// system, and since when it is so. A trigger that was disabled and enabled again is
// another one. What is temporary is its session's own.
const fingerprintSQL = `SELECT concat_ws(' ',
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_class WHERE oid >= 16384 AND relpersistence <> 't'),
	(SELECT sum(hashtextextended(concat(a.attrelid, ' ', a.attnum, ' ', a.xmin), 0)) FROM pg_attribute a
		WHERE a.attrelid >= 16384 AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = a.attrelid AND c.relpersistence = 't')),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_proc WHERE oid >= 16384),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_rewrite WHERE oid >= 16384),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_policy),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_enum),
	(SELECT sum(hashtextextended(concat(inhrelid, ' ', inhparent, ' ', xmin), 0)) FROM pg_inherits),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin, ' ', tgenabled), 0)) FROM pg_trigger),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin, ' ', evtenabled), 0)) FROM pg_event_trigger),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_namespace WHERE nspname NOT LIKE 'pg\_temp\_%' AND nspname NOT LIKE 'pg\_toast\_temp\_%'),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_collation WHERE oid >= 16384),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_operator WHERE oid >= 16384),
	(SELECT sum(hashtextextended(concat(oid, ' ', xmin), 0)) FROM pg_cast WHERE oid >= 16384))`

// Why a relation is not followed.
const (
	notSetUp     = "table without triggers: run setup"
	notKind      = "no ordinary table"
	notPersists  = "temporary table"
	notAll       = "partition, parent or child of a table that is not followed"
	notSystem    = "system table"
	notPublished = "target of a subscription"
)

// load reads the catalogue, in one snapshot of a transaction of its own.
func load(ctx context.Context, conn *pgx.Conn) (*catalogue, error) {
	c := &catalogue{tables: make(map[uint32]*relation), byName: make(map[string]*shape.Table), enums: make(map[uint32]*columnType), labels: make(map[uint32]string), quoted: make(map[*shape.Table]string), relations: make(map[*shape.Table]*relation)}
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, fingerprintSQL).Scan(&c.fingerprint); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT count(*) = 2 FROM pg_event_trigger WHERE evtname IN ('unstale_defined', 'unstale_dropped')
			AND evtenabled = 'A' AND evttags IS NULL AND evtfoid = to_regprocedure('unstale.defined()')`).Scan(&c.told); err != nil {
			return err
		}
		if err := c.loadEnums(ctx, tx); err != nil {
			return err
		}
		if err := c.loadCitext(ctx, tx); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `
			SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, (`+layoutSQL+`)::text, c.oid < 16384 OR n.nspname = 'unstale',
				ARRAY(SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.oid),
				(SELECT count(*) FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
					WHERE g.tgrelid = c.oid AND g.tgenabled = 'A' AND p.pronamespace = 'unstale'::regnamespace) = 4,
				EXISTS (SELECT FROM pg_subscription_rel s WHERE s.srrelid = c.oid),
				coalesce((SELECT f.layout = `+layoutSQL+` AND f.version = $1 FROM unstale.followed f WHERE f.relation = c.oid), false),
				(SELECT f.columns FROM unstale.followed f WHERE f.relation = c.oid), c.relrowsecurity
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND n.nspname NOT IN ('pg_toast', 'information_schema')`, version)
		if err != nil {
			return err
		}
		images, parents := make(map[uint32][]int16), make(map[uint32][]uint32)
		for rows.Next() {
			r := &relation{Table: new(shape.Table)}
			var schema, name string
			var system, triggers, subscribed bool
			var held []int16
			var above []uint32
			if err := rows.Scan(&r.oid, &schema, &name, &r.kind, &r.lasting, &r.layout, &system, &above, &triggers, &subscribed, &r.describes, &held, &r.Guarded); err != nil {
				return err
			}
			r.Name = schema + "." + name
			c.relations[r.Table] = r
			c.quoted[r.Table] = pgx.Identifier{schema, name}.Sanitize()
			switch {
			case system:
				r.why = notSystem
			case r.lasting == "t":
				r.why = notPersists
			case r.kind != "r" && r.kind != "p":
				r.why = notKind
			case subscribed:
				r.why = notPublished
			case !triggers:
				r.why = notSetUp
			}
			images[r.oid] = held
			if len(above) > 0 {
				parents[r.oid] = above
			}
			c.tables[r.oid], c.byName[r.Name] = r, r.Table
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `
			SELECT a.attrelid, a.attnum, a.attname, CASE WHEN y.typtype = 'd' THEN (`+baseSQL+`) ELSE y.oid END, a.attnotnull, a.attgenerated::text,
				coalesce(l.collisdeterministic, true), coalesce(`+bytesSQL+`, false), a.attcollation
			FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid LEFT JOIN pg_collation l ON l.oid = a.attcollation
			WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attrelid >= 16384 ORDER BY a.attrelid, a.attnum`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var oid, typ, collation uint32
			var number int16
			var column shape.Column
			var generated string
			var exact, bytes bool
			if err := rows.Scan(&oid, &number, &column.Name, &typ, &column.NotNull, &generated, &exact, &bytes, &collation); err != nil {
				return err
			}
			r := c.tables[oid]
			if r == nil {
				continue
			}
			if generated != "" {
				column.Generated = shape.Stored // of virtual ones no image tells: they are not read finer than the table
			}
			if exact && slices.Contains(images[oid], number) {
				if column.Type = typeOf(typ, bytes); c.enums[typ] != nil {
					column.Type = c.enums[typ]
				}
				if familyOf(typ) == familyText || typ == c.citext.typ {
					column.Folded = foldedType{c.citext.typ}
				}
			}
			r.Columns = append(r.Columns, column)
			r.columns = append(r.columns, relationColumn{number, typ, collation})
		}
		if err := rows.Err(); err != nil {
			return err
		}
		rows, err = tx.Query(ctx, `
			SELECT i.indrelid, i.indkey::int2[] FROM pg_index i WHERE i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL
				AND i.indexprs IS NULL AND i.indnkeyatts = i.indnatts AND i.indrelid >= 16384 ORDER BY i.indisprimary DESC, i.indexrelid`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var oid uint32
			var numbers []int16
			if err := rows.Scan(&oid, &numbers); err != nil {
				return err
			}
			if r := c.tables[oid]; r != nil {
				r.key(numbers)
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for oid, held := range images {
			r := c.tables[oid]
			for _, number := range held {
				i := r.column(int(number))
				if i < 0 {
					r.describes = false
				}
				r.images = append(r.images, i)
			}
		}
		c.settleKin(parents)
		return c.loadForeign(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	return c, nil
}

// bytesSQL tells whether the collation of the column a, the row l of pg_collation, sorts
// by bytes: which one is the default, and what older servers lack, is asked by name.
const bytesSQL = `CASE WHEN l.collname = 'default' THEN (
		SELECT coalesce(to_jsonb(d)->>'datlocprovider', 'c') = 'c' AND d.datcollate IN ('C', 'POSIX') OR to_jsonb(d)->>'datlocprovider' = 'b' FROM pg_database d WHERE d.datname = current_database())
	ELSE l.collprovider = 'c' AND l.collcollate IN ('C', 'POSIX') OR l.collprovider = 'b' END`

// loadEnums reads the labels of enums.
func (c *catalogue) loadEnums(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT oid, enumtypid, enumlabel FROM pg_enum ORDER BY enumtypid, enumsortorder`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var oid, typ uint32
		var label string
		if err := rows.Scan(&oid, &typ, &label); err != nil {
			return err
		}
		t := c.enums[typ]
		if t == nil {
			t = &columnType{family: familyEnum, enum: typ, labels: make(map[string]int)}
			c.enums[typ] = t
		}
		t.labels[label], c.labels[oid] = len(t.labels), label
	}
	return rows.Err()
}

// citextSQL tells whether the type y is citext, as the extension has it.
const citextSQL = `y.typname = 'citext' AND EXISTS (SELECT FROM pg_depend e JOIN pg_extension x ON x.oid = e.refobjid AND x.extname = 'citext'
	WHERE e.classid = 'pg_type'::regclass AND e.objid = y.oid AND e.refclassid = 'pg_extension'::regclass AND e.deptype = 'e')`

// loadCitext finds the extension citext.
func (c *catalogue) loadCitext(ctx context.Context, tx pgx.Tx) error {
	c.citext.equals = make(map[uint32]bool)
	rows, err := tx.Query(ctx, `SELECT y.oid, o.oid FROM pg_type y JOIN pg_operator o ON o.oprleft = y.oid AND o.oprright = y.oid AND o.oprname = '=' AND o.oprnamespace = y.typnamespace
		JOIN pg_proc p ON p.oid = o.oprcode AND p.proname = 'citext_eq' WHERE `+citextSQL)
	if err != nil {
		return err
	}
	for rows.Next() {
		var operator uint32
		if err := rows.Scan(&c.citext.typ, &operator); err != nil {
			return err
		}
		c.citext.equals[operator] = true
	}
	return rows.Err()
}

// key notes that no two rows share the values of columns.
func (r *relation) key(numbers []int16) {
	var k shape.Key
	for _, n := range numbers {
		i := r.column(int(n))
		if i < 0 {
			return
		}
		k.Columns = append(k.Columns, i)
	}
	r.Keys = append(r.Keys, k)
}

// A telling is what rows of the outbox come to.
type telling struct {
	shape.Changes
	catalogue *catalogue
	wide      map[*relation]bool // whose kin have changed
}

// add adds what a row of the outbox says. ok is false where its table is not known.
func (t *telling) add(row *outboxRow) (ok bool) {
	r := t.catalogue.tables[row.relation]
	if r == nil {
		return false
	}
	if row.operation == operationReplica {
		return true
	}
	ch, ok := r.change(row)
	if ok {
		t.Add(ch)
	} else {
		t.AddUnknown(r.Table)
	}
	switch {
	case t.wide[r]:
	case ok && len(r.kin) <= maxKin:
		for _, k := range r.kin {
			k.add(&t.Changes, ch)
		}
	default:
		for _, k := range r.kin {
			t.AddUnknown(k.Table)
		}
		if t.wide == nil {
			t.wide = make(map[*relation]bool)
		}
		t.wide[r] = true
	}
	return true
}

// change returns what a row of the outbox says. ok is false where it says no more than
// that something has changed.
func (r *relation) change(row *outboxRow) (ch shape.Change, ok bool) {
	if row.operation == "t" || !r.describes || row.layout != r.layout {
		return ch, false
	}
	ch = shape.Change{Table: r.Table, Old: r.image(row.old), New: r.image(row.now)}
	if row.old != nil && ch.Old == nil || row.now != nil && ch.New == nil {
		return ch, false
	}
	for _, number := range row.differs {
		i := r.column(int(number))
		if i < 0 {
			return ch, false
		}
		ch.Differs.Add(i)
	}
	return ch, true
}

// image returns a row as an image shows it, or nil if it is another one.
func (r *relation) image(held []*string) []shape.Value {
	if held == nil || len(held) != len(r.images) {
		return nil
	}
	values := make([]shape.Value, len(r.columns))
	for i, c := range r.images {
		values[c] = imageValue(r.columns[c].typ, held[i])
	}
	return values
}
