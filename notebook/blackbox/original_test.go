package blackbox_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// original are the fields that the answers of the site's first back end have,
// which its front ends were written for, by operation. Ours have them all, and
// may have more.
var original = merged(
	map[string][]string{
		"GET /":       {"message text"},
		"GET /health": {"status text"},

		"POST /api/auth/token": one(append(under("user.", append(userFields, "is_admin bool", "is_moderator bool", "is_super_admin bool")...),
			append(tokenFields, "refresh_token text")...)...),
		"POST /api/auth/refresh":                  one(tokenFields...),
		"POST /api/auth/send_verification_code":   envelope,
		"POST /api/auth/send_reset_password_code": envelope,
		"POST /api/auth/user/check_register":      envelope,
		"POST /api/auth/user/register":            envelope,
		"POST /api/auth/reset_password":           envelope,

		"GET /api/users/me":                one(append(userFields, "avatar_url text?", "avatar_updated_at text?", "is_muted bool", "muted_until text?")...),
		"PUT /api/users/me/password":       envelope,
		"POST /api/users/me/avatar":        one("avatar_url text", "avatar_updated_at text"),
		"DELETE /api/users/me/avatar":      envelope,
		"GET /api/users/stars":             pageOf(starFields...),
		"GET /api/users/me/upload-history": pageOf(uploadFields...),
		"GET /api/users/me/upload-stats":   one("total number", "success number", "pending number", "failed number", "knowledge number", "persona number"),
		"GET /api/users/me/dashboard-stats": one("totalUploads number", "knowledgeUploads number", "personaUploads number", "totalDownloads number",
			"knowledgeDownloads number", "personaDownloads number", "totalStars number", "knowledgeStars number", "personaStars number"),
		"GET /api/users/me/dashboard-trends": one(append([]string{"days number"},
			under("items[].", "date text", "knowledgeDownloads number", "personaDownloads number", "knowledgeStars number", "personaStars number")...)...),

		"GET /api/comments":                list(commentFields...),
		"POST /api/comments":               one(commentFields...),
		"POST /api/comments/{id}/react":    one(reactionFields...),
		"DELETE /api/comments/{id}":        one("id text"),
		"POST /api/comments/{id}/restore":  one("id text"),
		"POST /api/messages/send":          one("message_ids[] text", "status text", "count number"),
		"GET /api/messages":                list(messageFields...),
		"GET /api/messages/by-type/{type}": list(messageFields...),
		"GET /api/messages/{id}":           one(messageFields...),
		"POST /api/messages/{id}/read":     envelope,
		"PUT /api/messages/{id}":           one("updated_count number"),
		"DELETE /api/messages/{id}":        one("deleted_count number"),
		"GET /api/admin/broadcast-messages": pageOf("id text", "sender_id text", "sender.id text", "sender.username text", "sender.email text", "title text",
			"content text", "message_type text", "broadcast_scope text", "created_at text", "stats.total_sent number", "stats.total_read number",
			"stats.total_unread number"),

		"GET /api/admin/stats":        one("totalUsers number", "totalKnowledge number", "totalPersonas number", "pendingKnowledge number", "pendingPersonas number"),
		"GET /api/admin/recent-users": pageOf(append(userFields, "createdAt text")...),
		"GET /api/admin/users": pageOf(append(userFields, "is_active bool", "createdAt text", "knowledgeCount number", "personaCount number",
			"lastUploadAt text?", "lastLoginAt text?", "lockedUntil text?", "isMuted bool", "mutedUntil text?", "banReason text?", "muteReason text?")...),
		"POST /api/admin/users":             one(userFields...),
		"PUT /api/admin/users/{id}/role":    one("id text", "username text", "role text"),
		"POST /api/admin/users/{id}/mute":   one("userId text", "isMuted bool", "mutedUntil text?", "muteReason text"),
		"POST /api/admin/users/{id}/unmute": one("userId text", "isMuted bool", "mutedUntil text?"),
		"POST /api/admin/users/{id}/ban":    one("locked_until text", "ban_reason text"),
		"POST /api/admin/users/{id}/unban":  envelope,
		"DELETE /api/admin/users/{id}":      envelope,
		"GET /api/admin/cache/stats":        one(cacheFields...),
		"POST /api/admin/cache/stats/reset": envelope,
		"GET /api/dictionary/translation":   one("blocks object", "tokens object"),
		"POST /api/moderation/check":        append(under("result.", "decision text", "confidence number", "violation_types list"), envelope...),
		"GET /api/moderation/health":        one("status text", "model text"),
		"GET /api/metrics/health":           {"status text", "cache_enabled bool", "message text"},
		"GET /api/metrics/cache": append(under("metrics.", "hits_total number", "misses_total number", "degradation_total number", "enabled_status bool"),
			"cache_enabled bool", "hit_rate text", "hit_rate_value number"),
	},
	originalOf("persona"), originalOf("knowledge"),
)

func originalOf(kind string) map[string][]string {
	base, review := "/api/"+kind+"/", "/api/review/"+kind+"/"
	return map[string][]string{
		"POST " + base + "upload":           one(itemFields...),
		"GET " + base + "public":            pageOf(itemFields...),
		"GET " + base + "user/{user_id}":    pageOf(itemFields...),
		"GET " + base + "{id}":              one(append(itemFields, under("files[].", itemFileFields...)...)...),
		"GET " + base + "{id}/starred":      one("starred bool"),
		"PUT " + base + "{id}":              one(itemFields...),
		"POST " + base + "{id}/star":        envelope,
		"DELETE " + base + "{id}/star":      envelope,
		"DELETE " + base + "{id}":           envelope,
		"POST " + base + "{id}/files":       envelope,
		"DELETE " + base + "{id}/{file_id}": envelope,
		"GET " + review + "pending":         pageOf(itemFields...),
		"POST " + review + "{id}/approve":   envelope,
		"POST " + review + "{id}/reject":    envelope,
	}
}

// ours are the operations that the first back end has not, or whose answers are
// no JSON.
var ours = []string{
	"POST /api/refresh", "POST /api/auth/logout", "GET /api/admin/cache/advice", "GET /api/admin/cache/explain",
	"POST /api/admin/cache/invalidate", "GET /api/user/stars", "GET /api/ws/{token}",
	"GET /api/users/{id}/avatar", "GET /uploads/avatars/{path}", "GET /api/metrics/prometheus",
	"GET /api/persona/{id}/download", "GET /api/knowledge/{id}/download", "GET /api/persona/{id}/file/{file_id}", "GET /api/knowledge/{id}/file/{file_id}",
}

func merged(maps ...map[string][]string) map[string][]string {
	all := map[string][]string{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

// A scribe keeps what was answered to successful requests, by operation.
type scribe struct {
	next http.RoundTripper
	document
	mu     sync.Mutex
	bodies map[string][][]byte
}

func (c *scribe) RoundTrip(r *http.Request) (*http.Response, error) {
	w, err := c.next.RoundTrip(r)
	if err != nil || w.StatusCode >= 300 {
		return w, err
	}
	body, err := io.ReadAll(w.Body)
	if err != nil {
		return w, err
	}
	w.Body = struct {
		io.Reader
		io.Closer
	}{bytes.NewReader(body), w.Body}
	c.keep(r.Method, r.URL.Path, body)
	return w, nil
}

func (c *scribe) keep(method, path string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	operation := c.operation(method, path)
	c.bodies[operation] = append(c.bodies[operation], body)
}

// TestOriginalFields carries out every operation of the document, and looks in
// each answer for every field that the first back end gives.
func TestOriginalFields(t *testing.T) {
	t.Parallel()
	w := newEverything(t)
	doc := w.document()
	seen := &scribe{next: w.http.Transport, document: doc, bodies: map[string][][]byte{}}
	w.http.Transport = seen
	for _, g := range w.gets() {
		for _, as := range g.as {
			for _, path := range g.paths {
				seen.keep(http.MethodGet, path, read{as, path}.peek(w.site).want(http.StatusOK).body)
			}
		}
	}
	for _, path := range []string{"/health", "/api/metrics/cache", "/api/metrics/health", "/api/admin/cache/stats"} {
		w.as("admin").once(path).want(http.StatusOK)
	}
	for _, s := range story() {
		s.do(w)
	}
	for operation := range doc {
		fields, known := original[operation]
		if known == slices.Contains(ours, operation) {
			t.Errorf("%s: of the first back end: %v; ours: %v", operation, known, !known)
		}
		if !known {
			continue
		}
		never := fields
		for _, body := range seen.bodies[operation] {
			missing, open := lacks(body, fields)
			if len(missing) > 0 {
				t.Errorf("%s lacks %s: %.1000s", operation, strings.Join(missing, "; "), body)
			}
			never = slices.DeleteFunc(slices.Clone(never), func(f string) bool { return !slices.Contains(open, f) })
		}
		if len(never) > 0 {
			t.Errorf("%s: no answer shows whether it has %s", operation, strings.Join(never, ", "))
		}
	}
	for operation := range maps.Keys(original) {
		if _, ok := doc[operation]; !ok {
			t.Errorf("%s is not there", operation)
		}
	}
}
