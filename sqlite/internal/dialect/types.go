package dialect

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/unstale/unstale/internal/shape"
)

// A columnType is how the columns with an affinity and a collation compare. All
// of an affinity with the collation BINARY share one. Those with another one
// share none: which of two collations decides follows from how a comparison is
// written.
type columnType struct {
	affinity affinity
	fold     func(text string) (_ string, ok bool) // texts that are equal to one; nil for BINARY
	utf16    bool                                  // texts are sorted in UTF-16
}

type affinity uint8

const (
	affinityBlob affinity = iota // also called NONE
	affinityText
	affinityNumeric
	affinityInteger
	affinityReal

	affinities
)

// binaryTypes are the types with the collation BINARY, where texts are sorted in
// UTF-8, and in UTF-16.
var binaryTypes = func() (types [2][affinities]columnType) {
	for i := range affinities {
		types[0][i], types[1][i] = columnType{affinity: i}, columnType{affinity: i, utf16: true}
	}
	return types
}()

// integerType is the type of what must be an integer.
var integerType shape.Type = &binaryTypes[0][affinityInteger]

// TypeOf returns the type of a column with a declared type, in a STRICT table or
// not, and a collation, "" for BINARY. utf16 says that the database encodes texts
// in UTF-16. The type is nil where only the author of the collation knows which
// texts are equal.
func TypeOf(declared string, strict bool, collation string, utf16 bool) shape.Type {
	a := affinityOf(declared, strict)
	switch strings.ToUpper(collation) {
	case "", "BINARY":
		if utf16 {
			return &binaryTypes[1][a]
		}
		return &binaryTypes[0][a]
	case "NOCASE":
		return &columnType{a, foldCase, utf16}
	case "RTRIM":
		return &columnType{a, foldSpaces, utf16}
	}
	return nil
}

// FoldedTypeOf returns the type of such a column as it is compared by lower(column), or
// with the collation NOCASE, or nil where these say less than its own comparison: only
// a TEXT column is known to hold nothing but texts and blobs.
func FoldedTypeOf(declared string, strict bool, collation string, utf16 bool) shape.Type {
	switch strings.ToUpper(collation) {
	case "", "BINARY", "NOCASE":
		if affinityOf(declared, strict) == affinityText {
			return foldedType{utf16}
		}
	}
	return nil
}

// A foldedType is how texts compare by lower(text), which SQLite does for ASCII letters
// alone and takes the bytes of a blob for a text.
type foldedType struct{ utf16 bool }

// Key implements shape.Type.
func (t foldedType) Key(v shape.Value) (_ shape.Value, ok bool) {
	switch v.Kind() {
	case shape.KindNull:
		return v, true
	case shape.KindBlob:
		ok = !t.utf16
	case shape.KindText:
		ok = true
	}
	s, whole := foldCase(v.Text())
	return shape.Text(s), ok && whole
}

// Place implements shape.Type: there is no order.
func (t foldedType) Place(dst shape.Code, _ shape.Value) (_ shape.Code, ok bool) { return dst, false }

// Fit implements shape.Type.
func (t foldedType) Fit(arg any) (_ shape.Value, ok bool) {
	switch arg := arg.(type) {
	case nil:
		return shape.Null(), true
	case string:
		return shape.Text(arg), utf8.ValidString(arg) && strings.IndexByte(arg, 0) < 0
	}
	return shape.Value{}, false
}

// Distinct implements shape.Type.
func (t foldedType) Distinct() bool { return false }

// affinityOf returns the affinity of a column with a declared type. In a STRICT
// table ANY converts nothing.
func affinityOf(declared string, strict bool) affinity {
	t := strings.ToUpper(declared)
	has := func(part string) bool { return strings.Contains(t, part) }
	switch {
	case strict && t == "ANY":
		return affinityBlob
	case has("INT"):
		return affinityInteger
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return affinityText
	case has("BLOB"), t == "":
		return affinityBlob
	case has("REAL"), has("FLOA"), has("DOUB"):
		return affinityReal
	}
	return affinityNumeric
}

// foldCase is NOCASE, which stops to compare at a NUL byte.
func foldCase(s string) (_ string, ok bool) { return lower(s), strings.IndexByte(s, 0) < 0 }

// foldSpaces is RTRIM.
func foldSpaces(s string) (_ string, ok bool) { return strings.TrimRight(s, " "), true }

// Key returns an integer for each number that equals one, and folds texts.
func (t *columnType) Key(v shape.Value) (_ shape.Value, ok bool) {
	switch v.Kind() {
	case shape.KindFloat:
		if f := v.Float(); f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
			return shape.Int(int64(f)), true
		}
	case shape.KindText:
		if t.fold != nil {
			s, ok := t.fold(v.Text())
			return shape.Text(s), ok
		}
	}
	return v, v.Kind() != shape.KindUnknown
}

// Place returns NULL first, then numbers, texts and blobs.
func (t *columnType) Place(dst shape.Code, v shape.Value) (_ shape.Code, ok bool) {
	if t.utf16 {
		return dst, false
	}
	switch v.Kind() {
	case shape.KindNull:
		return append(dst, 0), true
	case shape.KindInt, shape.KindFloat:
		if t.affinity == affinityInteger {
			return shape.AppendInt(append(dst, 1), floor(v)), true
		}
		return shape.AppendFloat(append(dst, 1), number(v)), true
	case shape.KindText:
		s := v.Text()
		if t.fold != nil {
			if s, ok = t.fold(s); !ok {
				return dst, false
			}
		}
		return shape.AppendText(append(dst, 2), s), true
	case shape.KindBlob:
		return shape.AppendText(append(dst, 3), v.Text()), true
	}
	return dst, false
}

// number returns a number as a float.
func number(v shape.Value) float64 {
	if v.Kind() == shape.KindInt {
		return float64(v.Int())
	}
	return v.Float()
}

// floor returns the greatest integer that is not above a number.
func floor(v shape.Value) int64 {
	if v.Kind() == shape.KindInt {
		return v.Int()
	}
	switch f := math.Floor(v.Float()); {
	case f < math.MinInt64 || math.IsNaN(f):
		return math.MinInt64
	case f >= math.MaxInt64:
		return math.MaxInt64
	default:
		return int64(f)
	}
}

// Fit returns a number for a column with a numeric affinity, a text for a TEXT column,
// anything for a column without affinity. A numeric affinity makes a number of a text
// that stands for one, of which integers are known, and leaves any other text what it
// is. No affinity changes a blob. A text must be valid UTF-8 without a NUL byte, at which
// drivers cut; an empty blob may become NULL.
func (t *columnType) Fit(arg any) (_ shape.Value, ok bool) {
	numeric := t.affinity != affinityText
	switch arg := arg.(type) {
	case nil:
		return shape.Null(), true // equals nothing
	case bool:
		if arg {
			return shape.Int(1), numeric
		}
		return shape.Int(0), numeric
	case int64:
		return shape.Int(arg), numeric
	case float64:
		return shape.Float(arg), numeric && !math.IsNaN(arg)
	case string:
		if t.affinity != affinityText && t.affinity != affinityBlob && mayBeNumber(arg) {
			return integerOf(arg)
		}
		return shape.Text(arg), utf8.ValidString(arg) && strings.IndexByte(arg, 0) < 0
	case []byte:
		if arg == nil {
			return shape.Null(), true
		}
		return shape.Blob(string(arg)), len(arg) > 0
	}
	return shape.Value{}, false
}

// integerOf returns a text that stands for an integer as that integer, which is
// what SQLite compares a column of a numeric affinity with.
func integerOf(s string) (v shape.Value, ok bool) {
	i, err := strconv.ParseInt(s, 10, 64)
	return shape.Int(i), err == nil && s[0] != '+'
}

// mayBeNumber reports whether a text has no characters but those of numbers, and a digit.
// It must not be false for any that SQLite takes for one, as it does with blanks around
// it.
func mayBeNumber(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.Trim(s, "0123456789+-.eE \t\n\v\f\r") == "" && !dated(s)
}

// dated reports whether a text begins as a date does, which no number does.
func dated(s string) bool {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	return digits > 0 && digits < len(s) && s[digits] == '-'
}

// Distinct reports whether the column has no equal values that differ, such as 1
// and 1.0 or 'a' and 'A'.
func (t *columnType) Distinct() bool {
	switch t.affinity {
	case affinityText, affinityInteger, affinityNumeric:
		return t.fold == nil
	}
	return false
}

// An untypedType is how values compare of which neither is a column's.
type untypedType struct{ *columnType }

// Fit returns a value of an unknown kind for what a driver makes a text of.
func (t untypedType) Fit(arg any) (_ shape.Value, ok bool) {
	if _, is := arg.(time.Time); is {
		return shape.Value{}, true
	}
	return t.columnType.Fit(arg)
}
