package dialect

import (
	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/token"
)

// A Kind is what a statement does.
type Kind uint8

// The kinds of statements.
const (
	Unknown    Kind = iota // anything else; it must be assumed to do anything
	Empty                  // nothing but blanks and comments
	Select                 // SELECT or VALUES, with or without WITH
	Insert                 // INSERT or REPLACE
	Update                 // UPDATE
	Delete                 // DELETE
	Begin                  // BEGIN of a transaction
	Commit                 // COMMIT or END
	Rollback               // ROLLBACK of the transaction
	Savepoint              // SAVEPOINT; outside of a transaction it begins one
	Release                // RELEASE of a savepoint; it may commit
	RollbackTo             // ROLLBACK TO a savepoint
	Pragma                 // PRAGMA
	Explain                // EXPLAIN or EXPLAIN QUERY PLAN of anything
	DDL                    // CREATE, DROP, ALTER, REINDEX, ANALYZE or VACUUM
	Attach                 // ATTACH
	Detach                 // DETACH
)

var kindNames = [...]string{
	"unknown", "empty", "select", "insert", "update", "delete", "begin", "commit", "rollback", "savepoint", "release",
	"rollback to", "pragma", "explain", "ddl", "attach", "detach",
}

// String returns the kind in lower case.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// A Statement is one statement of an SQL text.
type Statement struct {
	Kind Kind
	SQL  string // from its first to its last token, without the semicolon
	Temp bool   // of DDL: its words say that it concerns the temp schema
	If   bool   // of CREATE and DROP: IF NOT EXISTS or IF EXISTS, so that it may do nothing

	Pragma      string // of a Pragma: its name in lower case, without a schema
	HasArgument bool   // of a Pragma: it has a value or an argument
	Argument    string // which, in lower case, if it is a single word
}

// Classify splits an SQL text into its statements by tokens. What it cannot tell
// for certain is Unknown. Statements without any token are left out, but a text
// that has no other is one Empty statement. A NUL byte ends the text, as it does
// for SQLite.
func Classify(sql string) []Statement {
	toks := lexer.Lex(sql)
	toks = toks[:len(toks)-1] // EOF
	var out []Statement
	for len(toks) > 0 {
		n := statementLength(toks)
		if n > 0 {
			out = append(out, classify(sql, toks[:n]))
		}
		toks = toks[min(n+1, len(toks)):]
	}
	if len(out) == 0 {
		out = append(out, Statement{Kind: Empty})
	}
	return out
}

// statementLength returns the number of tokens of the first statement: up to a
// semicolon, which for CREATE TRIGGER is the one after "; END".
func statementLength(toks []token.Token) int {
	trigger := createsTrigger(skipExplain(toks))
	for i, t := range toks {
		if t.Kind != token.SEMI {
			continue
		}
		if !trigger || i >= 2 && toks[i-1].Kind == token.END && toks[i-2].Kind == token.SEMI {
			return i
		}
	}
	return len(toks)
}

func createsTrigger(toks []token.Token) bool {
	return kindAt(toks, 0) == token.CREATE &&
		(kindAt(toks, 1) == token.TRIGGER || kindAt(toks, 1) == token.TEMP && kindAt(toks, 2) == token.TRIGGER)
}

func skipExplain(toks []token.Token) []token.Token {
	if kindAt(toks, 0) != token.EXPLAIN {
		return toks
	}
	if kindAt(toks, 1) == token.QUERY && kindAt(toks, 2) == token.PLAN {
		return toks[3:]
	}
	return toks[1:]
}

func kindAt(toks []token.Token, i int) token.Kind {
	if i < len(toks) {
		return toks[i].Kind
	}
	return token.EOF
}

// classify says what a statement of at least one token does.
func classify(sql string, toks []token.Token) Statement {
	st := Statement{SQL: sql[toks[0].Pos:toks[len(toks)-1].End]}
	for _, t := range toks {
		if t.Kind == token.ILLEGAL {
			return st
		}
	}
	switch toks[0].Kind {
	case token.WITH:
		st.Kind = bodyKind(toks)
	case token.ROLLBACK:
		st.Kind = Rollback
		for _, t := range toks[1:] {
			if t.Kind == token.TO {
				st.Kind = RollbackTo
			}
		}
	case token.PRAGMA:
		st.pragma(sql, toks)
	case token.CREATE, token.DROP, token.ALTER:
		st.Kind = DDL
		st.Temp = namesTemp(sql, toks)
		st.If = toks[0].Kind != token.ALTER && conditional(toks)
	default:
		st.Kind = kindOf(toks[0].Kind)
	}
	return st
}

// kindOf returns the kind of a statement that begins with a keyword and for
// which that keyword decides.
func kindOf(k token.Kind) Kind {
	switch k {
	case token.SELECT, token.VALUES:
		return Select
	case token.INSERT, token.REPLACE:
		return Insert
	case token.UPDATE:
		return Update
	case token.DELETE:
		return Delete
	case token.BEGIN:
		return Begin
	case token.COMMIT, token.END:
		return Commit
	case token.SAVEPOINT:
		return Savepoint
	case token.RELEASE:
		return Release
	case token.EXPLAIN:
		return Explain
	case token.REINDEX, token.ANALYZE, token.VACUUM:
		return DDL
	case token.ATTACH:
		return Attach
	case token.DETACH:
		return Detach
	}
	return Unknown
}

// bodyKind returns the kind of a statement that begins with WITH: its body
// follows the first table expression, "name [(columns)] AS (...)", that no comma
// follows.
func bodyKind(toks []token.Token) Kind {
	depth := 0
	for i, t := range toks {
		switch t.Kind {
		case token.LP:
			depth++
		case token.RP:
			depth--
			if next := kindAt(toks, i+1); depth == 0 && next != token.AS && next != token.COMMA {
				switch k := kindOf(next); k {
				case Select, Insert, Update, Delete:
					return k
				}
				return Unknown
			}
		}
	}
	return Unknown
}

// pragma reads "PRAGMA [schema.]name [= value | (value)]".
func (st *Statement) pragma(sql string, toks []token.Token) {
	i := 1
	if kindAt(toks, 2) == token.DOT {
		i = 3
	}
	if !token.IsName(kindAt(toks, i)) {
		return
	}
	st.Kind = Pragma
	st.Pragma = lower(unquote(toks[i].Text(sql)))
	st.HasArgument = len(toks) > i+1
	switch rest := toks[i+1:]; {
	case len(rest) == 2 && rest[0].Kind == token.EQ:
		st.Argument = lower(unquote(rest[1].Text(sql)))
	case len(rest) == 3 && rest[0].Kind == token.LP && rest[2].Kind == token.RP:
		st.Argument = lower(unquote(rest[1].Text(sql)))
	}
}

// conditional reports whether IF EXISTS or IF NOT EXISTS stands where CREATE and
// DROP have it, between what is created or dropped and its name.
func conditional(toks []token.Token) bool {
	for i, t := range toks[:min(len(toks), 5)] {
		if next := kindAt(toks, i+1); t.Kind == token.IF && (next == token.EXISTS || next == token.NOT && kindAt(toks, i+2) == token.EXISTS) {
			return true
		}
	}
	return false
}

// namesTemp reports whether CREATE TEMP or a name in the schema temp appears
// before the statement's first parenthesis.
func namesTemp(sql string, toks []token.Token) bool {
	if kindAt(toks, 1) == token.TEMP {
		return true
	}
	for i, t := range toks {
		if t.Kind == token.LP {
			return false
		}
		if kindAt(toks, i+1) == token.DOT && lower(unquote(t.Text(sql))) == "temp" {
			return true
		}
	}
	return false
}
