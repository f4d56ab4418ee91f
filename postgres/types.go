package postgres

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/unstale/unstale/internal/shape"
)

// Types of the system, by oid.
const (
	pgBool        = 16
	pgBytea       = 17
	pgInt8        = 20
	pgInt2        = 21
	pgInt4        = 23
	pgText        = 25
	pgFloat4      = 700
	pgFloat8      = 701
	pgInet        = 869
	pgCidr        = 650
	pgBpchar      = 1042
	pgVarchar     = 1043
	pgDate        = 1082
	pgTimestamp   = 1114
	pgTimestamptz = 1184
	pgNumeric     = 1700
	pgUUID        = 2950
)

// elements are the types of arrays, with those of their elements.
var elements = map[uint32]uint32{
	1000: pgBool, 1001: pgBytea, 1016: pgInt8, 1005: pgInt2, 1007: pgInt4, 1009: pgText, 1021: pgFloat4, 1022: pgFloat8, 1041: pgInet, 651: pgCidr,
	1014: pgBpchar, 1015: pgVarchar, 1182: pgDate, 1115: pgTimestamp, 1185: pgTimestamptz, 1231: pgNumeric, 2951: pgUUID,
}

// A family is a set of types of which it is known which values equal one another, by
// the operators among them that are in equalities.
type family uint8

const (
	familyNone family = iota
	familyBool
	familyInt
	familyNumeric
	familyFloat
	familyText // with a collation that tells every text from every other
	familyBpchar
	familyBytea
	familyUUID
	familyDate
	familyTimestamp
	familyTimestamptz
	familyInet
	familyEnum
)

// familyOf returns the family of a type of the system, or familyNone.
func familyOf(typ uint32) family {
	switch typ {
	case pgBool:
		return familyBool
	case pgInt2, pgInt4, pgInt8:
		return familyInt
	case pgNumeric:
		return familyNumeric
	case pgFloat4, pgFloat8:
		return familyFloat
	case pgText, pgVarchar:
		return familyText
	case pgBpchar:
		return familyBpchar
	case pgBytea:
		return familyBytea
	case pgUUID:
		return familyUUID
	case pgDate:
		return familyDate
	case pgTimestamp:
		return familyTimestamp
	case pgTimestamptz:
		return familyTimestamptz
	case pgInet, pgCidr:
		return familyInet
	}
	return familyNone
}

// collated reports whether a family's values compare by a collation.
func (f family) collated() bool { return f == familyText || f == familyBpchar }

// equalities are the operators "=" whose sides are of one family, by oid.
var equalities = map[uint32]family{
	91: familyBool,
	94: familyInt, 96: familyInt, 410: familyInt, 15: familyInt, 416: familyInt, 532: familyInt, 533: familyInt, 1862: familyInt, 1868: familyInt,
	1752: familyNumeric,
	620:  familyFloat, 670: familyFloat, 1120: familyFloat, 1130: familyFloat,
	98:   familyText,
	1054: familyBpchar,
	1955: familyBytea,
	2972: familyUUID,
	1093: familyDate,
	2060: familyTimestamp,
	1320: familyTimestamptz,
	1201: familyInet,
	3516: familyEnum,
}

// orders are the operators by which values of one family are sorted, by oid, and whether
// the greatest comes first.
var orders = map[uint32]struct {
	family     family
	descending bool
}{
	58: {familyBool, false}, 59: {familyBool, true},
	95: {familyInt, false}, 520: {familyInt, true}, 97: {familyInt, false}, 521: {familyInt, true}, 412: {familyInt, false}, 413: {familyInt, true},
	1754: {familyNumeric, false}, 1756: {familyNumeric, true},
	622: {familyFloat, false}, 623: {familyFloat, true}, 672: {familyFloat, false}, 674: {familyFloat, true},
	664: {familyText, false}, 666: {familyText, true},
	1058: {familyBpchar, false}, 1060: {familyBpchar, true},
	1957: {familyBytea, false}, 1959: {familyBytea, true},
	2974: {familyUUID, false}, 2975: {familyUUID, true},
	1095: {familyDate, false}, 1097: {familyDate, true},
	2062: {familyTimestamp, false}, 2064: {familyTimestamp, true},
	1322: {familyTimestamptz, false}, 1324: {familyTimestamptz, true},
	3518: {familyEnum, false}, 3519: {familyEnum, true},
}

// A columnType is the shape.Type of columns: all of a family have one, but that texts
// which are sorted by their bytes have another one, and each enum one of its own.
type columnType struct {
	family family
	bytes  bool           // texts are sorted by their bytes
	enum   uint32         // the oid of an enum
	labels map[string]int // of an enum, with their places in its order
}

// columnTypes are those of all types but enums.
var columnTypes = func() (types [2][familyEnum]*columnType) {
	for f := range familyEnum {
		types[0][f], types[1][f] = &columnType{family: f}, &columnType{family: f, bytes: true}
		if !f.collated() {
			types[1][f] = types[0][f]
		}
	}
	return types
}()

// typeOf returns the type of a column, or nil; bytes says that its collation sorts
// by bytes.
func typeOf(typ uint32, bytes bool) shape.Type {
	f := familyOf(typ)
	switch {
	case f == familyNone:
		return nil
	case bytes:
		return columnTypes[1][f]
	}
	return columnTypes[0][f]
}

// familyOfColumn returns the family of a column.
func familyOfColumn(c *shape.Column) family {
	if t, ok := c.Type.(*columnType); ok {
		return t.family
	}
	return familyNone
}

// Key implements shape.Type: values are in canonical form already.
func (t *columnType) Key(v shape.Value) (_ shape.Value, ok bool) {
	return v, v.Kind() != shape.KindUnknown
}

// Distinct implements shape.Type.
func (t *columnType) Distinct() bool {
	switch t.family {
	case familyNumeric, familyFloat, familyBpchar, familyInet: // 1.0 and 1.00, 0 and -0, of different lengths, inet and cidr
		return false
	}
	return true
}

// Fit implements shape.Type. An argument is a parameter as the server gets it, a literal
// of a text, or a value in canonical form.
func (t *columnType) Fit(arg any) (_ shape.Value, ok bool) {
	switch a := arg.(type) {
	case shape.Value:
		return a, a.Kind() != shape.KindUnknown
	case literal:
		return a.value, t.takes(a.typ) && a.value.Kind() != shape.KindUnknown
	case *parameter:
		if !t.takes(a.typ) {
			return shape.Value{}, false
		}
		v := a.value()
		return v, v.Kind() != shape.KindUnknown
	}
	return shape.Value{}, false
}

// takes reports whether values of a type, in canonical form, compare with the column's
// as they are.
func (t *columnType) takes(typ uint32) bool {
	f := familyOf(typ)
	switch t.family {
	case familyEnum:
		return typ == t.enum
	case familyNumeric:
		return f == familyNumeric || f == familyInt
	}
	return f == t.family
}

// An untypedType is how values compare of which neither is a column's: the front end sees
// to it that both are of one family.
type untypedType struct{}

// Key implements shape.Type.
func (untypedType) Key(v shape.Value) (_ shape.Value, ok bool) {
	return v, v.Kind() != shape.KindUnknown
}

// Place implements shape.Type: there is no order.
func (untypedType) Place(dst shape.Code, _ shape.Value) (_ shape.Code, ok bool) { return dst, false }

// Fit implements shape.Type. Of a parameter that is not NULL that much is certain, whatever
// its value.
func (untypedType) Fit(arg any) (_ shape.Value, ok bool) {
	switch a := arg.(type) {
	case literal:
		return a.value, a.value.Kind() != shape.KindUnknown
	case *parameter:
		return a.value(), true
	}
	return shape.Value{}, false
}

// Distinct implements shape.Type.
func (untypedType) Distinct() bool { return false }

// A foldedType is how texts compare by lower(text), or upper(text), and how those of citext
// do: which letters are one but for their case goes by the locale, whatever the provider
// of collations is, but only for letters that are not ASCII's. Texts of ASCII that are
// equal in some locale are equal in this type.
type foldedType struct {
	citext uint32 // the type's oid, if there is one
}

// Key implements shape.Type. Of a text that is not ASCII nobody knows what it equals: the
// sign of Kelvin is a k.
func (foldedType) Key(v shape.Value) (_ shape.Value, ok bool) {
	if v.Kind() != shape.KindText {
		return v, v.Kind() == shape.KindNull
	}
	b := []byte(v.Text())
	for i, c := range b {
		switch {
		case c >= utf8.RuneSelf:
			return v, false
		case 'A' <= c && c <= 'Z':
			b[i] += 'a' - 'A'
		}
	}
	return shape.Text(string(b)), true
}

// Place implements shape.Type: there is no order.
func (foldedType) Place(dst shape.Code, _ shape.Value) (_ shape.Code, ok bool) { return dst, false }

// Fit implements shape.Type.
func (t foldedType) Fit(arg any) (_ shape.Value, ok bool) {
	var typ uint32
	var v shape.Value
	switch a := arg.(type) {
	case shape.Value:
		return a, a.Kind() != shape.KindUnknown
	case literal:
		typ, v = a.typ, a.value
	case *parameter:
		typ, v = a.typ, a.value()
	}
	return v, v.Kind() != shape.KindUnknown && (familyOf(typ) == familyText || typ != 0 && typ == t.citext)
}

// Distinct implements shape.Type.
func (foldedType) Distinct() bool { return false }

// The first digits of places. NULLs are the greatest.
const (
	placeValue = 1
	placeNull  = 3
)

// Place implements shape.Type.
func (t *columnType) Place(dst shape.Code, v shape.Value) (_ shape.Code, ok bool) {
	if t.family.collated() && !t.bytes || t.family == familyInet {
		return dst, false
	}
	if v.Kind() == shape.KindNull {
		return append(dst, placeNull), true
	}
	dst = append(dst, placeValue)
	switch t.family {
	case familyBool, familyInt, familyDate, familyTimestamp, familyTimestamptz:
		return shape.AppendInt(dst, v.Int()), v.Kind() == shape.KindInt
	case familyFloat:
		return shape.AppendFloat(dst, v.Float()), v.Kind() == shape.KindFloat
	case familyNumeric:
		return appendNumeric(dst, v)
	case familyText, familyBpchar, familyBytea, familyUUID:
		return shape.AppendText(dst, v.Text()), v.Kind() == shape.KindText
	case familyEnum:
		place, known := t.labels[v.Text()]
		return shape.AppendInt(dst, int64(place)), known
	}
	return dst, false
}

// Exponents of what is greater than every number.
const (
	exponentInfinity = math.MaxInt32
	exponentNaN      = math.MaxInt32 + 1
)

// appendNumeric appends the place of a number in canonical form: its sign, its exponent,
// and its digits, with an end that comes before all of them.
func appendNumeric(dst shape.Code, v shape.Value) (_ shape.Code, ok bool) {
	text := v.Text()
	switch v.Kind() {
	case shape.KindInt:
		text = strconv.FormatInt(v.Int(), 10)
	case shape.KindText:
	default:
		return dst, false
	}
	magnitude, negative := strings.CutPrefix(text, "-")
	var digits string
	exponent := int64(0)
	switch magnitude {
	case "0":
		return append(dst, 1), true
	case "NaN":
		exponent = exponentNaN
	case "Infinity":
		exponent = exponentInfinity
	default:
		whole, fraction, _ := strings.Cut(magnitude, ".")
		digits = strings.TrimLeft(whole+fraction, "0")
		exponent = int64(len(whole) - (len(whole+fraction) - len(digits)))
		if digits == "" || strings.Trim(digits, "0123456789") != "" {
			return dst, false
		}
		digits = strings.TrimRight(digits, "0")
	}
	sign := byte(2)
	if negative {
		sign = 0
	}
	dst = append(dst, sign)
	start := len(dst)
	dst = shape.AppendInt(dst, exponent)
	for i := 0; i < len(digits) && len(dst) < shape.MaxDigits; i++ {
		d := digits[i] - '0' + 1
		dst = append(dst, d>>2, d&3)
	}
	dst = append(dst, 0, 0)
	if negative {
		for i := start; i < len(dst); i++ {
			dst[i] = 3 - dst[i]
		}
	}
	return dst, true
}
