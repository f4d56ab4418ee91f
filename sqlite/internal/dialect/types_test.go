package dialect

import (
	"bytes"
	"cmp"
	"database/sql/driver"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/shape"
)

// sorted returns random values and a comparison that orders them as SQLite does
// in a column.
func sorted(r *rand.Rand, t *columnType) []shape.Value {
	texts := []string{"", " ", "a", "A", "a ", "a  ", "B", "b", "-", ".", "/", "0", "9", ":", ";", "S", "T", "U", "\x00", "\x01", "\xff", "é",
		"2026-11-23", "2026-11-23 18:39:11", "2026-11-23T18:39:11.123Z", "2026-11-23 18:39:12", "2026-11-24", "12", "1200", strings.Repeat("x", 80), strings.Repeat("x", 80) + "y"}
	list := []shape.Value{shape.Null(), shape.Int(0), shape.Int(-1), shape.Int(1), shape.Int(math.MaxInt64), shape.Int(math.MinInt64), shape.Int(1<<53 + 1), shape.Float(0.5), shape.Float(-0.5), shape.Float(math.Copysign(0, -1)),
		shape.Float(1e300), shape.Float(-1e300), shape.Float(math.Inf(1)), shape.Float(math.Inf(-1)), shape.Blob(""), shape.Blob("\x00"), shape.Blob("a")}
	for _, s := range texts {
		list = append(list, shape.Text(s))
	}
	for range 300 {
		list = append(list, shape.Int(r.Int64N(2000)-1000), shape.Int(int64(r.Uint64())>>r.IntN(64)), shape.Float(r.NormFloat64()*1000))
		b := make([]byte, r.IntN(6))
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		list = append(list, shape.Text(string(b)), shape.Blob(string(b)), shape.Text(texts[r.IntN(len(texts))]+texts[r.IntN(len(texts))]))
	}
	list = slices.DeleteFunc(list, func(v shape.Value) bool { _, ok := t.Place(nil, v); return !ok })
	slices.SortFunc(list, func(x, y shape.Value) int { return compareValues(x, y, t) })
	return list
}

// compareValues compares as SQLite sorts.
func compareValues(x, y shape.Value, t *columnType) int {
	class := func(v shape.Value) int {
		return map[shape.Kind]int{shape.KindNull: 0, shape.KindInt: 1, shape.KindFloat: 1, shape.KindText: 2, shape.KindBlob: 3}[v.Kind()]
	}
	if d := cmp.Compare(class(x), class(y)); d != 0 {
		return d
	}
	switch class(x) {
	case 1:
		if x.Kind() == shape.KindInt && y.Kind() == shape.KindInt {
			return cmp.Compare(x.Int(), y.Int())
		}
		number := func(v shape.Value) float64 {
			if v.Kind() == shape.KindInt {
				return float64(v.Int())
			}
			return v.Float()
		}
		return cmp.Compare(number(x), number(y))
	case 2:
		a, b := x.Text(), y.Text()
		if t.fold != nil {
			a, _ = t.fold(a)
			b, _ = t.fold(b)
		}
		return strings.Compare(a, b)
	case 3:
		return strings.Compare(x.Text(), y.Text())
	}
	return 0
}

func TestPlacesFollowTheOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, affinity := range []string{"INTEGER", "REAL", "NUMERIC", "TEXT", ""} {
		for _, collation := range []string{"", "NOCASE", "RTRIM"} {
			c := TypeOf(affinity, false, collation, false).(*columnType)
			list := sorted(r, c)
			var last shape.Code
			differ := 0
			for i, v := range list {
				d, ok := c.Place(nil, v)
				d = d[:min(len(d), shape.MaxDigits)]
				if !ok || len(d) == 0 {
					t.Fatalf("no code, or a long one, of %v", v)
				}
				if i > 0 {
					if bytes.Compare(last, d) > 0 {
						t.Fatalf("affinity %s %s: the code of %v is above that of %v", affinity, collation, list[i-1], v)
					}
					if !bytes.Equal(last, d) {
						differ++
						if bytes.HasPrefix(d, last) {
							t.Fatalf("the code of %v is a prefix of that of %v", list[i-1], v)
						}
					}
				}
				last = d
			}
			if differ < len(list)/2 {
				t.Errorf("affinity %s %s: only %d codes in %d values", affinity, collation, differ, len(list))
			}
		}
	}
}

// Times in seconds apart have places apart, in all ways of keeping them.
func TestPlacesTellTimesApart(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct {
		affinity string
		x, y     shape.Value
	}{
		{"TEXT", shape.Text("2026-11-23 18:39:11.001"), shape.Text("2026-11-23 18:39:11.002")},
		{"NUMERIC", shape.Text("2026-11-23T18:39:11.001Z"), shape.Text("2026-11-23T18:39:11.002Z")},
		{"INTEGER", shape.Int(1_795_458_351_000_001), shape.Int(1_795_458_351_000_002)},
		{"NUMERIC", shape.Int(1_795_458_351), shape.Int(1_795_458_352)},
		{"REAL", shape.Float(2461368.277210648), shape.Float(2461368.277222222)},
	} {
		c := TypeOf(pair.affinity, false, "", false)
		x, _ := c.Place(nil, pair.x)
		y, _ := c.Place(nil, pair.y)
		if bytes.Compare(x, y) >= 0 {
			t.Errorf("%v and %v have the codes %v and %v", pair.x, pair.y, x, y)
		}
	}
}
func TestArgumentsFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		affinity string
		arg      driver.Value
		want     bool
	}{
		{"INTEGER", int64(1), true},
		{"INTEGER", 1.0, true},
		{"INTEGER", true, true},
		{"INTEGER", nil, true},
		{"INTEGER", "1", true},
		{"INTEGER", "-01", true},
		{"INTEGER", "+1", false},
		{"INTEGER", "1.0", false},
		{"INTEGER", "", true},
		{"NUMERIC", " 1 ", false},
		{"NUMERIC", "1e5", false},
		{"NUMERIC", "550e8400-e29b-41d4-a716-446655440000", true},
		{"NUMERIC", "2024-01-01", true},
		{"NUMERIC", "2024-01-01 10:00:00", true},
		{"NUMERIC", "1-1", true},
		{"NUMERIC", "1e-", false},
		{"INTEGER", math.NaN(), false},
		{"INTEGER", []byte("a"), true},
		{"INTEGER", []byte{}, false},
		{"INTEGER", []byte(nil), true},
		{"TEXT", "a", true},
		{"TEXT", "", true},
		{"TEXT", "a\x00b", false},
		{"TEXT", "\xff", false},
		{"TEXT", []byte("a"), true},
		{"TEXT", int64(1), false},
		{"TEXT", true, false},
		{"TEXT", nil, true},
		{"NUMERIC", int64(1), true},
		{"REAL", int64(1), true},
		{"REAL", "a", true},
		{"", "a", true},
		{"", time.Time{}, false},
	} {
		if _, ok := TypeOf(test.affinity, false, "", false).Fit(test.arg); ok != test.want {
			t.Errorf("affinity %q, %T(%v): fits %t", test.affinity, test.arg, test.arg, ok)
		}
	}
}

// Where case does not count, only columns are narrowed that hold nothing but texts and
// blobs, and that have no other values for equal than that comparison or a finer one.
func TestFoldedTypes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		declared, collation string
		want                bool
	}{
		{"TEXT", "", true},
		{"VARCHAR(10)", "binary", true},
		{"TEXT", "NOCASE", true},
		{"TEXT", "RTRIM", false}, // 'a ' = lower('A')
		{"TEXT", "OURS", false},
		{"", "", false},
		{"INTEGER", "", false},
	} {
		if got := FoldedTypeOf(test.declared, false, test.collation, false); (got != nil) != test.want {
			t.Errorf("%s %s: %v", test.declared, test.collation, got)
		}
	}
	narrow, wide := FoldedTypeOf("TEXT", false, "", false), FoldedTypeOf("TEXT", false, "", true)
	for _, test := range []struct {
		typ  shape.Type
		v    shape.Value
		want shape.Value
		ok   bool
	}{
		{narrow, shape.Text("ÄbC"), shape.Text("Äbc"), true},
		{narrow, shape.Blob("aB"), shape.Text("ab"), true},
		{wide, shape.Blob("aB"), shape.Value{}, false},
		{narrow, shape.Text("a\x00b"), shape.Value{}, false},
		{narrow, shape.Null(), shape.Null(), true},
		{narrow, shape.Int(1), shape.Value{}, false},
	} {
		if got, ok := test.typ.Key(test.v); ok != test.ok || ok && got != test.want {
			t.Errorf("%v: %v %t", test.v, got, ok)
		}
	}
	for _, test := range []struct {
		arg driver.Value
		ok  bool
	}{{"A", true}, {nil, true}, {int64(1), false}, {[]byte("a"), false}, {"a\x00", false}, {"\xff", false}} {
		if _, ok := narrow.Fit(test.arg); ok != test.ok {
			t.Errorf("%v: fits %t", test.arg, ok)
		}
	}
}

// Whether a parameter is NULL is known of every argument.
func TestUntyped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		arg  driver.Value
		null bool
	}{{nil, true}, {[]byte(nil), true}, {int64(0), false}, {"", false}, {"a", false}, {1.5, false}, {false, false}, {[]byte("a"), false}, {time.Time{}, false}} {
		if v, ok := dialect.Untyped.Fit(test.arg); !ok || (v.Kind() == shape.KindNull) != test.null {
			t.Errorf("%T(%v): %v %t", test.arg, test.arg, v, ok)
		}
	}
}
