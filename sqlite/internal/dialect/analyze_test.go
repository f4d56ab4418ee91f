package dialect

import "testing"

const library = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, email TEXT COLLATE NOCASE UNIQUE, age INTEGER, upper_name TEXT AS (upper(name)));
	CREATE TABLE cards (id INTEGER PRIMARY KEY, slug TEXT UNIQUE, owner INTEGER NOT NULL REFERENCES users(id), title TEXT, rank REAL, made INTEGER);
	CREATE TABLE stars (user INTEGER NOT NULL, card INTEGER NOT NULL, at INTEGER, PRIMARY KEY (user, card)) WITHOUT ROWID;
	CREATE TABLE plain (a INTEGER, b TEXT, c ANY);
	CREATE TABLE codes (code TEXT PRIMARY KEY NOT NULL, flag BOOLEAN, num NUMERIC UNIQUE);
	CREATE TABLE ids (id INTEGER);
	CREATE VIEW grown AS SELECT id, name FROM users WHERE age > 17;
	CREATE VIRTUAL TABLE docs USING fts5(title, body);
	CREATE VIRTUAL TABLE found USING fts5(title, content='cards', content_rowid='id');
	CREATE VIRTUAL TABLE vocab USING fts5vocab('docs', 'row');`

func TestAnalyze(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, library)
	for _, test := range []struct{ sql, want string }{
		// One row by its key.
		{"SELECT name FROM users WHERE id = ?", "users[id=?1]{id name}"},
		{"SELECT u.name FROM users AS u WHERE ? = (u.id)", "users[id=?1]{id name}"},
		{"SELECT * FROM cards WHERE id = 7 AND made > ?", "cards[id=7]{*}"},
		{"SELECT name FROM users WHERE id = '7'", "users[id=7]{id name}"}, // as an argument
		{"SELECT age FROM users WHERE id = -1", "users[id=-1]{id age}"},
		{"SELECT age FROM users WHERE name = 'ann'", `users[name="ann"]{name age}`},
		{"SELECT age FROM users WHERE name = :name", "users[name=:name]{name age}"},
		{"SELECT age FROM users WHERE name = $2 AND age = @x", "users[name=?2]{name age}"},
		{"SELECT age FROM users WHERE rowid = ?2", "users[id=?2]{id age}"},
		{`SELECT age FROM users WHERE "id" = ?`, "users[id=?1]{id age}"},
		{"SELECT at FROM stars WHERE card = ?1 AND user = ?2", "stars[user=?2 card=?1]{*}"},
		{"SELECT title FROM cards WHERE id IN (?, 5)", "cards[id=?1][id=5]{*} (no total order)"},
		{"SELECT title FROM cards WHERE id IN (?, 5) ORDER BY id", "cards[id=?1][id=5]{id title}"},
		{"SELECT count(*) FROM stars WHERE user IN (1, 2) AND card = ?", "stars[user=1 card=?1][user=2 card=?1]{user card}"},
		{"SELECT 1 FROM main.users WHERE id = ?", "users[id=?1]{id}"},
		{"SELECT name FROM users WHERE id = ? AND (age = 1 OR age = 2)", "users[id=?1]{id name age}"},

		// What does not narrow.
		{"SELECT name FROM users WHERE id = ? OR age > ? + 1 ORDER BY id", "users[name=#1]{name} users{id age} (or)"},
		{"SELECT name FROM users WHERE NOT id = ? ORDER BY id", "users[name=#1]{name} users{id} (condition that is no equality)"},
		{"SELECT name FROM users WHERE id <> ? ORDER BY id", "users[name=#1]{name} users{id} (condition that is no equality)"},
		{"SELECT name FROM users WHERE id = ? + 1", "users{*} (no total order)"},
		{"SELECT name FROM users WHERE id IS NOT ? ORDER BY id", "users[name=#1]{name} users{id} (condition that is no equality)"},
		{"SELECT name FROM users WHERE id NOT IN (1) ORDER BY id", "users[name=#1]{name} users{id} (condition that is no equality)"},
		{"SELECT name FROM users WHERE id = '7.0'", "users[name=#1]{name} users{id} (affinity or collation)"},
		{"SELECT name FROM users WHERE id = 7.0", "users[name=#1]{name} users{id} (affinity or collation)"},
		{"SELECT name FROM users WHERE id = 99999999999999999999", "users[name=#1]{name} users{id} (affinity or collation)"},
		{"SELECT age FROM users WHERE name = 5", "users{name age} (affinity or collation)"},
		{"SELECT age FROM users WHERE email = ?", "users[email=?1]{email age}"},
		{"SELECT age FROM users WHERE name = ? COLLATE NOCASE", "users[lower(name)=?1]{*} (no total order)"},
		{"SELECT age FROM users WHERE name COLLATE NOCASE = ?", "users[lower(name)=?1]{*} (no total order)"},
		{"SELECT flag FROM codes WHERE num = ?", "codes[num=?1]{flag num}"},
		{"SELECT id AS x FROM users WHERE x = 5 ORDER BY id", "users{id}"},
		{"SELECT age FROM users WHERE age = ? ORDER BY id", "users[age=?1]{id age}"},

		{"SELECT name FROM users WHERE id == ?", "users[id=?1]{id name}"},
		{"SELECT id FROM users WHERE NOT id = 1 AND name = 'x'", `users[name="x"]{id name}`},
		{"SELECT id FROM users WHERE id = ? IS NULL ORDER BY id", "users{id} (condition that is no equality)"},
		{"SELECT id FROM users WHERE id = 1 = 1 ORDER BY id", "users{id} (condition that is no equality)"},
		{"SELECT id FROM users WHERE id = 1 IN (1) ORDER BY id", "users{id} (condition that is no equality)"},
		{"SELECT id FROM users WHERE id = 1 BETWEEN 0 AND 1 ORDER BY id", "users{id} (condition that is no equality)"},
		{"SELECT id FROM users WHERE age BETWEEN 1 AND id = 3 ORDER BY id", "users{id age} (condition that is no equality)"},
		{"SELECT id FROM users WHERE age BETWEEN 1 AND 5 AND id = 3", "users[id=3]{id age}"},
		{"SELECT id FROM users WHERE age = 1 OR age = 2 AND id = 3 ORDER BY id", "users[age=1]{id age} users[id=3]{id age}"},

		// Order.
		{"SELECT name FROM users", "users{*} (no total order)"},
		{"SELECT name FROM users ORDER BY age", "users{*} (no total order)"},
		{"SELECT name FROM users ORDER BY age DESC, id", "users{id name age}"},
		{"SELECT name FROM users ORDER BY (rowid)", "users{id name}"},
		{"SELECT name FROM users ORDER BY name LIMIT ? OFFSET 2", "users{name}↑name"},
		{"SELECT name FROM users ORDER BY name COLLATE NOCASE", "users{*} (no total order)"},
		{"SELECT email FROM users ORDER BY email", "users{*} (no total order)"},
		{"SELECT title, slug FROM cards ORDER BY slug", "cards{*} (no total order)"},
		{"SELECT age AS id FROM users ORDER BY id", "users{*} (no total order)"},
		{"SELECT id AS age FROM users ORDER BY age", "users{*} (no total order)"},
		{"SELECT id AS x FROM users ORDER BY x", "users{id}"},
		{"SELECT *, id AS made FROM cards ORDER BY made", "cards{*} (no total order)"},
		{"SELECT age, id FROM users ORDER BY 2", "users{id age}"},
		{"SELECT age, id FROM users ORDER BY 1", "users{*} (no total order)"},
		{"SELECT * FROM stars ORDER BY card, user", "stars{*}"},
		{"SELECT * FROM stars WHERE user = ? ORDER BY card", "stars[user=?1]{*}"},
		{"SELECT * FROM stars ORDER BY card", "stars{*} (no total order)"},
		{"SELECT a FROM plain ORDER BY a, b, c", "plain{*} (no total order)"},
		{"SELECT DISTINCT age FROM users ORDER BY id", "users{*} (no total order)"},
		{"SELECT DISTINCT age FROM users WHERE id = 1", "users[id=1]{id age}"},
		{"SELECT name FROM users LIMIT 1", "users{*} (no total order)"},

		// Aggregates.
		{"SELECT count(*) FROM users", "users{}"},
		{"SELECT count(*) FROM users WHERE age > ?", "users{age}(?1<age)"},
		{"SELECT count(*) FROM users WHERE age = TRUE", "users[age=1]{age}"},
		{"SELECT count(DISTINCT email), min(age), max(name) FROM users", "users{name email age}"},
		{"SELECT max(email) FROM users", "users{*}↓email (no total order)"},
		{"SELECT max(rank) FROM cards", "cards{*}↓rank (no total order)"},
		{"SELECT max(age), name FROM users", "users{*} (no total order)"},
		{"SELECT sum(age) FROM users", "users{*} (no total order)"},
		{"SELECT group_concat(name) FROM users WHERE id = ?", "users[id=?1]{id name}"},
		{"SELECT coalesce(max(id), 0) + 1 FROM users", "users{id}"},
		{"SELECT count(*) FILTER (WHERE age > 3) FROM users", "users{age}"},
		{"SELECT age, count(*) FROM users GROUP BY age", "users{*} (no total order)"},
		{"SELECT age, count(*) FROM users GROUP BY age ORDER BY age", "users{age}"},
		{"SELECT age, count(*) FROM users GROUP BY age ORDER BY count(*)", "users{*} (no total order)"},
		{"SELECT email, count(*) FROM users GROUP BY email ORDER BY email", "users{*} (no total order)"},
		{"SELECT age, name, count(*) FROM users GROUP BY age ORDER BY age", "users{*} (no total order)"},
		{"SELECT age FROM users GROUP BY age HAVING count(*) > 1 ORDER BY age", "users{age}"},
		{"SELECT row_number() OVER (ORDER BY id) FROM users ORDER BY id", "users{*} (no total order)"},
		{"SELECT max(age, id) FROM users ORDER BY id", "users{id age}"},

		// Joins.
		{"SELECT c.title, u.name FROM cards c JOIN users u ON u.id = c.owner WHERE c.id = ?", "cards[id=?1]{id owner title} users{id}? users[name=#2]{id name}"},
		{"SELECT c.title, u.name FROM cards c JOIN users u ON u.id = c.owner ORDER BY c.id", "cards{id owner title} users{id}? users[name=#2]{id name} (join on columns that are not in the result)"},
		{"SELECT c.title, u.name FROM cards c JOIN users u ON u.id = c.owner ORDER BY u.id", "cards{*} users{id email age}? users[name=#2]{*} (no total order)"},
		{"SELECT s.at FROM users u, stars s WHERE u.id = s.user AND u.id = ? AND s.card = ?", "stars[user=?1 card=?2]{*} users[id=?1]{id}"},
		{"SELECT u.name, v.name FROM users u, users v WHERE u.id = 1 AND v.id = 2", "users[id=1]{id name} users[id=2]{id name}"},
		{"SELECT u.name, v.name FROM users u, users v WHERE u.id = 1 ORDER BY v.id", "users[id=1]{id name} users[name=#2]{name} users{id}"},
		{"SELECT c.id, u.name FROM cards c LEFT JOIN users u ON u.id = c.owner AND u.id = ? ORDER BY c.id", "cards{id owner} users[id=?1]{id name} (join on columns that are not in the result)"},
		{"SELECT c.id, u.name FROM cards c LEFT JOIN users u ON c.id = ? ORDER BY c.id, u.id", "cards{id} users[name=#2]{name} users{id} (join on columns that are not in the result)"},
		{"SELECT c.id, u.name FROM cards c LEFT JOIN users u ON u.id = c.owner WHERE u.id = ? ORDER BY c.id", "cards{id owner} users[id=?1]{id name} (join on columns that are not in the result)"},
		{"SELECT c.title FROM cards c LEFT JOIN users u ON u.id = c.owner AND c.owner = 5 WHERE c.id = 1", `cards[id=1]{id owner title} users{id} by SELECT DISTINCT p0."owner" FROM main."cards" AS p0 WHERE p0."id" IN (?)`},
		{"SELECT count(*) FROM stars s JOIN cards c ON c.id = s.card WHERE s.user = ? AND c.title <> ''",
			`cards{id title} by SELECT DISTINCT p0."card" FROM main."stars" AS p0 WHERE p0."user" IN (?) stars[user=?1]{user card}`},
		{"SELECT 1 FROM cards c JOIN users u ON u.id = c.rank WHERE c.id = ?", "cards[id=?1]{*} users{*} (no total order)"},
		{"SELECT c.id, c.title, count(s.user) FROM cards c LEFT JOIN stars s ON s.card = c.id GROUP BY c.id ORDER BY c.made, c.id", "cards{id title made} stars{user card} (join on columns that are not in the result)"},
		{"SELECT u.name, count(*) FROM cards a LEFT JOIN users u ON u.id = 1 AND a.made > 5 GROUP BY a.title ORDER BY a.title", "cards{*} users[id=1]{*} (no total order)"},
		{"SELECT name FROM users JOIN cards USING (id) WHERE id = 1", "cards users (using, natural, right or full join)"},
		{"SELECT 1 FROM users NATURAL JOIN cards", "cards users (using, natural, right or full join)"},
		{"SELECT 1 FROM users u RIGHT JOIN cards c ON u.id = 1 WHERE c.id = 1", "cards users (using, natural, right or full join)"},

		// Queries inside.
		{"SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)", "users[id=?1]{id}"},
		{"SELECT EXISTS (SELECT 1 FROM users WHERE age = ?)", "users[age=?1]{age}"},
		{"SELECT c.title, EXISTS (SELECT 1 FROM stars s WHERE s.user = ? AND s.card = c.id) FROM cards c WHERE c.id = ?", "cards[id=?2]{id title} stars[user=?1 card=?2]{user card}"},
		{"SELECT c.title, (SELECT name FROM users WHERE id = c.owner) FROM cards c ORDER BY c.id", "cards{id owner title} users{id name}"},
		{"SELECT c.title, (SELECT name FROM users WHERE age = c.owner) FROM cards c ORDER BY c.id", "cards{id owner title} users{*} (no total order)"},
		{"SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM cards)", "cards{} users{}"},
		{"SELECT id FROM cards WHERE owner IN (SELECT id FROM users WHERE age > ?) ORDER BY id", "cards{id owner} users{id age}(?1<age) (condition that is no equality)"},
		{"SELECT id FROM cards WHERE owner IN (SELECT id FROM users LIMIT 1) ORDER BY id", "cards{id owner} users{*} (no total order)"},
		{"SELECT id FROM cards WHERE owner IN (SELECT id FROM users)", "cards{*} users{*} (no total order)"},
		{"SELECT id, (SELECT count(*) FROM stars WHERE card = cards.id) FROM cards ORDER BY id", "cards{id} stars[card=#1]{card}"},
		{"SELECT id, (SELECT count(cards.id) FROM stars) FROM cards ORDER BY id", "cards stars (outer aggregate)"},
		{"SELECT count(*), (SELECT name FROM users WHERE id = cards.owner) FROM cards", "cards{*} users{*} (no total order)"},

		// Coarse.
		{"SELECT upper_name FROM users WHERE id = ?", "users[id=?1]{*}"},
		{"SELECT a FROM plain WHERE rowid = 1 AND EXISTS (SELECT 1 FROM users)", "plain{*} users{*} (no total order)"},
		{"SELECT EXISTS (SELECT 1 FROM plain WHERE rowid = ?)", "plain{}"},
		{"SELECT rowid, a FROM plain ORDER BY rowid", "plain{*} (no total order)"},
		{"SELECT count(rowid) FROM plain", "plain (outer aggregate)"},
		{"SELECT name FROM grown WHERE id = ?", "users[id=?1]{*} (no total order)"},
		{"WITH x AS (SELECT id FROM users) SELECT * FROM x", "users{*} (no total order)"},
		{"WITH x AS MATERIALIZED (SELECT id FROM users) SELECT count(*) FROM x", "users{id}"},
		{"WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x WHERE n < 5) SELECT count(*) FROM x, users", "users{} (join on columns that are not in the result)"},
		{"SELECT id FROM users WHERE id = 1 UNION SELECT id FROM cards WHERE id = 2", "cards[id=2]{*} users[id=1]{*} (no total order)"},
		{"SELECT * FROM (SELECT id FROM users)", "users{*} (no total order)"},
		{"SELECT users.id FROM users, json_each(?)", "users{*} (no total order)"},
		{"SELECT 1 IN ids FROM cards", "cards ids (syntax)"},
		{"SELECT rowid FROM docs WHERE docs MATCH ?", "docs (virtual table)"},
		{"SELECT title FROM found", "cards found (virtual table)"},
		{"SELECT count(*) FROM users WHERE NOT age NOT NULL", "users (syntax)"},
		{"SELECT count(*) FROM users WHERE age NOTNULL AND name IS NOT NULL", "users{name age} (condition that is no equality)"},
		{"SELECT 1", ""},
		{"VALUES (1), ((SELECT count(*) FROM users))", "users{*} (no total order)"},

		// Refused.
		{"SELECT random()", "refused: volatile function"},
		{"SELECT id FROM users WHERE age < strftime('%s', 'now')", "refused: volatile function"},
		{"SELECT CURRENT_TIMESTAMP", "refused: volatile function"},
		{"SELECT * FROM vocab", "refused: unknown table"},
		{"SELECT * FROM sqlite_master", "refused: unknown table"},
		{"SELECT * FROM pragma_table_info('users')", "refused: unknown table"},
		{"INSERT INTO plain VALUES (1, 2, 3) RETURNING a", "refused: not a query"},
		{"PRAGMA user_version", "refused: not a query"},
	} {
		p, err := d.analyze(test.sql)
		if err != nil {
			t.Errorf("%s: %v", test.sql, err)
			continue
		}
		if got := p.String(); got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.sql, got, test.want)
		}
	}
}
