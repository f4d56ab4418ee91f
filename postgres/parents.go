package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/unstale/unstale/internal/shape"
)

// foreignSQL are the foreign keys that the server enforces: it has looked at all rows
// (NOT VALID), its triggers are enabled, and none of a user's can keep it from what it
// does to rows whose parent goes or changes.
const foreignSQL = `SELECT k.conrelid, k.confrelid, k.conkey, k.confkey FROM pg_constraint k
	WHERE k.contype = 'f' AND k.convalidated AND to_jsonb(k)->>'conenforced' IS DISTINCT FROM 'false' AND to_jsonb(k)->>'conperiod' IS DISTINCT FROM 'true'
		AND (SELECT count(*) FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgisinternal AND g.tgenabled IN ('O', 'A')) = 4
		AND NOT EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = k.conrelid AND NOT g.tgisinternal AND g.tgtype & 3 = 3 -- BEFORE … FOR EACH ROW
			AND (k.confdeltype = 'c' AND g.tgtype & 8 <> 0 OR (k.confdeltype IN ('n', 'd') OR k.confupdtype IN ('c', 'n', 'd')) AND g.tgtype & 16 <> 0))
		AND NOT EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = k.conrelid)
	ORDER BY k.oid`

// loadForeign reads the foreign keys of tables that are followed. Those of partitions and
// of what has them are not believed: triggers of each would have to be looked at. Nor are those of tables of which rows may be
// hidden from who proves them.
func (c *catalogue) loadForeign(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, foreignSQL)
	if err != nil {
		return err
	}
	for rows.Next() {
		var child, parent uint32
		var columns, referred []int16
		if err := rows.Scan(&child, &parent, &columns, &referred); err != nil {
			return err
		}
		from, to := c.tables[child], c.tables[parent]
		if from == nil || to == nil || from.why != "" || to.why != "" || from.Guarded || to.Guarded || len(from.kin)+len(to.kin) > 0 || len(columns) != len(referred) {
			continue
		}
		key := shape.ForeignKey{Parent: to.Name}
		for i := range columns {
			key.Columns = append(key.Columns, from.column(int(columns[i])))
			key.ParentColumns = append(key.ParentColumns, to.column(int(referred[i])))
		}
		from.Foreign = append(from.Foreign, key)
	}
	return rows.Err()
}

// proofWithin bounds what a proof of one foreign key takes.
const proofWithin = 10 * time.Second

// checkParents reports whether every foreign key has its parent, on a connection of its
// own. Those of tables that the role may not read are nobody's concern.
func (db *database) checkParents(ctx context.Context) (bool, error) {
	c, err := db.schema(ctx)
	if err != nil {
		return false, err
	}
	conn, err := pgx.ConnectConfig(ctx, ownConfig(db.prober.config, "parents", map[string]string{"lock_timeout": "1s"}))
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, plainly); err != nil {
		return false, err
	}
	byName := make(map[string]*shape.Table)
	for _, r := range c.tables {
		byName[r.Name] = r.Table
	}
	for _, r := range c.tables {
		for _, f := range r.Foreign {
			missing := false
			within, cancel := context.WithTimeout(ctx, proofWithin)
			err := conn.QueryRow(within, c.orphans(r.Table, byName[f.Parent], f)).Scan(&missing)
			cancel()
			var pg *pgconn.PgError
			switch {
			case errors.As(err, &pg) && pg.Code == "42501": // insufficient privilege
			case err != nil:
				return false, err
			case missing:
				return false, nil
			}
		}
	}
	return true, nil
}

// orphans returns the query that finds whether some row has no parent.
func (c *catalogue) orphans(child, parent *shape.Table, f shape.ForeignKey) string {
	var set, same []string
	for i := range f.Columns {
		x, y := pgx.Identifier{child.Columns[f.Columns[i]].Name}.Sanitize(), pgx.Identifier{parent.Columns[f.ParentColumns[i]].Name}.Sanitize()
		set, same = append(set, "c."+x+" IS NOT NULL"), append(same, "p."+y+" = c."+x)
	}
	return "SELECT EXISTS (SELECT FROM " + c.quoted[child] + " c WHERE " + strings.Join(set, " AND ") +
		" AND NOT EXISTS (SELECT FROM " + c.quoted[parent] + " p WHERE " + strings.Join(same, " AND ") + "))"
}
