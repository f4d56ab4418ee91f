package dialect

import (
	"slices"
	"strings"
	"sync"

	"github.com/sqlc-dev/meyer/ast"
	"github.com/sqlc-dev/meyer/lexer"
	"github.com/sqlc-dev/meyer/parser"
	"github.com/sqlc-dev/meyer/token"
	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

// Why nothing is narrowed.
const (
	coarseParse   = "parse failed"
	coarseTables  = "tables differ"
	coarseVirtual = "virtual table"
	coarseJoin    = "using, natural, right or full join"
	coarseSyntax  = "syntax"
)

// dialect is what the analysis knows of SQLite.
var dialect = sqldep.Dialect{
	Integer:     integerType,
	Untyped:     untypedType{&binaryTypes[0][affinityBlob]},
	Table:       func(t *shape.Table) string { return "main." + quote(t.Name) },
	Quote:       quote,
	Placeholder: func(int) string { return "?" },
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Analyze returns the plan of a statement. It never fails: what it does not
// understand becomes coarser or is refused.
func Analyze(sql string, s *Schema, access Access, precision sqldep.Precision) *shape.Plan {
	return analyze(sql, s, access, precision, nil)
}

// analyze returns the plan for arguments that fail these guards.
func analyze(sql string, s *Schema, access Access, precision sqldep.Precision, failing []shape.Guard) *shape.Plan {
	a := &analysis{Schema: s, sql: sql, access: access, texts: make(map[string]*text)}
	reads, refused := a.tables()
	if refused != "" {
		return &shape.Plan{Refused: refused}
	}
	clocked := slices.ContainsFunc(access.Functions, func(f string) bool { return a.timed(lower(f)) })
	var zoneless []shape.Operand
	if clocked {
		var ok bool
		if zoneless, ok = a.modifiers(); !ok {
			return &shape.Plan{Refused: refusedFunction}
		}
	}
	q, coarse := a.resolve(reads)
	if q != nil {
		q.Failing = failing
	}
	p := dialect.Analyze(q, coarse, reads, precision)
	p.Clocked, p.Zoneless = clocked, zoneless
	if len(p.Guards) > 0 {
		p.Under = func(failing []shape.Guard) *shape.Plan { return analyze(sql, s, access, precision, failing) }
	}
	return p
}

// An analysis is that of one statement.
type analysis struct {
	*Schema
	sql    string
	access Access
	texts  map[string]*text
}

// resolve returns the statement with its names resolved, or why nothing is narrowed.
func (a *analysis) resolve(reads []sqldep.Read) (q *sqldep.Query, coarse string) {
	if slices.ContainsFunc(reads, func(r sqldep.Read) bool { return r.Coarse == coarseVirtual || len(r.Table.Along) > 0 }) {
		return nil, coarseVirtual
	}
	stmt := a.text(a.sql).stmt()
	if stmt == nil {
		return nil, coarseParse
	}
	s, ok := stmt.(*ast.SelectStmt)
	if !ok {
		return nil, coarseSyntax
	}
	f := &resolver{analysis: a}
	q, _ = f.query(s, nil)
	return q, f.failed
}

// A text is the SQL of a statement or a view, lexed and parsed once.
type text struct {
	sql    string
	tokens func() []token.Token
	stmt   func() ast.Stmt // nil if the parser does not understand it
}

// text returns an SQL text.
func (a *analysis) text(sql string) *text {
	t := a.texts[sql]
	if t == nil {
		t = &text{
			sql:    sql,
			tokens: sync.OnceValue(func() []token.Token { return lexer.Lex(sql) }),
			stmt: sync.OnceValue(func() ast.Stmt {
				stmt, err := parser.ParseStatement(sql)
				if err != nil {
					return nil
				}
				return stmt
			}),
		}
		a.texts[sql] = t
	}
	return t
}

// word returns a token in lower case, without quotes.
func (t *text) word(tok token.Token) string { return lower(unquote(tok.Text(t.sql))) }
