package sqldep

import (
	"math"
)

// A Value is a column's value in a row image. The zero Value is Unknown: it
// equals nothing, itself included.
//
// A Value has no mutable parts and may be copied freely.
type Value struct {
	kind kind
	num  uint64 // of an integer or a float: its bits
	text string // of a text or a blob: its bytes
}

type kind uint8

const (
	kindUnknown kind = iota
	kindNull
	kindInt
	kindFloat
	kindText
	kindBlob
)

// Null returns SQL's NULL.
func Null() Value { return Value{kind: kindNull} }

// Int returns an integer.
func Int(i int64) Value { return Value{kind: kindInt, num: uint64(i)} }

// Float returns a floating-point number.
func Float(f float64) Value { return Value{kind: kindFloat, num: math.Float64bits(f)} }

// Text returns a text. It must be whole: text that a driver cut is Unknown.
func Text(s string) Value { return Value{kind: kindText, text: s} }

// Blob returns a blob of the bytes of s.
func Blob(s string) Value { return Value{kind: kindBlob, text: s} }

// ValueOf returns v as a Value: nil, int64, float64, string or []byte. Whatever
// else it is becomes Unknown.
func ValueOf(v any) Value {
	switch v := v.(type) {
	case nil:
		return Null()
	case int64:
		return Int(v)
	case float64:
		return Float(v)
	case string:
		return Text(v)
	case []byte:
		return Blob(string(v))
	}
	return Value{}
}

// float returns a floating-point number.
func (v Value) float() float64 { return math.Float64frombits(v.num) }

// same reports whether two values are known to be stored identically.
func (v Value) same(w Value) bool { return v == w && v.kind != kindUnknown }

// canonical maps values that compare equal in SQL, without conversion and with
// the BINARY collation, to one representation.
func (v Value) canonical() Value {
	if v.kind == kindFloat {
		f := v.float()
		if f == math.Trunc(f) && f >= math.MinInt64 && f < math.MaxInt64 {
			return Int(int64(f))
		}
	}
	return v
}
