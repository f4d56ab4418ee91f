// Package nodetree reads trees as PostgreSQL's server prints them: nodes with named
// fields, of versions and kinds that it need not know (src/backend/nodes/outfuncs.c).
package nodetree

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Node is a node of a tree.
type Node struct {
	Tag    string // such as "QUERY", as it is called from 15 on
	Fields []Field
}

// A Field is a named field of a node. Its value is nil, a token as a string, a list as
// a List, or a *Node.
type Field struct {
	Name  string
	Value any
}

// A List is a list of values. Kind is "" for nodes and tokens, else "i", "o", "x" or
// "b" for integers, oids, xids or a bitmap; "[" for the bytes of a datum, with its
// length before them.
type List struct {
	Kind  string
	Items []any
}

// maxDepth bounds how deep nodes and lists lie within each other.
const maxDepth = 500

// Parse reads a tree.
func Parse(text string) (any, error) {
	p := parser{text: text}
	v, err := p.value(0)
	if err != nil {
		return nil, fmt.Errorf("tree at byte %d: %w", p.at, err)
	}
	if p.space(); p.at != len(text) {
		return nil, fmt.Errorf("tree at byte %d: something follows", p.at)
	}
	return v, nil
}

type parser struct {
	text string
	at   int
}

var (
	errEnd  = errors.New("it ends")
	errDeep = errors.New("too deep")
)

func (p *parser) space() {
	for p.at < len(p.text) && (p.text[p.at] == ' ' || p.text[p.at] == '\n' || p.text[p.at] == '\t' || p.text[p.at] == '\r') {
		p.at++
	}
}

// peek returns the next byte that is no space, or 0.
func (p *parser) peek() byte {
	p.space()
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	switch p.peek() {
	case 0:
		return nil, errEnd
	case '{':
		return p.node(depth)
	case '(':
		p.at++
		return p.list(')', depth)
	case '[':
		p.at++
		return p.list(']', depth)
	case '}', ')', ']':
		return nil, fmt.Errorf("%q is not expected", p.text[p.at])
	default:
		return p.token()
	}
}

func (p *parser) node(depth int) (*Node, error) {
	p.at++
	tag, err := p.token()
	if err != nil {
		return nil, err
	}
	n := new(Node)
	n.Tag, _ = tag.(string)
	if now, ok := renamed[n.Tag]; ok {
		n.Tag = now
	}
	for {
		switch p.peek() {
		case 0:
			return nil, errEnd
		case '}':
			p.at++
			return n, nil
		case ':':
			p.at++
			name, err := p.token()
			if err != nil {
				return nil, err
			}
			f := Field{}
			f.Name, _ = name.(string)
			if f.Value, err = p.field(depth); err != nil {
				return nil, err
			}
			n.Fields = append(n.Fields, f)
		default:
			return nil, errors.New("a field's name is expected")
		}
	}
}

// field reads what stands up to the next field: one value, or several, such as the
// length of a datum and its bytes.
func (p *parser) field(depth int) (any, error) {
	var all []any
	for {
		switch p.peek() {
		case 0:
			return nil, errEnd
		case ':', '}':
			if len(all) == 1 {
				return all[0], nil
			}
			return List{Kind: "[", Items: all}, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
}

func (p *parser) list(end byte, depth int) (List, error) {
	var l List
	if end == ']' {
		l.Kind = "["
	}
	for first := true; ; first = false {
		switch p.peek() {
		case 0:
			return l, errEnd
		case end:
			p.at++
			return l, nil
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return l, err
		}
		if s, ok := v.(string); ok && first && end == ')' && (s == "i" || s == "o" || s == "x" || s == "b") {
			l.Kind = s
			continue
		}
		l.Items = append(l.Items, v)
	}
}

// token reads a token: nil for "<>".
func (p *parser) token() (any, error) {
	if p.peek() == 0 {
		return nil, errEnd
	}
	if p.text[p.at] == '"' {
		return p.quoted()
	}
	start, escaped := p.at, false
scan:
	for ; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case ' ', '\n', '\t', '\r', '(', ')', '{', '}', '[', ']':
			break scan
		case '\\':
			escaped = true
			p.at++
		}
	}
	p.at = min(p.at, len(p.text))
	s := p.text[start:p.at]
	switch {
	case s == "":
		return nil, fmt.Errorf("%q is not expected", p.text[p.at])
	case s == "<>":
		return nil, nil //nolint:nilnil // it is a value
	case escaped:
		return unescape(s), nil
	}
	return s, nil
}

func (p *parser) quoted() (any, error) {
	p.at++
	start := p.at
	for ; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			p.at++
		case '"':
			s := unescape(p.text[start:p.at])
			p.at++
			return s, nil
		}
	}
	p.at = len(p.text)
	return nil, errEnd
}

func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// Get returns the value of a field, or nil.
func (n *Node) Get(name string) any {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Has reports whether the node has a field.
func (n *Node) Has(name string) bool {
	for _, f := range n.Fields {
		if f.Name == name {
			return true
		}
	}
	return false
}

// Node returns a field that is a node, or nil.
func (n *Node) Node(name string) *Node {
	m, _ := n.Get(name).(*Node)
	return m
}

// Nodes returns the nodes of a field that is a list.
func (n *Node) Nodes(name string) (nodes []*Node) {
	l, _ := n.Get(name).(List)
	for _, v := range l.Items {
		if m, ok := v.(*Node); ok {
			nodes = append(nodes, m)
		}
	}
	return nodes
}

// Text returns a field that is a token, or "".
func (n *Node) Text(name string) string {
	s, _ := n.Get(name).(string)
	return s
}

// True reports whether a field is true.
func (n *Node) True(name string) bool { return n.Text(name) == "true" }

// Int returns a field that is a number. ok is false if it is none.
func (n *Node) Int(name string) (i int64, ok bool) {
	i, err := strconv.ParseInt(n.Text(name), 10, 64)
	return i, err == nil
}

// OID returns a field that is an oid, or 0.
func (n *Node) OID(name string) uint32 {
	i, err := strconv.ParseUint(n.Text(name), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(i)
}

// Ints returns the numbers of a list. ok is false if the field is none, or not of
// numbers alone.
func (n *Node) Ints(name string) (list []int, ok bool) {
	l, ok := n.Get(name).(List)
	if !ok {
		return nil, false
	}
	for _, v := range l.Items {
		s, _ := v.(string)
		i, err := strconv.Atoi(s)
		if err != nil {
			return nil, false
		}
		list = append(list, i)
	}
	return list, true
}

// renamed are names that kinds of nodes had in 14, with those that they have had since.
var renamed = map[string]string{
	"RTE": "RANGETBLENTRY", "ARRAY": "ARRAYEXPR", "ROW": "ROWEXPR", "ROWCOMPARE": "ROWCOMPAREEXPR",
	"CASE": "CASEEXPR", "WHEN": "CASEWHEN", "COALESCE": "COALESCEEXPR", "MINMAX": "MINMAXEXPR",
}
