package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/unstale/unstale/internal/shape"
)

// Types of the system, by oid.
const (
	pgBool        = 16
	pgInt8        = 20
	pgInt2        = 21
	pgInt4        = 23
	pgText        = 25
	pgVarchar     = 1043
	pgDate        = 1082
	pgTimestamp   = 1114
	pgTimestamptz = 1184
	pgUUID        = 2950
)

// A family is a set of types of which it is known which values equal one another, by
// the operators among them that are in equalities. It is the shape.Type of their
// columns.
type family uint8

const (
	familyBool family = iota
	familyInt
	familyText // with a collation that tells every text from every other
	familyUUID
	familyDate
	familyTimestamp
	familyTimestamptz

	families
)

// familyTypes are the shape.Types, so that two columns of one family have one.
var familyTypes = func() (types [families]*family) {
	for f := range families {
		types[f] = &f
	}
	return types
}()

// familyOf returns the family of a type, or nil.
func familyOf(typ uint32) *family {
	switch typ {
	case pgBool:
		return familyTypes[familyBool]
	case pgInt2, pgInt4, pgInt8:
		return familyTypes[familyInt]
	case pgText, pgVarchar:
		return familyTypes[familyText]
	case pgUUID:
		return familyTypes[familyUUID]
	case pgDate:
		return familyTypes[familyDate]
	case pgTimestamp:
		return familyTypes[familyTimestamp]
	case pgTimestamptz:
		return familyTypes[familyTimestamptz]
	}
	return nil
}

// equalities are the operators "=" whose sides are of one family, by oid.
var equalities = map[uint32]family{
	91: familyBool,
	94: familyInt, 96: familyInt, 410: familyInt, 15: familyInt, 416: familyInt, 532: familyInt, 533: familyInt, 1862: familyInt, 1868: familyInt,
	98:   familyText,
	2972: familyUUID,
	1093: familyDate,
	2060: familyTimestamp,
	1320: familyTimestamptz,
}

// Key implements shape.Type: values are in canonical form already.
func (f *family) Key(v shape.Value) (_ shape.Value, ok bool) { return v, v.Kind() != shape.KindUnknown }

// Place implements shape.Type: no order is known yet.
func (f *family) Place(dst shape.Code, _ shape.Value) (_ shape.Code, ok bool) { return dst, false }

// Distinct implements shape.Type.
func (f *family) Distinct() bool { return true }

// Fit implements shape.Type. An argument is a parameter as the server gets it, or a
// constant of a text.
func (f *family) Fit(arg any) (_ shape.Value, ok bool) {
	switch a := arg.(type) {
	case shape.Value:
		return a, f.holds(a)
	case int64:
		return shape.Int(a), *f == familyInt
	case bool:
		if a {
			return shape.Int(1), *f == familyBool
		}
		return shape.Int(0), *f == familyBool
	case string:
		switch *f {
		case familyText:
			return shape.Text(a), len(a) <= maxText
		case familyUUID:
			return uuidValue(a)
		}
	case *parameter:
		if familyOf(a.typ) != f {
			return shape.Value{}, false
		}
		return a.value()
	}
	return shape.Value{}, false
}

// holds reports whether a value is one of the family.
func (f *family) holds(v shape.Value) bool {
	switch v.Kind() {
	case shape.KindNull:
		return true
	case shape.KindInt:
		return *f != familyText && *f != familyUUID
	case shape.KindText:
		return *f == familyText || *f == familyUUID
	}
	return false
}

// A parameter is what was bound to one.
type parameter struct {
	typ    uint32
	binary bool
	bytes  []byte // nil: NULL
}

// value returns the value in canonical form. ok is false where that is not certain.
func (p *parameter) value() (_ shape.Value, ok bool) {
	if p.bytes == nil {
		return shape.Null(), true
	}
	if !p.binary {
		return textValue(p.typ, string(p.bytes))
	}
	b := p.bytes
	switch {
	case p.typ == pgBool && len(b) == 1:
		return shape.Int(int64(b[0] & 1)), b[0] <= 1
	case p.typ == pgInt2 && len(b) == 2:
		return shape.Int(int64(int16(binary.BigEndian.Uint16(b)))), true
	case p.typ == pgInt4 && len(b) == 4:
		return shape.Int(int64(int32(binary.BigEndian.Uint32(b)))), true
	case p.typ == pgInt8 && len(b) == 8:
		return shape.Int(int64(binary.BigEndian.Uint64(b))), true
	case p.typ == pgText || p.typ == pgVarchar:
		return shape.Text(string(b)), len(b) <= maxText
	case p.typ == pgUUID && len(b) == 16:
		return shape.Text(hex.EncodeToString(b)), true
	case p.typ == pgDate && len(b) == 4:
		days := int32(binary.BigEndian.Uint32(b))
		return shape.Int(int64(days)), days != math.MinInt32 && days != math.MaxInt32
	case (p.typ == pgTimestamp || p.typ == pgTimestamptz) && len(b) == 8:
		micros := int64(binary.BigEndian.Uint64(b))
		return shape.Int(micros), micros != math.MinInt64 && micros != math.MaxInt64
	}
	return shape.Value{}, false
}

// textValue returns the value of a text in the form in which clients send it.
func textValue(typ uint32, s string) (_ shape.Value, ok bool) {
	switch typ {
	case pgInt2, pgInt4, pgInt8:
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		return shape.Int(n), err == nil
	case pgText, pgVarchar:
		return shape.Text(s), len(s) <= maxText
	case pgBool:
		switch s {
		case "t", "true":
			return shape.Int(1), true
		case "f", "false":
			return shape.Int(0), true
		}
	case pgUUID:
		return uuidValue(s)
	}
	return shape.Value{}, false // dates: which one a text means follows from settings
}

// uuidValue returns a UUID as its 32 hexadecimal digits.
func uuidValue(s string) (_ shape.Value, ok bool) {
	s = strings.ToLower(strings.ReplaceAll(s, "-", ""))
	if _, err := hex.DecodeString(s); err != nil || len(s) != 32 {
		return shape.Value{}, false
	}
	return shape.Text(s), true
}

// microsToEpoch is how much later 2000, from which the wire counts, is than 1970, from
// which images do.
const microsToEpoch = 946684800 * 1_000_000

// imageValue returns a value that an image holds: see imageOf.
func imageValue(typ uint32, s *string) shape.Value {
	if s == nil {
		return shape.Null()
	}
	rest, known := strings.CutPrefix(*s, "v")
	if !known {
		return shape.Value{}
	}
	switch typ {
	case pgDate, pgTimestamp, pgTimestamptz:
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return shape.Value{}
		}
		if typ != pgDate {
			n -= microsToEpoch
		}
		return shape.Int(n)
	}
	v, ok := textValue(typ, rest)
	if !ok {
		return shape.Value{}
	}
	return v
}
