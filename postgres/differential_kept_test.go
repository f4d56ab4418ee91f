package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// keptCase is what is easily taken for something else: each read meets a change that
// shows it.
func keptCase() *pgCase {
	c := &pgCase{setup: []string{
		`CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')`,
		`CREATE TABLE owner (id int4 PRIMARY KEY, name text NOT NULL)`,
		`CREATE TABLE item (id int4 PRIMARY KEY, owner int4 NOT NULL REFERENCES owner, n int4, kind text NOT NULL DEFAULT 'a', m mood, price numeric, c char(4), f float4, day date,
			icu text COLLATE "und-x-icu", rank int4 NOT NULL DEFAULT 5, tags int4[], mail citext, ascii text COLLATE "C")`,
		`CREATE TABLE part (id int4 PRIMARY KEY, n int4) PARTITION BY RANGE (id)`,
		`CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (10)`,
		`CREATE TABLE part_2 (n int4, id int4 NOT NULL)`,
		`ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20)`,
		`INSERT INTO part VALUES (1, 1), (2, 9), (11, 7)`,
		`CREATE TABLE base (id int4 PRIMARY KEY, n int4)`,
		`CREATE TABLE base_child () INHERITS (base)`,
		`INSERT INTO base VALUES (1, 7)`,
		`INSERT INTO base_child VALUES (2, 7)`,
		`CREATE TABLE secret (id int4 PRIMARY KEY, open bool)`,
		`ALTER TABLE secret ENABLE ROW LEVEL SECURITY`,
		`CREATE POLICY hides ON secret USING (open)`,
		`CREATE TABLE gate (id int4)`,
		`CREATE TABLE gated (id int4 PRIMARY KEY, gate int4)`,
		`ALTER TABLE gated ENABLE ROW LEVEL SECURITY`,
		`CREATE POLICY opened ON gated USING (EXISTS (SELECT FROM gate g WHERE g.id = gated.gate))`,
		`INSERT INTO gated VALUES (1, 1), (2, 2)`,
		`INSERT INTO owner VALUES (1, 'ann'), (2, 'bob'), (3, 'cid')`,
		`INSERT INTO item (id, owner, n, m, icu, rank) VALUES (5, 1, 7, 'ok', 'B', 5), (6, 2, 8, 'ok', 'C', 6), (7, 2, 7, 'happy', 'D', 7)`,
		`INSERT INTO secret VALUES (1, true), (2, false)`,
	}}
	read := c.read
	read("all of none", `SELECT id FROM item WHERE n = ALL ($1)`, []int32{})
	read("first of a kind", `SELECT * FROM (SELECT DISTINCT ON (kind) kind, n FROM item ORDER BY kind, id) f WHERE n = 7`)
	read("full join", `SELECT o.id, s.id FROM owner o FULL JOIN secret s ON s.id = o.id AND o.name = 'ann'`)
	read("left join", `SELECT o.id, i.id FROM owner o LEFT JOIN item i ON i.owner = o.id AND o.name = 'ann'`)
	read("numeric", `SELECT id FROM item WHERE price = $1`, "1.5")
	read("char", `SELECT id FROM item WHERE c = $1`, "ab ")
	read("float", `SELECT id FROM item WHERE f = $1`, "0.1")
	read("infinity", `SELECT id FROM item WHERE day = $1`, pgtype.Date{InfinityModifier: pgtype.Infinity, Valid: true})
	read("nulls", `SELECT n FROM item ORDER BY n DESC LIMIT 2`)
	read("nulls last", `SELECT price FROM item ORDER BY price DESC NULLS LAST LIMIT 1`)
	read("nulls first", `SELECT n FROM item ORDER BY n NULLS FIRST LIMIT 1`)
	read("descending", `SELECT rank FROM item ORDER BY rank DESC LIMIT 1`)
	read("collation", `SELECT icu FROM item ORDER BY icu LIMIT 1`)
	read("enum", `SELECT m FROM item ORDER BY m LIMIT 1`)
	read("policy", `SELECT id, open FROM secret WHERE id > 0`)
	read("policy of another table", `SELECT id, gate FROM gated WHERE id = ANY ($1)`, []int32{1})
	read("cut", `WITH w AS (SELECT * FROM item ORDER BY id LIMIT 1) SELECT id FROM w WHERE n = 7`)
	read("parent", `SELECT i.id, o.id FROM item i JOIN owner o ON o.id = i.owner WHERE i.n = 7`)
	read("semi-join", `SELECT id FROM owner WHERE id IN (SELECT owner FROM item WHERE n = 7)`)
	read("anti-join", `SELECT id FROM owner o WHERE NOT EXISTS (SELECT FROM item i WHERE i.owner = o.id AND i.n = 8)`)
	read("lateral", `SELECT o.id, l.n FROM owner o, LATERAL (SELECT n FROM item i WHERE i.owner = o.id AND o.name = 'ann' ORDER BY id LIMIT 1) l`)
	read("rows of a function", `SELECT i.id, i.n, t FROM item i, unnest(i.tags) t WHERE i.id > 0`)
	read("grouped", `SELECT * FROM (SELECT owner, min(n) AS least FROM item GROUP BY owner) g WHERE least = 7`)
	read("grouping sets", `SELECT kind FROM (SELECT owner, kind FROM item GROUP BY GROUPING SETS ((owner), (kind))) g WHERE owner IS NULL`)
	read("key of a child", `SELECT id FROM base WHERE id = $1`, 1)
	c.reads = append(c.reads,
		pgRead{shape: "cut by ties", mode: pgx.QueryExecModeSimpleProtocol, text: `SELECT m, id FROM item ORDER BY m LIMIT 1`, uncut: `SELECT m, id FROM item`, keys: 1})
	for _, s := range []string{
		`INSERT INTO item (id, owner, n) VALUES (20, 1, 9)`,
		`INSERT INTO item (id, owner, price) VALUES (24, 1, 0.5)`,
		`INSERT INTO item (id, owner, n) VALUES (4, 1, 9)`, // the first of its kind is another one
		`DELETE FROM item WHERE id = 4`,
		`UPDATE owner SET name = 'dan' WHERE id = 3`,
		`INSERT INTO owner VALUES (4, 'eve')`,
		`UPDATE item SET price = 1.50, c = 'ab', f = 0.1, day = 'infinity' WHERE id = 6`,
		`UPDATE item SET price = 2.5 WHERE id = 7`,
		`UPDATE item SET n = NULL WHERE id = 7`,
		`INSERT INTO item (id, owner, rank) VALUES (21, 1, 99)`,
		`INSERT INTO item (id, owner, icu) VALUES (22, 1, 'a')`,
		`INSERT INTO item (id, owner, m) VALUES (23, 1, 'sad')`,
		`UPDATE secret SET open = true WHERE id = 2`,
		`UPDATE owner SET name = 'ann' WHERE id = 2`,
		`UPDATE item SET n = 7 WHERE id = 6`,
		`UPDATE item SET tags = '{1,2}' WHERE id = 5`,
		`UPDATE item SET n = 8 WHERE owner = 1`,
		`UPDATE item SET n = 3 WHERE id = 5`,
		`UPDATE item SET rank = 50 WHERE id = 6`,
		`UPDATE item SET rank = 1, ascii = 'C' WHERE id = 7`,
		`UPDATE item SET rank = 2 WHERE id = 5`,
		`UPDATE item SET kind = 'b' WHERE id = 7`,
		`UPDATE item SET kind = 'B' WHERE id = 20`,
		`UPDATE item SET kind = U&'\212a', mail = U&'\212a' WHERE id = 21`,
		`UPDATE item SET mail = 'aNN@X' WHERE id = 22`,
		`UPDATE item SET n = NULL WHERE id = 22`,
		`UPDATE item SET n = 9 WHERE id = 24`,
		`UPDATE part SET n = 9 WHERE id = 11`,
		`UPDATE base SET id = 1 WHERE n = 7`,
		`UPDATE part_1 SET n = 10 WHERE id = 1`,
		`UPDATE part SET id = 12 WHERE id = 2`,
		`INSERT INTO gate VALUES (2)`,
		`INSERT INTO gate VALUES (1)`,
		`TRUNCATE secret`,
	} {
		c.changes = append(c.changes, pgChange{statements: []string{s}})
	}
	c.changes = append(c.changes, pgChange{statements: []string{`BEGIN`, `SET LOCAL session_replication_role = replica`, `DELETE FROM owner WHERE id = 2`, `COMMIT`}})
	return c
}

func (c *pgCase) read(shape, text string, args ...any) {
	c.reads = append(c.reads, pgRead{shape: shape, text: text, args: args, mode: pgx.QueryExecModeCacheStatement, free: true})
}

// finerCase is the same with conditions that are more than equalities.
func finerCase() *pgCase {
	c := keptCase()
	c.reads = nil
	read := c.read
	read("range", `SELECT id FROM item WHERE rank > $1 AND rank <= $2`, 40, 60)
	read("range below", `SELECT id FROM item WHERE $1 > rank`, 2)
	read("range of texts", `SELECT id FROM item WHERE ascii BETWEEN 'B' AND 'a'`)
	read("page", `SELECT rank, id FROM item WHERE (rank, id) < ($1, $2) ORDER BY rank DESC, id DESC LIMIT 2`, 5, 1)
	read("rows", `SELECT id FROM item WHERE (rank, id) >= ($1, $2)`, 40, 1000)
	read("page after ties", `SELECT id FROM item WHERE rank > $1 OR rank = $1 AND id > $2`, 50, 5)
	read("either", `SELECT id FROM item WHERE n = $1 AND kind = 'a' OR rank = $2`, 8, 50)
	read("filter that is off", `SELECT id FROM item WHERE $1::text IS NULL OR kind = $1`, nil)
	read("filter that is on", `SELECT id FROM item WHERE $1::text IS NULL OR kind = $1`, "b")
	read("filter by a flag", `SELECT id FROM item WHERE $1 OR kind = 'b'`, true)
	read("filter by spaces", `SELECT id FROM item WHERE $1::varchar::bpchar = 'a' OR id = 5`, "a ")
	read("filter by coalesce", `SELECT id FROM item WHERE kind = coalesce($1, kind)`, nil)
	read("case", `SELECT id FROM item WHERE lower(kind) = lower($1)`, "B")
	read("case of Kelvin", `SELECT id FROM item WHERE lower(kind) = 'k'`)
	read("citext", `SELECT id FROM item WHERE mail = $1`, "Ann@x")
	read("citext in", `SELECT id FROM item WHERE mail IN ('k', $1)`, "b")
	read("coalesce", `SELECT id FROM item WHERE coalesce(n, 9) = $1`, 9)
	read("not distinct", `SELECT id FROM item WHERE n IS NOT DISTINCT FROM $1`, nil)
	read("partitions", `SELECT id FROM part WHERE n > $1`, 8)
	read("partition", `SELECT n, id FROM part_2 WHERE id < $1`, 15)
	return c
}

// TestDifferentialKept plays what is easily taken for something else.
func TestDifferentialKept(t *testing.T) {
	t.Parallel()
	server := differentialServer(t)
	for n := range uint64(4) {
		i := n % 2 * 3
		c, total := keptCase(), newTally()
		if n >= 2 {
			c = finerCase()
		}
		if f := play(t, server, c, settingOf(i), total); f != nil {
			t.Errorf("%+v: %s", settingOf(i), f)
		}
		t.Log(total)
		for shape, n := range total.shapes {
			if n.pairs == n.unchanged {
				t.Errorf("%s: no answer changes, so none can be stale", shape)
			}
			if n.hits == 0 && !settingOf(i).narrow {
				t.Errorf("%s: no answer is ever a hit, so none can be stale", shape)
			}
		}
	}
}
