package postgres

import (
	"context"
	"regexp"
	"slices"
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

// openSchema is that of open applications on PostgreSQL, as far as the statements below
// need it.
const openSchema = `
	CREATE EXTENSION IF NOT EXISTS citext;
	CREATE TABLE statuses (id int8 PRIMARY KEY, account_id int8 NOT NULL, reblog_of_id int8, in_reply_to_id int8, text text NOT NULL, visibility int4 NOT NULL, created_at timestamp NOT NULL, deleted_at timestamp);
	CREATE TABLE accounts (id int8 PRIMARY KEY, username text NOT NULL, domain text, display_name text NOT NULL, UNIQUE (username, domain));
	CREATE TABLE notifications (id int8 PRIMARY KEY, account_id int8 NOT NULL, from_account_id int8 NOT NULL, type text NOT NULL);
	CREATE TABLE topics (id int4 PRIMARY KEY, category_id int4, title text NOT NULL, bumped_at timestamp NOT NULL, archetype text NOT NULL, visible bool NOT NULL, deleted_at timestamp, pinned_at timestamp);
	CREATE TABLE posts (id int4 PRIMARY KEY, topic_id int4 NOT NULL, post_number int4 NOT NULL, user_id int4, cooked text NOT NULL, deleted_at timestamp, UNIQUE (topic_id, post_number));
	CREATE TABLE members (id int4 PRIMARY KEY, username_lower varchar(60) NOT NULL UNIQUE, name text, trust_level int4 NOT NULL);
	CREATE TABLE issues (id int4 PRIMARY KEY, project_id int4 NOT NULL, iid int4 NOT NULL, title text, state_id int2 NOT NULL, due_date date, updated_at timestamptz NOT NULL, UNIQUE (project_id, iid));
	CREATE TABLE namespaces (id int4 PRIMARY KEY, path text NOT NULL, name text NOT NULL, parent_id int4);
	CREATE TABLE repository (id int8 PRIMARY KEY, owner_id int8, lower_name varchar(255) NOT NULL, name varchar(255) NOT NULL, is_private bool, UNIQUE (owner_id, lower_name));
	CREATE TABLE entries (id int8 PRIMARY KEY, user_id int8 NOT NULL, feed_id int8 NOT NULL, hash text NOT NULL, published_at timestamptz NOT NULL, title text NOT NULL, status text NOT NULL, starred bool NOT NULL, UNIQUE (feed_id, hash));
	CREATE TABLE feeds (id int8 PRIMARY KEY, user_id int8 NOT NULL, title text NOT NULL, next_check_at timestamptz, disabled bool NOT NULL);
	CREATE TABLE memo (id int4 PRIMARY KEY, uid text NOT NULL UNIQUE, creator_id int4 NOT NULL, created_ts int8 NOT NULL, row_status text NOT NULL, content text NOT NULL, visibility text NOT NULL);
	CREATE TABLE dashboard (id int4 PRIMARY KEY, slug text NOT NULL, title text NOT NULL, org_id int8 NOT NULL, uid varchar(40), folder_id int8 NOT NULL, UNIQUE (org_id, uid));
	CREATE TABLE event_entity (id varchar(36) PRIMARY KEY, realm_id varchar(255), type varchar(255), event_time int8);
	CREATE TABLE invites (id uuid PRIMARY KEY, email citext NOT NULL, token uuid NOT NULL UNIQUE, expires_at timestamptz NOT NULL);`

// statementsOfOthers are those of open applications, in their own words but for the
// columns that are left out.
var statementsOfOthers = []pgStatement{
	{`SELECT id, text, created_at FROM statuses WHERE account_id = $1 AND id < $2 AND deleted_at IS NULL ORDER BY id DESC LIMIT $3`,
		`public.statuses[id=#1]{text created_at} public.statuses[account_id=?1 deleted_at=NULL]{id account_id deleted_at}(id<?2)↓id`},
	{`SELECT id, text FROM statuses WHERE account_id = $1 AND id > $2 AND id < $3 ORDER BY id DESC LIMIT 40`,
		`public.statuses[id=#1]{text} public.statuses[account_id=?1]{id account_id}(?2<id<?3)↓id`},
	{`SELECT id, text FROM statuses WHERE in_reply_to_id = ANY ($1::int8[])`,
		`public.statuses[in_reply_to_id=?1…]{id in_reply_to_id text}`},
	{`SELECT id, display_name FROM accounts WHERE lower(username) = lower($1) AND domain IS NULL`,
		`public.accounts[id=#1]{id display_name} public.accounts[lower(username)=?1 domain=NULL]{username domain}`},
	{`SELECT id, display_name FROM accounts WHERE lower(username) = lower($1) AND lower(coalesce(domain, '')) = lower($2)`,
		`public.accounts[id=#1]{id display_name} public.accounts[lower(username)=?1 lower(domain)=?2]{username domain} public.accounts[lower(username)=?1 domain=NULL]{username domain}`},
	{`SELECT id, type, from_account_id FROM notifications WHERE account_id = $1 AND type NOT IN ('poll', 'status') AND id < $2 ORDER BY id DESC LIMIT 15`,
		`public.notifications[id=#1]{from_account_id} public.notifications[account_id=?1]{id account_id type}(id<?2)↓id`},
	{`SELECT id, title, bumped_at FROM topics WHERE deleted_at IS NULL AND archetype <> 'private_message' AND bumped_at < $1 ORDER BY bumped_at DESC LIMIT 30`,
		`public.topics[id=#1]{id title} public.topics[deleted_at=NULL]{bumped_at archetype deleted_at}(bumped_at<?1)↓bumped_at`},
	{`SELECT id, title FROM topics WHERE visible AND category_id = $1 AND pinned_at IS NULL ORDER BY bumped_at DESC LIMIT 30`,
		`public.topics[category_id=?1 visible=1 pinned_at=NULL]{id category_id title bumped_at visible pinned_at}`},
	{`SELECT id, cooked FROM posts WHERE topic_id = $1 AND post_number BETWEEN $2 AND $3 AND deleted_at IS NULL ORDER BY post_number`,
		`public.posts[id=#1]{id cooked} public.posts[topic_id=?1 deleted_at=NULL]{topic_id post_number deleted_at}(?2<post_number<?3)`},
	{`SELECT max(post_number) FROM posts WHERE topic_id = $1`,
		`public.posts[topic_id=?1]{topic_id post_number}↓post_number`},
	{`SELECT p.id, p.cooked, m.name FROM posts p LEFT JOIN members m ON m.id = p.user_id WHERE p.topic_id = $1 AND p.post_number > $2 ORDER BY p.post_number LIMIT 20`,
		`public.members{id name} by SELECT DISTINCT p0."user_id" FROM "public"."posts" AS p0 WHERE p0."topic_id" IN ($1) public.posts[id=#1]{id cooked} public.posts[topic_id=?1]{topic_id post_number user_id}(?2<post_number)`},
	{`SELECT id, name FROM members WHERE username_lower = lower($1)`,
		`public.members[id=#1]{id name} public.members[lower(username_lower)=?1]{username_lower}`},
	{`SELECT id, name FROM members WHERE trust_level >= $1 AND trust_level <= $2 ORDER BY id`,
		`public.members[id=#1]{name} public.members{id trust_level}(?1<trust_level<?2)`},
	{`SELECT id, title, iid FROM issues WHERE project_id = $1 AND ($2::int2 IS NULL OR state_id = $2) ORDER BY iid DESC LIMIT 20`,
		`public.issues[id=#1]{id title} public.issues[project_id=?1]{project_id iid state_id}↓iid; given public.issues[id=#1]{id title} public.issues[project_id=?1 state_id=?2]{project_id iid state_id}↓iid`},
	{`SELECT id, updated_at FROM issues WHERE project_id = $1 AND (updated_at, id) < ($2, $3) ORDER BY updated_at DESC, id DESC LIMIT 100`,
		`public.issues[project_id=?1]{id project_id updated_at}(updated_at<?2)↓updated_at`},
	{`SELECT count(*) FROM issues WHERE project_id = $1 AND due_date BETWEEN '2024-01-01' AND '2024-01-31'`,
		`public.issues[project_id=?1]{project_id due_date}(8766<due_date<8796)`},
	{`SELECT id, name FROM namespaces WHERE lower(path) = $1 OR lower(name) = $1`,
		`public.namespaces[id=#1]{id} public.namespaces[lower(path)=?1]{path name} public.namespaces[lower(name)=?1]{path name}`},
	{`SELECT id, name FROM repository WHERE owner_id = $1 AND lower_name = lower($2)`,
		`public.repository[id=#1]{id name} public.repository[lower(lower_name)=?2 owner_id=?1]{owner_id lower_name}`},
	{`SELECT id, name FROM repository WHERE owner_id = $1 AND (is_private = false OR $2)`,
		`public.repository[id=#1]{id name} public.repository[owner_id=?1]{owner_id is_private}; given public.repository[id=#1]{id name} public.repository[owner_id=?1 is_private=0]{owner_id is_private}`},
	{`SELECT id, title, published_at FROM entries WHERE user_id = $1 AND status = $2 AND (published_at < $3 OR (published_at = $3 AND id < $4)) ORDER BY published_at DESC, id DESC LIMIT 30`,
		`public.entries[id=#1]{title} public.entries[user_id=?1 status=?2]{id user_id published_at status}(published_at<?3|?3)↓published_at`},
	{`SELECT count(*) FROM entries WHERE user_id = $1 AND feed_id = $2 AND status = 'unread'`,
		`public.entries[user_id=?1 feed_id=?2 status="unread"]{user_id feed_id status}`},
	{`SELECT id, title FROM feeds WHERE user_id = $1 AND title = coalesce($2, title) ORDER BY id`,
		`public.feeds[user_id=?1]{id user_id title}; given public.feeds[user_id=?1 title=?2]{id user_id title}`},
	{`SELECT id, title FROM feeds WHERE disabled IS FALSE AND next_check_at < $1 ORDER BY next_check_at LIMIT 50`,
		`public.feeds[id=#1]{id title} public.feeds[disabled=0]{next_check_at disabled}(next_check_at<?1)`},
	{`SELECT id, content FROM memo WHERE row_status = 'NORMAL' AND (creator_id = $1 OR visibility IN ('PUBLIC', 'PROTECTED')) ORDER BY id DESC LIMIT 20`,
		`public.memo[id=#1]{content} public.memo[creator_id=?1 row_status="NORMAL"]{id creator_id row_status visibility}↓id public.memo[row_status="NORMAL" visibility="PUBLIC"][row_status="NORMAL" visibility="PROTECTED"]{id creator_id row_status visibility}↓id`},
	{`SELECT id, title FROM dashboard WHERE org_id = $1 AND ($2 = 0 OR folder_id = $2) ORDER BY id`,
		`public.dashboard[id=#1]{title} public.dashboard[org_id=?1]{id org_id folder_id}; given public.dashboard[id=#1]{title} public.dashboard[org_id=?1 folder_id=?2]{id org_id folder_id}`},
	{`SELECT uid, title FROM dashboard WHERE org_id = $1 AND uid IS NOT DISTINCT FROM $2`,
		`public.dashboard[org_id=?1 uid=?2][org_id=?1 uid=NULL]{title org_id uid}`},
	{`SELECT id, type FROM event_entity WHERE realm_id = $1 AND event_time >= $2 AND event_time < $3 ORDER BY event_time DESC`,
		`public.event_entity[id=#1]{id type} public.event_entity[realm_id=?1]{realm_id event_time}(?2<event_time<?3)`},
	{`SELECT id, email, expires_at FROM invites WHERE email = $1 AND expires_at > now()`,
		`public.invites[id=#1]{id} public.invites[lower(email)=?1]{email expires_at} until #3`},
	{`SELECT id, email FROM invites WHERE token = $1`,
		`public.invites[token=?1]{id email token}`},
}

// reachedStatements is how many of them are as fine as is right. It only grows.
const reachedStatements = 74

// TestStatementsOfApplications says of statements what they depend on, and which of them
// depend on more than is right.
func TestStatementsOfApplications(t *testing.T) {
	t.Parallel()
	server := testenv.StartPostgres(t)
	server.Psql("postgres", blogSchema)
	server.Psql("postgres", openSchema)
	db := analysing(t, server)
	reached := 0
	all := slices.Concat(statementsOfApplications, statementsOfOthers)
	for i, s := range all {
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
	t.Logf("%d of %d are right", reached, len(all))
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
