package sqlite

import (
	"strings"

	"github.com/unstale/unstale/sqlite/internal/dialect"
)

// A text is what can be told of an SQL text from its words alone. What a
// statement reads, and which rows it changes, is told by SQLite itself; the
// words are asked for what SQLite does not tell.
type text struct {
	control bool   // nothing but BEGIN, COMMIT and their like
	writes  bool   // a statement writes, or may
	cause   string // why everything must be invalidated, or ""
	ddl     bool   // the cause is DDL alone, which the commit hook hears of
	reason  string // why nothing read on the connection may be cached from now on, or ""
	first   bool   // if its first statement does not compile it does nothing, and nothing of the above is true
}

func textOf(sql string) text {
	t := text{control: true}
	ddl := true
	for i, st := range dialect.Classify(sql) {
		switch st.Kind {
		case dialect.Begin, dialect.Commit, dialect.Rollback, dialect.Savepoint, dialect.Release, dialect.RollbackTo, dialect.Empty:
			continue
		case dialect.Select, dialect.Explain:
		case dialect.Insert, dialect.Update, dialect.Delete:
			t.writes = true
		case dialect.Pragma:
			e := effectOf(st)
			if e >= file {
				t.writes, t.cause, ddl = true, "pragma", false
			}
			if e >= answers {
				t.reason = "pragma"
			}
		case dialect.DDL:
			t.writes = true
			if !st.Temp && !st.If {
				t.cause = "schema change"
			}
			if verb := firstWord(st.SQL); verb == "create" || verb == "drop" || verb == "alter" {
				t.first = t.first || i == 0
			} else {
				ddl = false
			}
		case dialect.Attach, dialect.Detach:
			t.writes, t.cause, ddl = true, st.Kind.String(), false
		default:
			t.writes, t.cause, t.reason, ddl = true, "unknown statement", "unknown statement", false
			t.first = t.first || i == 0
		}
		t.control = false
	}
	t.ddl = ddl && t.cause != ""
	return t
}

// text returns what an SQL text says to this connection. One that does not
// compile here fails before it does anything. Should somebody else create
// meanwhile what it needs, the commit hook hears what it then does.
func (s *session) text(sql string) text {
	t := s.db.text(sql)
	if t.first && s.native.rejects(sql) {
		return text{}
	}
	return t
}

func firstWord(sql string) string {
	word, _, _ := strings.Cut(sql, " ")
	return strings.ToLower(word)
}
