package sqldep

import (
	"testing"

	"github.com/unstale/unstale/internal/shape"
)

// anything is a type of values that are what they are.
type anything struct{}

func (anything) Key(v shape.Value) (shape.Value, bool) { return v, true }
func (anything) Place(dst shape.Code, v shape.Value) (shape.Code, bool) {
	return shape.AppendText(dst, v.Text()), v.Kind() == shape.KindText
}
func (anything) Distinct() bool { return true }
func (anything) Fit(arg any) (shape.Value, bool) {
	s, ok := arg.(string)
	return shape.Text(s), ok
}

// A front end says what it knows of a query: all of it, and less and less.
func TestAnalyze(t *testing.T) {
	t.Parallel()
	table := &shape.Table{Name: "t", Keys: []shape.Key{{Columns: []int{0}}}}
	for _, name := range []string{"id", "name"} {
		table.Columns = append(table.Columns, shape.Column{Name: name, Type: anything{}, NotNull: true})
	}
	read := Read{Table: table, Columns: table.Every()}
	d := &Dialect{Integer: anything{}}
	count := func(args ...Expr) Expr { return Call{Class: OrderFree, Args: args} }
	for _, test := range []struct {
		what      string
		make      func(s *Select, id, name Column)
		read      Read
		precision Precision
		want      string
	}{
		{"one row", func(s *Select, id, name Column) {
			s.Where = Equal{id, Param{Number: 1}}
			s.Results, s.Outputs = []Expr{name}, []Column{name}
		}, read, PrecisionExact, "t[id=?1]{*}"},
		{"one of two rows", func(s *Select, id, _ Column) {
			s.Where = Bool{true, Equal{Const{"a"}, id}, In{id, []Expr{Const{"b"}}}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, `t[id="a"][id="b"]{*}`},
		{"one row or any", func(s *Select, id, _ Column) {
			s.Where = Bool{true, Equal{Const{"a"}, id}, Other{id}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, `t{*} (or)`},
		{"rows by one key or another", func(s *Select, id, name Column) {
			s.Where = Bool{true, Equal{id, Param{Number: 1}}, Equal{name, Param{Number: 2}}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, `t[id=?1]{*} t[name=?2]{*}`},
		{"two rows", func(s *Select, id, name Column) {
			s.Where = Bool{false, Bool{true, Equal{Const{"a"}, id}, Equal{id, Const{"b"}}}, IsNull{name}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, `t[id="a"][id="b"]{*}`},
		{"two of one type", func(s *Select, id, name Column) {
			s.Where = Bool{false, Equal{name, Param{Name: "x"}}, Equal{id, name}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, `t[id=:x]{*}`},
		{"a constant that is not known", func(s *Select, id, _ Column) {
			s.Where = Equal{id, Const{}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, "t{*} (affinity or collation)"},
		{"an equality that is not known", func(s *Select, id, _ Column) {
			s.Where = Other{id, Param{Number: 1}}
			s.Results = []Expr{count()}
		}, read, PrecisionExact, "t{*} (condition that is no equality)"},
		{"an aggregate that is not known", func(s *Select, id, name Column) {
			s.Where = Equal{id, Param{Number: 1}}
			s.Results = []Expr{Call{Class: Aggregate, Args: []Expr{name}}}
		}, read, PrecisionExact, "t[id=?1]{*}"},
		{"rows whose order counts", func(s *Select, _, name Column) {
			s.Results = []Expr{Call{Class: Aggregate, Args: []Expr{name}}}
		}, read, PrecisionExact, "t{*} (no total order)"},
		{"the first rows", func(s *Select, id, name Column) {
			s.Results, s.Outputs = []Expr{name, id}, []Column{name, id}
			s.OrderBy, s.Limit = []Order{{By: id, Descending: true}}, Param{Number: 1}
		}, read, PrecisionExact, "t{*} (limit by an order that is not in the result)"}, // where NULL stands is not known
		{"an order that is not known", func(s *Select, id, name Column) {
			s.Results, s.Outputs = []Expr{name, id}, []Column{name, id}
			s.OrderBy = []Order{{By: Other{id}}}
		}, read, PrecisionExact, "t{*} (no total order)"},
		{"more than the text shows", func(s *Select, id, _ Column) {
			s.Where = Equal{id, Param{Number: 1}}
			s.Results = []Expr{count()}
		}, Read{Table: &shape.Table{Name: "u"}}, PrecisionExact, "u (tables differ)"},
		{"what the database says is coarse", func(s *Select, id, _ Column) {
			s.Where = Equal{id, Param{Number: 1}}
			s.Results = []Expr{count()}
		}, Read{Table: table, Coarse: "no images"}, PrecisionExact, "t (no images)"},
		{"rows by key alone", func(s *Select, _, name Column) {
			s.Where = Equal{name, Param{Number: 1}}
			s.Results = []Expr{count(name)}
		}, read, PrecisionRow, "t{*} (configured)"},
		{"tables alone", func(s *Select, id, _ Column) {
			s.Where = Equal{id, Param{Number: 1}}
			s.Results = []Expr{count()}
		}, read, PrecisionTable, "t (configured)"},
	} {
		s, item := &Select{}, &Item{Table: table}
		s.Add(item)
		test.make(s, Column{item, 0}, Column{item, 1})
		q := &Query{Selects: []*Select{s}, Cut: s.Limit != nil}
		if got := d.Analyze(q, "", []Read{test.read}, test.precision).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.what, got, test.want)
		}
	}
	if got := d.Analyze(nil, "no idea", []Read{read}, PrecisionExact).String(); got != "t (no idea)" {
		t.Errorf("nothing known: %s", got)
	}
}
