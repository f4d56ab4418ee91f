package postgres

import (
	"slices"
	"strings"
	"unicode"

	"github.com/unstale/unstale/internal/shape"
)

// What is read on a connection counts as long as texts mean on it what they meant when
// they were learnt. So what statements do to the session is followed here.

// Why nothing that is read on a connection is stored.
const (
	reasonClosed   = "connection closed"
	reasonLost     = "connection lost track of"
	reasonAltered  = "session changed"
	reasonDoubtful = "session may have changed"
	reasonSettings = "session with other settings"
	reasonUnproven = "connection not proven"
	reasonStandby  = "standby"
)

// Reason implements sqltrack.Conn.
func (t *tap) Reason() string {
	switch seen := t.db.identity.Load(); {
	case t.reason != "":
		return t.reason
	case t.doubtful():
		return reasonDoubtful
	case t.reason != "":
		return t.reason
	case t.standby:
		return reasonStandby
	case seen == nil || t.identity != *seen:
		return reasonUnproven
	}
	if a := t.db.analysis.settings.Load(); a == nil || *a != t.settings {
		return reasonSettings
	}
	return ""
}

// know returns what is known of a text. The server may be unable to say, because the
// transaction that is open here has locked a table: it is not asked again before that
// is over.
func (t *tap) know(text string) *known {
	k := unknown
	if !t.blocked {
		k = t.db.know(text)
	}
	t.blocked = k.failed && (t.blocked || t.status != 'I' || t.end != nil)
	return k
}

var unknown = &known{failed: true, alters: true, plan: &shape.Plan{Refused: refusedTree}}

// effect notes what a statement did besides reading and writing rows.
func (t *tap) effect(x *expected, tag string) {
	word, _, _ := strings.Cut(tag, " ")
	t.describes = t.describes || definitions[word]
	switch {
	case x.ctl != controlNone || x.know == nil || x.judged:
	case x.know.plan.Refused == refusedSeveral:
		for _, text := range split(x.text) {
			t.judge(text)
		}
	default:
		t.judge(x.text)
	}
	x.judged = true
}

// judge finds out whether a statement changed the session.
func (t *tap) judge(text string) {
	word := text
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) }); i >= 0 {
		word = text[:i]
	}
	word = strings.ToUpper(word)
	if controlOf(text) != controlNone {
		return
	}
	if definitions[word] || quiet[word] || word == "EXPLAIN" && !strings.Contains(strings.ToLower(text), "analy") {
		lower := strings.ToLower(text)
		query := word == "COPY" && strings.HasPrefix(strings.TrimSpace(text[len(word):]), "(") // which may call anything
		if query || strings.Contains(lower, "temp") || strings.Contains(lower, "set_config") {
			t.alter()
		}
		return
	}
	switch k := t.know(text); {
	case k.failed && slices.Contains(t.doubts, text):
	case k.failed && len(t.doubts) < maxDoubts:
		t.doubts = append(t.doubts, text) // nobody could tell; it may be told when it matters
	case k.alters:
		t.alter()
	}
}

// definitions are the first words of statements that change the schema, quiet ones
// those of others that change nothing of the session.
var (
	definitions = words("CREATE ALTER DROP GRANT REVOKE COMMENT REFRESH REINDEX CLUSTER IMPORT SECURITY")
	quiet       = words("COPY TRUNCATE LOCK LISTEN UNLISTEN NOTIFY SHOW VACUUM ANALYZE CHECKPOINT")
)

func words(text string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(text) {
		m[w] = true
	}
	return m
}

// maxDoubts bounds the texts of which it is still to be found out whether they changed
// the session.
const maxDoubts = 64

// doubtful finds that out, and reports whether it could not.
func (t *tap) doubtful() bool {
	for len(t.doubts) > 0 {
		switch k := t.know(t.doubts[0]); {
		case k.failed:
			return true
		case k.alters:
			t.alter()
		}
		t.doubts = t.doubts[1:]
	}
	return false
}

// alter says that texts may mean something else on this connection from now on.
func (t *tap) alter() {
	if t.reason == "" {
		t.reason = reasonAltered
	}
}

// control is what a text does to a transaction, if it does nothing else.
type control uint8

const (
	controlNone control = iota
	controlBegin
	controlOther
)

// controlOf reads the first words of a text.
func controlOf(text string) control {
	words := strings.Fields(strings.ToLower(strings.TrimRight(text[:min(len(text), 200)], "; \t\r\n")))
	if len(words) == 0 || words[0] == "--" && !strings.Contains(text, "\n") { // pgx says "-- ping"
		return controlOther
	}
	if len(text) > 200 || strings.ContainsAny(text, ";") && strings.IndexByte(strings.TrimRight(text, "; \t\r\n"), ';') >= 0 {
		return controlNone
	}
	switch words[0] {
	case "begin":
		return controlBegin
	case "start":
		if len(words) > 1 && words[1] == "transaction" {
			return controlBegin
		}
	case "commit", "end", "rollback", "abort", "savepoint", "release":
		return controlOther
	}
	return controlNone
}
