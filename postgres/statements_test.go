package postgres

import (
	"context"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/testenv"
)

// blogSchema is that of applications whose statements are analysed.
const blogSchema = `
	CREATE EXTENSION IF NOT EXISTS citext;
	CREATE TABLE users (id int8 PRIMARY KEY, name text NOT NULL, email citext, slug text UNIQUE, bio text, karma int4 NOT NULL DEFAULT 0);
	CREATE TABLE articles (id int8 PRIMARY KEY, slug text NOT NULL UNIQUE, title text NOT NULL, body text NOT NULL DEFAULT '', author_id int8 NOT NULL REFERENCES users (id),
		created_at timestamptz NOT NULL, deleted_at timestamptz, meta jsonb, labels text[], status varchar(20) NOT NULL DEFAULT 'new', score int4 NOT NULL DEFAULT 0);
	CREATE TABLE tags (id int8 PRIMARY KEY, name text NOT NULL UNIQUE);
	CREATE TABLE article_tags (article_id int8 NOT NULL REFERENCES articles (id), tag_id int8 NOT NULL REFERENCES tags (id), PRIMARY KEY (article_id, tag_id));
	CREATE TABLE follows (follower_id int8 NOT NULL REFERENCES users (id), followed_id int8 NOT NULL REFERENCES users (id), PRIMARY KEY (follower_id, followed_id));
	CREATE TABLE favorites (user_id int8 NOT NULL REFERENCES users (id), article_id int8 NOT NULL REFERENCES articles (id), PRIMARY KEY (user_id, article_id));
	CREATE TABLE comments (id int8 PRIMARY KEY, article_id int8 NOT NULL REFERENCES articles (id), author_id int8 NOT NULL REFERENCES users (id), parent_id int8, body text NOT NULL, created_at timestamptz NOT NULL);
	CREATE TABLE votes (user_id int8 NOT NULL, comment_id int8 NOT NULL, up bool NOT NULL, PRIMARY KEY (user_id, comment_id));
	CREATE TABLE products (id int8 PRIMARY KEY, category_id int4 NOT NULL, name text NOT NULL, price numeric(10,2) NOT NULL);
	CREATE TABLE stock (product_id int8 PRIMARY KEY REFERENCES products (id), amount int4 NOT NULL);
	CREATE TABLE orders (id int8 PRIMARY KEY, user_id int8 NOT NULL REFERENCES users (id), status text NOT NULL, total numeric(10,2) NOT NULL, note text);
	CREATE TABLE items (order_id int8 NOT NULL REFERENCES orders (id), product_id int8 NOT NULL REFERENCES products (id), amount int4 NOT NULL, PRIMARY KEY (order_id, product_id));
	CREATE TABLE sessions (id uuid PRIMARY KEY, user_id int8 NOT NULL, expires_at timestamptz NOT NULL);`

// A pgStatement is a text with the dependency that is the finest which is sound without
// reading more than the query does.
type pgStatement struct {
	text  string
	right string // as a plan is written, "; given" before the one for arguments that select by every optional filter; "a write" and "refused" are what they say
}

// statementsOfApplications are in the styles of sqlc, gorm, bun, ent, and of people.
var statementsOfApplications = []pgStatement{
	{`SELECT id, title, body FROM articles WHERE id = $1 LIMIT 1`, `public.articles[id=?1]{id title body}`},
	{`SELECT * FROM articles WHERE articles.id = $1 AND articles.deleted_at IS NULL ORDER BY articles.id LIMIT 1`, `public.articles[id=?1]{*}`},
	{`SELECT u.id, u.name FROM users AS u WHERE u.id IN (1, 2, 3)`, `public.users[id=1][id=2][id=3]{id name}`},
	{`SELECT id, name FROM users WHERE id = ANY ($1::bigint[])`, `public.users[id=?1…]{id name}`},
	{`SELECT id, name FROM users WHERE email = $1`, `public.users[id=#1]{id name} public.users[lower(email)=?1]{email}`},
	{`SELECT id, name FROM users WHERE lower(name) = lower($1)`, `public.users[id=#1]{id} public.users[lower(name)=?1]{name}`},
	{`SELECT a.id, a.title, u.id, u.name FROM articles a JOIN users u ON u.id = a.author_id WHERE a.slug = $1`,
		`public.articles[slug=?1]{id slug title author_id} public.users{id}? public.users[id=#3]{id name}`},
	{`SELECT a.id, a.title, a.created_at, a.author_id, u.name FROM articles a JOIN users u ON u.id = a.author_id ORDER BY a.created_at DESC LIMIT $1 OFFSET $2`,
		`public.articles[id=#1]{id title} public.articles{author_id created_at}↓created_at public.users{id}? public.users[id=#4]{id name}`},
	{`SELECT a.id, a.title, a.created_at, a.author_id, u.name FROM articles a JOIN users u ON u.id = a.author_id JOIN follows f ON f.followed_id = a.author_id WHERE f.follower_id = $1 ORDER BY a.created_at DESC LIMIT 20`,
		`public.articles[id=#1]{id title} public.articles{author_id created_at}↓created_at public.follows[follower_id=?1]{*} public.users{id}? public.users[id=#4]{id name}`},
	{`SELECT a.id, a.title, (SELECT count(*) FROM favorites f WHERE f.article_id = a.id), EXISTS (SELECT 1 FROM favorites f WHERE f.article_id = a.id AND f.user_id = $2) FROM articles a WHERE a.slug = $1`,
		`public.articles[slug=?1]{id slug title} public.favorites[article_id=#1]{*} public.favorites[user_id=?2 article_id=#1]{*}`},
	{`SELECT a.id, a.title, array_agg(t2.name ORDER BY t2.name) FROM articles a JOIN article_tags at ON at.article_id = a.id JOIN tags t ON t.id = at.tag_id JOIN article_tags at2 ON at2.article_id = a.id JOIN tags t2 ON t2.id = at2.tag_id WHERE t.name = $1 GROUP BY a.id`,
		`public.article_tags{*} by SELECT DISTINCT p2."id" FROM "public"."tags" AS p2 WHERE p2."name" IN ($1) public.article_tags{*} by SELECT DISTINCT p0."id" FROM "public"."articles" AS p0, "public"."article_tags" AS p1, "public"."tags" AS p2 WHERE p1."article_id" = p0."id" AND p2."id" = p1."tag_id" AND p2."name" IN ($1) public.articles{id title} by SELECT DISTINCT p1."article_id" FROM "public"."article_tags" AS p1, "public"."tags" AS p2 WHERE p2."id" = p1."tag_id" AND p2."name" IN ($1) public.tags[name=?1]{*} public.tags{*} by SELECT DISTINCT p3."tag_id" FROM "public"."article_tags" AS p3, "public"."articles" AS p0, "public"."article_tags" AS p1, "public"."tags" AS p2 WHERE p3."article_id" = p0."id" AND p1."article_id" = p0."id" AND p2."id" = p1."tag_id" AND p2."name" IN ($1)`},
	{`SELECT t.id, t.name FROM tags t JOIN article_tags at ON at.tag_id = t.id WHERE at.article_id = $1 ORDER BY t.name`,
		`public.article_tags[article_id=?1]{*} public.tags{*}? public.tags[id=#1]{*}`},
	{`SELECT t.name, count(*) FROM tags t JOIN article_tags at ON at.tag_id = t.id GROUP BY t.name ORDER BY count(*) DESC LIMIT 10`,
		`public.article_tags{tag_id} public.tags{*}`},
	{`SELECT c.id, c.body, c.author_id, u.name FROM comments c JOIN users u ON u.id = c.author_id WHERE c.article_id = $1 ORDER BY c.created_at, c.id`,
		`public.comments[id=#1]{body} public.comments[article_id=?1]{id article_id author_id created_at} public.users{id}? public.users[id=#3]{id name}`},
	{`SELECT c.id, c.body, c.author_id, u.name, v.up FROM comments c JOIN users u ON u.id = c.author_id LEFT JOIN votes v ON v.comment_id = c.id AND v.user_id = $2 WHERE c.article_id = $1 ORDER BY c.created_at, c.id`,
		`public.comments[id=#1]{body} public.comments[article_id=?1]{id article_id author_id created_at} public.users{id}? public.users[id=#3]{id name} public.votes[user_id=?2 comment_id=#1]{*}`},
	{`SELECT count(*) FROM articles WHERE author_id = $1`, `public.articles[author_id=?1]{author_id}`},
	{`SELECT id, title, created_at FROM articles WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT 20`, `public.articles[id=#1]{title} public.articles{id created_at}(created_at<?1)↓created_at`},
	{`SELECT id, title FROM articles WHERE id > $1 ORDER BY id LIMIT 20`, `public.articles[id=#1]{title} public.articles{id}(?1<id)↑id`},
	{`SELECT id, title FROM articles WHERE title ILIKE $1 ORDER BY score DESC LIMIT 20`,
		`public.articles[id=#1]{id} public.articles{title score}`},
	{`SELECT id FROM articles WHERE meta->>'lang' = $1`, `public.articles[id=#1]{id} public.articles{meta}`},
	{`SELECT id FROM articles WHERE meta @> $1`, `public.articles[id=#1]{id} public.articles{meta}`},
	{`SELECT id FROM articles WHERE labels @> ARRAY[$1]::text[]`, `public.articles[id=#1]{id} public.articles{labels}`},
	{`SELECT u.id, u.name, a.title FROM users u CROSS JOIN LATERAL (SELECT title FROM articles a WHERE a.author_id = u.id ORDER BY created_at DESC LIMIT 3) a WHERE u.id = ANY ($1::bigint[])`,
		`public.articles[author_id=?1…]{title author_id created_at} public.users[id=?1…]{id name}`},
	{`SELECT DISTINCT ON (author_id) author_id, id, title FROM articles WHERE author_id = ANY ($1::bigint[]) ORDER BY author_id, created_at DESC`, `public.articles[author_id=?1…]{id title author_id created_at}`},
	{`SELECT id, title, rank() OVER (ORDER BY score DESC) FROM articles WHERE author_id = $1`, `public.articles[author_id=?1]{id title author_id score}`},
	{`WITH latest AS (SELECT id, title, author_id FROM articles WHERE status = 'new' ORDER BY created_at DESC LIMIT 10) SELECT l.id, l.title, l.author_id, u.name FROM latest l JOIN users u ON u.id = l.author_id`,
		`public.articles[status="new"]{id title author_id created_at status} public.users{id name} by SELECT DISTINCT p2_0."author_id" FROM "public"."articles" AS p2_0 WHERE p2_0."status" IN ($1)`},
	{`WITH RECURSIVE tree AS (SELECT id, parent_id, body FROM comments WHERE id = $1 UNION ALL SELECT c.id, c.parent_id, c.body FROM comments c JOIN tree t ON c.parent_id = t.id) SELECT * FROM tree`,
		`public.comments[id=?1]{id parent_id body} public.comments{id parent_id body}`},
	{`INSERT INTO votes (user_id, comment_id, up) VALUES ($1, $2, $3) ON CONFLICT (user_id, comment_id) DO UPDATE SET up = excluded.up RETURNING up`, "a write"},
	{`UPDATE articles SET score = score + 1 WHERE id = $1 RETURNING score`, "a write"},
	{`SELECT id FROM orders WHERE status = 'new' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`, "a write"},
	{`SELECT id, total FROM orders WHERE user_id = $1 AND status IN ($2, $3) ORDER BY id DESC LIMIT 20`, `public.orders[user_id=?1 status=?2][user_id=?1 status=?3]{id user_id status total}↓id`},
	{`SELECT o.id, o.status, i.amount, i.product_id, p.name FROM orders o JOIN items i ON i.order_id = o.id JOIN products p ON p.id = i.product_id WHERE o.id = $1`,
		`public.items[order_id=#1 product_id=#4]{amount} public.items[order_id=?1]{order_id product_id} public.orders[id=?1]{id status} public.products{id}? public.products[id=#4]{id name}`},
	{`SELECT sum(total), count(*) FROM orders WHERE user_id = $1`, `public.orders[user_id=?1]{user_id total}`},
	{`SELECT p.id, p.name, p.price, s.amount FROM products p LEFT JOIN stock s ON s.product_id = p.id WHERE p.category_id = $1 AND p.price BETWEEN $2 AND $3 ORDER BY p.price LIMIT 20`,
		`public.products[id=#1]{name} public.products[category_id=?1]{id category_id price}(?2<price<?3)↑price public.stock[product_id=#1]{*}`},
	{`SELECT category_id, min(price), max(price) FROM products GROUP BY category_id`, `public.products{category_id price}`},
	{`SELECT max(score) FROM articles WHERE author_id = $1`, `public.articles[author_id=?1]{author_id score}↓score`},
	{`SELECT u.id, u.name FROM users u WHERE EXISTS (SELECT 1 FROM follows f WHERE f.followed_id = u.id AND f.follower_id = $1)`,
		`public.follows[follower_id=?1]{*} public.users{id}? public.users[id=#1]{id name}`},
	{`SELECT id FROM articles WHERE status NOT IN ('draft', 'gone') ORDER BY score DESC LIMIT 10`,
		`public.articles[id=#1]{id} public.articles{status score}`},
	{`SELECT id, user_id, expires_at FROM sessions WHERE id = $1 AND expires_at > now()`, `public.sessions[id=?1]{*} until #3`},
	{`SELECT id, title FROM articles WHERE author_id = $1 UNION ALL SELECT a.id, a.title FROM articles a JOIN favorites f ON f.article_id = a.id WHERE f.user_id = $1`,
		`public.articles[author_id=?1]{id title author_id} public.articles{id title author_id} by SELECT DISTINCT p1."article_id" FROM "public"."favorites" AS p1 WHERE p1."user_id" IN ($1) public.favorites[user_id=?1]{*}`},
	{`SELECT json_build_object('id', o.id, 'items', (SELECT json_agg(json_build_object('p', i.product_id, 'n', i.amount)) FROM items i WHERE i.order_id = o.id)) FROM orders o WHERE o.user_id = $1 AND o.note = $2`,
		`public.items{*} by SELECT DISTINCT p1_0."id" FROM "public"."orders" AS p1_0 WHERE p1_0."user_id" IN ($1) AND p1_0."note" IN ($2) public.orders[user_id=?1 note=?2]{id user_id note}`},
	{`SELECT count(*) FROM sessions WHERE expires_at > now() - interval '1 hour'`, "refused"},
	{`SELECT count(*) FROM comments WHERE article_id = $1 AND (parent_id IS NULL OR author_id = $2)`, `public.comments[article_id=?1 parent_id=NULL]{article_id author_id parent_id} public.comments[article_id=?1 author_id=?2]{article_id author_id parent_id}`},
	{`SELECT id, title FROM articles WHERE ($1::text IS NULL OR slug = $1)`, `public.articles[id=#1]{id title} public.articles{slug}; given public.articles[slug=?1]{id slug title}`},
	{`SELECT id, title FROM articles WHERE author_id = $1 AND id < $2 ORDER BY id DESC LIMIT 20`, `public.articles[id=#1]{title} public.articles[author_id=?1]{id author_id}(id<?2)↓id`},
	{`SELECT a.id, (SELECT count(*) FROM favorites f WHERE f.article_id = a.id) AS n FROM articles a WHERE a.author_id = $1 ORDER BY n DESC, a.id LIMIT 10`,
		`public.articles[author_id=?1]{id author_id} public.favorites{article_id} by SELECT DISTINCT p1_0."id" FROM "public"."articles" AS p1_0 WHERE p1_0."author_id" IN ($1)`},
}

// reachedStatements is how many of them are as fine as is right. It only grows.
const reachedStatements = 46

// TestStatementsOfApplications says of statements what they depend on, and which of them
// depend on more than is right.
func TestStatementsOfApplications(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", blogSchema)
	db := analysing(t, server)
	reached := 0
	for i, s := range statementsOfApplications {
		k := db.know(s.text)
		is := k.plan.String()
		switch {
		case k.failed:
			t.Errorf("%d: %s: nothing is known", i+1, s.text)
			continue
		case !k.reads:
			is = "a write"
		case k.plan.Refused != "":
			is = "refused"
		case len(k.plan.Guards) > 0:
			is = reason.ReplaceAllString(is, "") + "; given " + k.plan.Under(k.plan.Guards).String()
		}
		if agrees(is, s.right) {
			reached++
		} else {
			t.Logf("%d: %s\n     now %s\n   right %s", i+1, s.text, is, s.right)
		}
	}
	t.Logf("%d of %d are right", reached, len(statementsOfApplications))
	if reached != reachedStatements {
		t.Errorf("%d are right, not %d", reached, reachedStatements)
	}
}

// reason is why a plan is not finer, which is for people.
var reason = regexp.MustCompile(` \([a-z][^()]*\)$`)

// agrees compares a plan with what is right.
func agrees(is, right string) bool { return reason.ReplaceAllString(is, "") == right }

// analysing returns a database of a server that is set up.
func analysing(t *testing.T, server *testenv.Postgres) *database {
	t.Helper()
	dsn := server.DSN("postgres", "postgres")
	if err := Setup(t.Context(), dsn, SetupOptions{}); err != nil {
		t.Fatal(err)
	}
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	db, pool := open(config, cache)
	t.Cleanup(func() {
		_ = pool.Close()
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.CatchUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	return db
}
