package blackbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// lacks returns which of the fields a JSON text lacks, and which of them it
// cannot tell of, because a list on the way to them is empty. A field is a path
// and a type, as in "data[].files[].file_size number": each element of a list has
// the rest. "text?" may also be null.
func lacks(body []byte, fields []string) (missing, open []string) {
	var root any
	if err := json.Unmarshal(body, &root); err != nil {
		return []string{err.Error()}, nil
	}
	for _, field := range fields {
		path, kind, _ := strings.Cut(field, " ")
		seen := false
		if why := lacksField(root, strings.Split(strings.ReplaceAll(path, "[]", ".[]"), "."), kind, &seen); why != "" {
			missing = append(missing, field+": "+why)
		} else if !seen {
			open = append(open, field)
		}
	}
	return missing, open
}

func lacksField(v any, path []string, kind string, seen *bool) string {
	if len(path) == 0 {
		*seen = true
		got := kindOf(v)
		if bare, nullable := strings.CutSuffix(kind, "?"); got == bare || nullable && got == "null" {
			return ""
		}
		return fmt.Sprintf("%.80v is %s", v, got)
	}
	if path[0] == "[]" {
		list, ok := v.([]any)
		if !ok {
			return fmt.Sprintf("%.80v is no list", v)
		}
		for _, element := range list {
			if why := lacksField(element, path[1:], kind, seen); why != "" {
				return why
			}
		}
		return ""
	}
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("%.80v is no object", v)
	}
	inner, ok := object[path[0]]
	if !ok {
		return "there is no " + path[0]
	}
	return lacksField(inner, path[1:], kind, seen)
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "bool"
	case []any:
		return "list"
	}
	return "object"
}

// under writes a prefix before each field.
func under(prefix string, fields ...string) []string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = prefix + f
	}
	return list
}

// What answers are made of, as the site's front ends know it: an envelope, and
// what is in its data.
var (
	envelope   = []string{"success bool", "message text"}
	pagination = under("pagination.", "page number", "page_size number", "total number", "total_pages number")

	itemFields = []string{
		"id text", "name text", "description text", "uploader_id text", "author text", "author_id text", "copyright_owner text?", "content text?",
		"tags text?", "star_count number", "downloads number", "base_path text", "is_public bool", "is_pending bool", "rejection_reason text?",
		"version text", "created_at text", "updated_at text",
	}
	itemFileFields = []string{"file_id text", "file_name text", "original_name text", "file_type text", "file_size number", "created_at text"}
	messageFields  = []string{
		"id text", "recipient_id text", "sender_id text", "title text", "content text", "summary text?", "message_type text", "broadcast_scope text?",
		"is_read bool", "created_at text",
	}
	commentFields = []string{
		"id text", "userId text", "username text", "avatarUpdatedAt text?", "parentId text?", "content text", "createdAt text", "likeCount number",
		"dislikeCount number", "myReaction text?",
	}
	reactionFields = []string{"id text", "likeCount number", "dislikeCount number", "myReaction text?"}
	starFields     = []string{"id text", "type text", "target_id text", "name text", "description text", "star_count number", "created_at text"}
	uploadFields   = []string{
		"id text", "target_id text", "type text", "name text", "description text?", "status text", "created_at text", "updated_at text",
		"target_exists bool", "has_files bool", "fileType text", "fileName text", "fileSize number", "uploadedAt text",
	}
	userFields  = []string{"id text", "username text", "email text", "role text"}
	tokenFields = []string{"access_token text", "token_type text", "expires_in number"}
	cacheFields = []string{
		"hits number", "misses number", "errors number", "bypassed number", "degraded number", "degradation_reasons object",
		"total_cached_requests number", "hit_rate text", "cache_enabled bool",
	}
)

// one is an answer with the fields in its data, list one with them in each
// element, page one that is a part of a list.
func one(fields ...string) []string  { return slices.Concat(envelope, under("data.", fields...)) }
func list(fields ...string) []string { return slices.Concat(envelope, under("data[].", fields...)) }
func pageOf(fields ...string) []string {
	return slices.Concat(pagination, list(fields...))
}
