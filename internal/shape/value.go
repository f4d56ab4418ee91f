package shape

import (
	"math"
)

// A Value is a column's value in a row image. The zero Value is Unknown: it
// equals nothing, itself included.
//
// A Value has no mutable parts and may be copied freely.
type Value struct {
	kind Kind
	num  uint64 // of an integer or a float: its bits
	text string // of a text or a blob: its bytes
}

// A Kind is what kind of value a Value is.
type Kind uint8

// The kinds of values.
const (
	KindUnknown Kind = iota
	KindNull
	KindInt
	KindFloat
	KindText
	KindBlob
)

// Null returns SQL's NULL.
func Null() Value { return Value{kind: KindNull} }

// Int returns an integer.
func Int(i int64) Value { return Value{kind: KindInt, num: uint64(i)} }

// Float returns a floating-point number.
func Float(f float64) Value { return Value{kind: KindFloat, num: math.Float64bits(f)} }

// Text returns a text. It must be whole: text that a driver cut is Unknown.
func Text(s string) Value { return Value{kind: KindText, text: s} }

// Blob returns a blob of the bytes of s.
func Blob(s string) Value { return Value{kind: KindBlob, text: s} }

// Kind returns what kind of value it is.
func (v Value) Kind() Kind { return v.kind }

// Int returns an integer.
func (v Value) Int() int64 { return int64(v.num) }

// Float returns a floating-point number.
func (v Value) Float() float64 { return math.Float64frombits(v.num) }

// Text returns a text, or the bytes of a blob.
func (v Value) Text() string { return v.text }

// same reports whether two values are known to be stored identically.
func (v Value) same(w Value) bool { return v == w && v.kind != KindUnknown }
