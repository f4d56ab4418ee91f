package postgres

import (
	"regexp"
	"slices"
	"strings"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// A statement is what the server says of a text.
type statement struct {
	trees      []*nodetree.Node // as rewritten; none: nothing is known
	parameters []uint32         // types
	results    []uint32         // likewise, of columns
}

// A reading is what a statement reads and calls, as a walk finds it that knows few
// kinds of nodes: tables and functions have the same names in all.
type reading struct {
	writes    bool
	refused   string
	tables    map[uint32]shape.ColumnSet // by oid, with the columns of which values are read
	functions map[uint32]bool            // by oid
	clocked   bool                       // there are constants that may be made of 'now'
	known     map[uint32]function        // what is called
	present   map[*nodetree.Node]bool    // where it looks at the clock, which may be when it ends

	catalogue *catalogue
	queries   []*nodetree.Node // around what is walked, from outside
}

// Why a statement is not stored.
const (
	refusedSeveral   = "several statements"
	refusedUtility   = "no query"
	refusedUnknown   = "unknown table"
	refusedTree      = "cannot be analysed"
	refusedVolatile  = "volatile function"
	refusedSetting   = "function that reads settings"
	refusedUser      = "function of a user"
	refusedDomain    = "domain"
	refusedSample    = "sample"
	refusedSystem    = "system column"
	refusedEphemeral = "transition table"
)

// The kinds of range table entries that matter (RTEKind).
const (
	rteRelation = 0
	rteJoin     = 2
	rteNamed    = 7
	rteGroup    = 9
)

// readingOf walks the trees of a statement.
func readingOf(c *catalogue, trees []*nodetree.Node) *reading {
	r := &reading{catalogue: c, tables: make(map[uint32]shape.ColumnSet), functions: make(map[uint32]bool), present: make(map[*nodetree.Node]bool)}
	switch {
	case len(trees) == 0:
		r.refused = refusedTree
	case len(trees) > 1:
		r.writes = true // rules that rewrite into several statements are for writing ones
	}
	for _, t := range trees {
		r.walk(t)
	}
	return r
}

func (r *reading) refuse(reason string) {
	if r.refused == "" {
		r.refused = reason
	}
}

func (r *reading) walk(v any) {
	switch v := v.(type) {
	case nodetree.List:
		for _, item := range v.Items {
			r.walk(item)
		}
	case *nodetree.Node:
		r.node(v)
	}
}

func (r *reading) node(n *nodetree.Node) {
	switch n.Tag {
	case "QUERY":
		r.query(n)
		return
	case "RANGETBLENTRY":
		r.entry(n)
		return
	case "VAR":
		r.variable(n)
		return
	case "NEXTVALUEEXPR", "CURRENTOFEXPR":
		r.refuse(refusedVolatile)
	case "SQLVALUEFUNCTION", "FUNCEXPR":
		if isPresent(n) {
			r.present[n] = true
			return
		}
		if n.Tag != "FUNCEXPR" {
			r.refuse(refusedVolatile)
		}
	case "COERCEVIAIO":
		if t, _ := n.Int("resulttype"); !slices.Contains(timeless, t) {
			r.refuse(refusedVolatile)
		}
	case "CONST":
		if t, _ := n.Int("consttype"); !slices.Contains(timeless, t) {
			r.clocked = true
		}
	case "COERCETODOMAIN":
		r.refuse(refusedDomain)
	case "TABLESAMPLECLAUSE":
		r.refuse(refusedSample)
	}
	for _, f := range n.Fields {
		switch f.Name {
		case "funcid", "opfuncid", "aggfnoid", "winfnoid":
			if oid := n.OID(f.Name); oid != 0 {
				r.functions[oid] = true
			}
		case "relid":
			r.read(n.OID(f.Name), n)
		}
		r.walk(f.Value)
	}
}

// isPresent reports whether a node is the time at which the transaction began, as a
// timestamptz: now(), transaction_timestamp() or CURRENT_TIMESTAMP.
func isPresent(n *nodetree.Node) bool {
	switch n.Tag {
	case "FUNCEXPR":
		oid := n.OID("funcid")
		return oid == 1299 || oid == 2647
	case "SQLVALUEFUNCTION":
		return n.Text("op") == "3" && n.OID("type") == pgTimestamptz
	}
	return false
}

func (r *reading) query(n *nodetree.Node) {
	if kind, ok := n.Int("commandType"); !ok || kind != 1 {
		r.writes = true
		if kind == 6 || !ok {
			r.refuse(refusedUtility)
		}
	}
	if n.True("hasModifyingCTE") || n.True("hasForUpdate") || len(n.Nodes("rowMarks")) > 0 {
		r.writes = true
	}
	r.queries = append(r.queries, n)
	for _, f := range n.Fields {
		r.walk(f.Value)
	}
	r.queries = r.queries[:len(r.queries)-1]
}

// entry is a range table entry. A join's columns are looked at where somebody uses
// one: they are all columns of both its sides.
func (r *reading) entry(n *nodetree.Node) {
	kind, _ := n.Int("rtekind")
	if kind == rteNamed {
		r.refuse(refusedEphemeral)
	}
	for _, f := range n.Fields {
		switch {
		case f.Name == "relid" && kind == rteRelation:
			r.read(n.OID("relid"), n)
		case f.Name == "joinaliasvars" || f.Name == "groupexprs" || f.Name == "relid" || f.Name == "selectedCols":
		default:
			r.walk(f.Value)
		}
	}
}

// read notes that a relation is read, with the columns that are selected by the node
// that names it.
func (r *reading) read(oid uint32, n *nodetree.Node) {
	if oid == 0 {
		return
	}
	t := r.catalogue.tables[oid]
	switch {
	case t == nil:
		r.refuse(refusedUnknown)
		return
	case t.kind == "v":
		return // rewritten: what it is made of stands in the tree
	case t.why != "":
		r.refuse(t.why)
		return
	}
	set := r.tables[oid]
	selected, _ := n.Ints("selectedCols")
	for _, bit := range selected {
		set = t.reads(set, bit-7, r) // 7 is -FirstLowInvalidHeapAttributeNumber
	}
	r.tables[oid] = set
}

// reads adds the column with a number. 0 is the whole row; what is below is the
// system's.
func (r *relation) reads(set shape.ColumnSet, number int, by *reading) shape.ColumnSet {
	switch i := r.column(number); {
	case number < 0:
		by.refuse(refusedSystem)
	case i < 0:
		for c := range r.columns {
			set.Add(c)
		}
	default:
		set.Add(i)
		if r.Columns[i].Generated != shape.NotGenerated { // no image has it: whatever it is computed from
			for c := range r.columns {
				set.Add(c)
			}
		}
	}
	return set
}

// variable is a use of a column.
func (r *reading) variable(n *nodetree.Node) {
	entry, up := r.entryOf(n)
	number, ok := n.Int("varattno")
	if entry == nil || !ok {
		return // of a rule, or of what the planner makes
	}
	kind, _ := entry.Int("rtekind")
	switch kind {
	case rteRelation:
		if t := r.catalogue.tables[entry.OID("relid")]; t != nil && t.kind != "v" && t.why == "" {
			r.tables[t.oid] = t.reads(r.tables[t.oid], int(number), r)
		}
	case rteJoin, rteGroup:
		inner := r.queries
		r.queries = r.queries[:len(r.queries)-up]
		defer func() { r.queries = inner }()
		aliases, _ := entry.Get(map[int64]string{rteJoin: "joinaliasvars", rteGroup: "groupexprs"}[kind]).(nodetree.List)
		if number >= 1 && int(number) <= len(aliases.Items) {
			r.walk(aliases.Items[number-1])
		} else {
			r.walk(aliases)
		}
	}
}

// entryOf returns the range table entry that a variable is of, and how many queries
// further out that is.
func (r *reading) entryOf(n *nodetree.Node) (entry *nodetree.Node, up int) {
	levels, ok1 := n.Int("varlevelsup")
	number, ok2 := n.Int("varno")
	if !ok1 || !ok2 || levels < 0 || int(levels) >= len(r.queries) {
		return nil, 0
	}
	entries := r.queries[len(r.queries)-1-int(levels)].Nodes("rtable")
	if number < 1 || int(number) > len(entries) {
		return nil, 0
	}
	return entries[number-1], int(levels)
}

// timeless are types of which no value may be written as "now" or "today".
var timeless = []int64{16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 700, 701, 705, 869, 650, 1042, 1043, 1700, 2950, 3802}

// now finds in a text what the server makes the time of, when it parses a constant.
var now = regexp.MustCompile(`(?i)now|today|tomorrow|yesterday|\\`)

// settled are functions of the system that are called stable because they go by
// settings alone, which no connection changes unseen, as by their names in pg_proc.
var settled = strings.Fields(`concat concat_ws format to_char to_date to_timestamp to_number to_json to_jsonb row_to_json array_to_json array_to_string string_to_array
	json_build_object json_build_array jsonb_build_object jsonb_build_array json_agg jsonb_agg json_object_agg jsonb_object_agg json_agg_strict jsonb_agg_strict
	date_part date_trunc extract timezone date timestamp timestamptz time timetz interval anytextcat textanycat quote_literal quote_nullable
	to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery ts_headline
	date_lt_timestamptz date_le_timestamptz date_eq_timestamptz date_gt_timestamptz date_ge_timestamptz date_ne_timestamptz date_cmp_timestamptz
	timestamptz_lt_date timestamptz_le_date timestamptz_eq_date timestamptz_gt_date timestamptz_ge_date timestamptz_ne_date timestamptz_cmp_date
	timestamp_lt_timestamptz timestamp_le_timestamptz timestamp_eq_timestamptz timestamp_gt_timestamptz timestamp_ge_timestamptz timestamp_ne_timestamptz
	timestamptz_lt_timestamp timestamptz_le_timestamp timestamptz_eq_timestamp timestamptz_gt_timestamp timestamptz_ge_timestamp timestamptz_ne_timestamp
	timestamptz_pl_interval timestamptz_mi_interval interval_pl_timestamptz`)

// A function is what pg_proc says of one.
type function struct {
	name       string
	system     bool
	ours       bool   // in schema unstale, where nobody but who set it up makes any
	volatility string // i, s or v
	language   string
}

// judge refuses what calls a function of which the result does not follow from its
// arguments, and tells what may change a session.
func (r *reading) judge(functions map[uint32]function) (alters bool) {
	r.known = functions
	for oid := range r.functions {
		f, known := functions[oid]
		switch {
		case !known:
			r.refuse(refusedUser)
			alters = true
		case f.system && f.volatility == "i", f.system && f.volatility == "s" && slices.Contains(settled, f.name):
		case f.system && f.volatility == "s":
			r.refuse(refusedSetting)
		case f.system:
			r.refuse(refusedVolatile)
			alters = alters || f.name == "set_config"
			if !slices.Contains(harmless, f.name) {
				r.writes = true
			}
		case f.ours:
			r.refuse(refusedVolatile)
			r.writes = r.writes || f.volatility == "v"
		case f.volatility == "i" && (f.language == "c" || f.language == "internal"):
		default:
			// Whatever it says it is, nobody has looked what it reads.
			r.refuse(refusedUser)
			if f.volatility == "v" {
				r.writes, alters = true, true
			}
		}
	}
	return alters
}

// harmless are volatile functions of the system that change nothing.
var harmless = strings.Fields(`random clock_timestamp timeofday statement_timestamp gen_random_uuid pg_sleep`)

// analyze makes the plan of a statement that reads.
func (r *reading) analyze(trees []*nodetree.Node) *shape.Plan {
	if r.refused != "" {
		return &shape.Plan{Refused: r.refused}
	}
	return r.under(trees[0], nil)
}

// under returns the plan for arguments that fail these guards.
func (r *reading) under(tree *nodetree.Node, failing []shape.Guard) *shape.Plan {
	var reads []sqldep.Read
	for oid, columns := range r.tables {
		reads = append(reads, sqldep.Read{Table: r.catalogue.tables[oid].Table, Columns: columns})
	}
	slices.SortFunc(reads, func(a, b sqldep.Read) int { return shape.CompareNames(a.Table, b.Table) })
	d := dialect
	d.Table = func(t *shape.Table) string { return r.catalogue.quoted[t] }
	q, until := r.resolve(tree)
	q.Failing = failing
	p := d.Analyze(q, "", reads, sqldep.PrecisionExact)
	if len(until) != len(r.present) || len(p.Ends) != len(r.present) {
		return &shape.Plan{Refused: refusedVolatile} // it looks at the clock elsewhere, or nobody knows when it ends
	}
	if len(p.Guards) > 0 {
		p.Under = func(failing []shape.Guard) *shape.Plan { return r.under(tree, failing) }
	}
	return p
}
