package dialect

import (
	"strings"
	"testing"
)

// applications are tables of open applications on SQLite, as far as their statements
// below need them.
const applications = `
	CREATE TABLE memo (id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, creator_id INTEGER NOT NULL, created_ts BIGINT NOT NULL, updated_ts BIGINT NOT NULL, row_status TEXT NOT NULL, content TEXT NOT NULL, visibility TEXT NOT NULL, pinned INTEGER NOT NULL);
	CREATE TABLE heartbeats (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, entity TEXT NOT NULL, project TEXT, time TIMESTAMP, language TEXT);
	CREATE TABLE summaries (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, from_time TIMESTAMP NOT NULL, to_time TIMESTAMP NOT NULL, num_heartbeats INTEGER);
	CREATE TABLE tracks (id INTEGER PRIMARY KEY, album_id INTEGER, filename TEXT NOT NULL, tag_title TEXT, tag_brainz_id TEXT, UNIQUE (album_id, filename));
	CREATE TABLE plays (id INTEGER PRIMARY KEY, user_id INTEGER, album_id INTEGER, time DATETIME, count INTEGER, UNIQUE (user_id, album_id));
	CREATE TABLE bookmark (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, title TEXT NOT NULL, public INTEGER NOT NULL, modified_at TEXT NOT NULL);
	CREATE TABLE tag (id INTEGER PRIMARY KEY, name VARCHAR(250) NOT NULL UNIQUE);
	CREATE TABLE records (id TEXT PRIMARY KEY NOT NULL, email TEXT NOT NULL, username TEXT NOT NULL, token TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
	CREATE TABLE ciphers (uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT, organization_uuid TEXT, name TEXT NOT NULL, deleted_at DATETIME);
	CREATE TABLE attachments (id BLOB PRIMARY KEY NOT NULL, cipher_uuid TEXT NOT NULL, size INTEGER NOT NULL);
	CREATE TABLE device (uuid UUID NOT NULL PRIMARY KEY, user_uuid UUID NOT NULL, name TEXT NOT NULL, seen DATE);
	CREATE TABLE issue (id INTEGER PRIMARY KEY, repo_id INTEGER NOT NULL, "index" INTEGER NOT NULL, poster_id INTEGER, name TEXT, is_closed INTEGER, created_unix INTEGER, updated_unix INTEGER, UNIQUE (repo_id, "index"));
	CREATE TABLE user (id INTEGER PRIMARY KEY, lower_name TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE, email TEXT NOT NULL);
	CREATE TABLE monitor (id INTEGER PRIMARY KEY, name VARCHAR(150), active BOOLEAN NOT NULL, user_id INTEGER);
	CREATE TABLE heartbeat (id INTEGER PRIMARY KEY, monitor_id INTEGER NOT NULL, status SMALLINT NOT NULL, msg TEXT, time DATETIME NOT NULL, important BOOLEAN NOT NULL);
	CREATE TABLE entries (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, feed_id INTEGER NOT NULL, hash TEXT NOT NULL, published_at TIMESTAMP NOT NULL, title TEXT NOT NULL, status TEXT NOT NULL, starred BOOLEAN NOT NULL, UNIQUE (feed_id, hash));
	CREATE TABLE dashboard (id INTEGER PRIMARY KEY, slug TEXT NOT NULL, title TEXT NOT NULL, org_id INTEGER NOT NULL, folder_id INTEGER NOT NULL, uid TEXT, UNIQUE (org_id, uid));
	CREATE TABLE invoice (id INTEGER PRIMARY KEY, number NUMERIC NOT NULL UNIQUE, customer INTEGER NOT NULL, total NUMERIC NOT NULL, due DATE NOT NULL);
	CREATE TABLE message (id INTEGER PRIMARY KEY, sender INTEGER NOT NULL, recipient INTEGER NOT NULL, body TEXT NOT NULL, sent INTEGER NOT NULL);
	CREATE VIRTUAL TABLE bookmarks USING fts5(title, body);
	CREATE TABLE bookmarks_tags (bookmark INTEGER NOT NULL, tag INTEGER NOT NULL, PRIMARY KEY (bookmark, tag));`

// What these applications ask, in their own words but for the columns that are left out,
// depends on no more than it has to. given is the plan for arguments that select by every
// optional filter.
func TestStatementsOfApplications(t *testing.T) {
	t.Parallel()
	d := openDatabase(t, applications)
	for _, test := range []struct{ of, sql, want, given string }{
		// Pages and ranges.
		{"memos", "SELECT id, created_ts, content FROM memo WHERE creator_id = ? AND created_ts < ? ORDER BY created_ts DESC, id DESC LIMIT ?", "memo[id=#1]{content} memo[creator_id=?1]{id creator_id created_ts}(created_ts<?2)↓created_ts", ""},
		{"memos", "SELECT id, content FROM memo WHERE row_status = ? AND id < ? ORDER BY id DESC LIMIT 20", "memo[id=#1]{content} memo[row_status=?1]{id row_status}(id<?2)↓id", ""},
		{"wakapi", "SELECT id, time, entity FROM heartbeats WHERE user_id = ? AND time >= ? AND time < ? ORDER BY time, id", "heartbeats[id=#1]{entity} heartbeats[user_id=?1]{id user_id time}(?2<time<?3)", ""},
		{"wakapi", "SELECT id, from_time, to_time FROM summaries WHERE user_id = ? AND from_time >= ? AND to_time <= ? ORDER BY from_time, id", "summaries[user_id=?1]{id user_id from_time to_time}(?2<from_time)", ""},
		{"wakapi", "SELECT count(*) FROM heartbeats WHERE user_id = ? AND time BETWEEN ? AND ?", "heartbeats[user_id=?1]{user_id time}(?2<time<?3)", ""},
		{"gonic", "SELECT album_id, count FROM plays WHERE user_id = ? AND time > ? ORDER BY album_id", "plays[user_id=?1]{*}(?2<time) (no total order)", ""},
		{"gitea", "SELECT id, created_unix, name FROM issue WHERE repo_id = ? AND (created_unix, id) < (?, ?) ORDER BY created_unix DESC, id DESC LIMIT 20", "issue[id=#1]{name} issue[repo_id=?1]{id repo_id created_unix}(created_unix<?2)↓created_unix", ""},
		{"gitea", "SELECT count(*) FROM issue WHERE repo_id = ? AND is_closed = 0 AND updated_unix >= ?", "issue[repo_id=?1 is_closed=0]{repo_id is_closed updated_unix}(?2<updated_unix)", ""},
		{"uptime kuma", "SELECT id, time, status FROM heartbeat WHERE monitor_id = ? AND time > ? ORDER BY time DESC, id DESC LIMIT 100", "heartbeat[id=#1]{status} heartbeat[monitor_id=?1]{id monitor_id time}(?2<time)↓time", ""},
		{"miniflux", "SELECT id, published_at, title FROM entries WHERE user_id = ? AND status = ? AND (published_at < ? OR (published_at = ? AND id < ?)) ORDER BY published_at DESC, id DESC LIMIT 30", "entries[id=#1]{title} entries[user_id=?1 status=?2]{id user_id published_at status}(published_at<?3|?4)↓published_at", ""},
		{"invoices", "SELECT id, total FROM invoice WHERE due BETWEEN '2024-01-01' AND '2024-01-31' ORDER BY id", `invoice[id=#1]{total} invoice{id due}("2024-01-01"<due<"2024-01-31")`, ""},
		{"pocketbase", "SELECT id, email FROM records WHERE id > ? ORDER BY id LIMIT 30", "records[id=#1]{email} records{id}(?1<id)↑id", ""},

		// Optional filters.
		{"memos", "SELECT id, content FROM memo WHERE (?1 IS NULL OR creator_id = ?1) AND (?2 IS NULL OR visibility = ?2) ORDER BY id", "memo[id=#1]{content} memo{id creator_id visibility}", "memo[id=#1]{content} memo[creator_id=?1 visibility=?2]{id creator_id visibility}"},
		{"grafana", "SELECT id, title FROM dashboard WHERE org_id = ? AND (:folder = 0 OR folder_id = :folder) ORDER BY id", "dashboard[id=#1]{title} dashboard[org_id=?1]{id org_id folder_id}", "dashboard[id=#1]{title} dashboard[org_id=?1 folder_id=:folder]{id org_id folder_id}"},
		{"linkding", "SELECT id, title FROM bookmark WHERE url = coalesce(:url, url) ORDER BY id", "bookmark[id=#1]{title} bookmark{id url}", "bookmark[url=:url]{id url title}"},
		{"miniflux", "SELECT count(*) FROM entries WHERE user_id = ?1 AND (?2 = '' OR status = ?2) AND (?3 IS NULL OR published_at > ?3)", "entries[user_id=?1]{user_id published_at status}", "entries[user_id=?1 status=?2]{user_id published_at status}(?3<published_at)"},

		// One key or another.
		{"vaultwarden", "SELECT uuid, name FROM ciphers WHERE user_uuid = ? OR organization_uuid = ? ORDER BY uuid", "ciphers[uuid=#1]{name} ciphers[user_uuid=?1]{uuid user_uuid organization_uuid} ciphers[organization_uuid=?2]{uuid user_uuid organization_uuid}", ""},
		{"gitea", "SELECT id FROM user WHERE name = ? OR email = ?", "user[name=?1]{*} user[email=?2]{*} (no total order)", ""},
		{"chat", "SELECT id, body FROM message WHERE (sender = ?1 AND recipient = ?2) OR (sender = ?2 AND recipient = ?1) ORDER BY id", "message[id=#1]{body} message[sender=?1 recipient=?2][sender=?2 recipient=?1]{id sender recipient}", ""},
		{"gonic", "SELECT id, tag_title FROM tracks WHERE album_id = ? AND (tag_brainz_id = ? OR filename = ?) ORDER BY id", "tracks[id=#1]{tag_title} tracks[album_id=?1 tag_brainz_id=?2]{id album_id filename tag_brainz_id} tracks[album_id=?1 filename=?3]{id album_id filename tag_brainz_id}", ""},

		// Case.
		{"linkding", "SELECT id, name FROM tag WHERE lower(name) = lower(?)", "tag[lower(name)=?1]{*} (no total order)", ""},
		{"pocketbase", "SELECT id, token FROM records WHERE lower(email) = ?", "records[lower(email)=?1]{*} (no total order)", ""},
		{"gitea", "SELECT id FROM user WHERE email = ? COLLATE NOCASE", "user[lower(email)=?1]{*} (no total order)", ""},
		{"vaultwarden", "SELECT id FROM user WHERE lower_name = lower(?)", "user[lower(lower_name)=?1]{*} (no total order)", ""},

		// Values that may be missing, and keys of any type.
		{"vaultwarden", "SELECT uuid FROM ciphers WHERE user_uuid = ? AND coalesce(deleted_at, '') = '' ORDER BY uuid", `ciphers[user_uuid=?1 deleted_at=""][user_uuid=?1 deleted_at=NULL]{uuid user_uuid deleted_at}`, ""},
		{"vaultwarden", "SELECT name FROM device WHERE uuid = '550e8400-e29b-41d4-a716-446655440000'", `device[uuid="550e8400-e29b-41d4-a716-446655440000"]{uuid name}`, ""},
		{"vaultwarden", "SELECT size FROM attachments WHERE id = ?", "attachments[id=?1]{id size}", ""},
		{"invoices", "SELECT total FROM invoice WHERE number = 'R-2024-17'", `invoice[number="R-2024-17"]{number total}`, ""},
		{"linkding", "SELECT tag FROM bookmarks_tags WHERE bookmark = ? ORDER BY tag", "bookmarks_tags[bookmark=?1]{*}", ""},
		{"shiori", "SELECT id, name FROM tag WHERE id IN (" + marks(80) + ") ORDER BY id", "tag[id=?1…80]{*}", ""},
	} {
		p, err := d.analyze(test.sql)
		if err != nil {
			t.Errorf("%s: %v", test.sql, err)
			continue
		}
		if got := p.String(); got != test.want {
			t.Errorf("%s: %s\n got %s\nwant %s", test.of, test.sql, got, test.want)
		}
		given := ""
		if len(p.Guards) > 0 {
			given = p.Under(p.Guards).String()
		}
		if given != test.given {
			t.Errorf("%s: %s\ngiven %s\n want %s", test.of, test.sql, given, test.given)
		}
	}
}

// marks returns so many parameters.
func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }
