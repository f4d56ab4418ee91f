package dialect

import (
	"slices"

	"github.com/sqlc-dev/meyer/token"
	"github.com/unstale/unstale/internal/shape"
)

// SQLite's authorizer reports the functions in the DEFAULT of every column that
// is read, as if they were called. A default is computed when a row is written:
// ALTER TABLE adds no column whose default is not constant to a table with rows,
// and the rows that are shorter than their table are those from before.

// passages are the tables and views that a statement may go through, and the
// words of its text and of the views'. There may be too many, not too few.
type passages struct {
	*analysis
	words   map[string]bool
	tables  []*Table
	unclear bool
}

// through returns what the statement goes through.
func (a *analysis) through() *passages {
	p := &passages{analysis: a, words: make(map[string]bool)}
	p.add(a.text(a.sql))
	for _, r := range a.access.Reads {
		p.table(lower(r.Table))
	}
	return p
}

func (p *passages) add(t *text) {
	for _, tok := range t.tokens() {
		word := t.word(tok)
		p.words[word] = true
		p.unclear = p.unclear || tok.Kind == token.ILLEGAL
		p.table(word)
	}
}

// table adds the table of a name, if there is one.
func (p *passages) table(name string) {
	t := p.Tables[name]
	if t == nil || slices.Contains(p.tables, t) {
		return
	}
	p.tables = append(p.tables, t)
	if t.View {
		p.unclear = p.unclear || t.SQL == ""
		p.add(p.text(t.SQL))
	}
}

// onlyDefault reports whether a function, by its name in lower case, stands in
// DEFAULTs and nowhere else where the statement could call it: not in its text,
// a view, or an expression of a generated column.
func (p *passages) onlyDefault(function string) bool {
	if p.unclear || p.words[function] {
		return false
	}
	found := false
	for _, t := range p.tables {
		if t.View || t.Virtual {
			continue
		}
		defaults, generated := 0, false
		for i := range t.Columns {
			defaults += p.text(t.Defaults[i]).occurrences(function)
			generated = generated || t.Columns[i].Generated != shape.NotGenerated
		}
		if generated && (t.SQL == "" || p.text(t.SQL).occurrences(function) > defaults) {
			return false
		}
		found = found || defaults > 0
	}
	return found
}

// occurrences counts how often a word stands in a text.
func (t *text) occurrences(word string) (n int) {
	for _, tok := range t.tokens() {
		if t.word(tok) == word {
			n++
		}
	}
	return n
}
