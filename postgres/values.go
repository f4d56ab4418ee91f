package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale/internal/shape"
)

// Values are compared in canonical form, the same for all that are equal by the operators
// of their family:
//
//	bool, integers             an integer
//	numeric                    an integer, or its decimals without zeros at the end
//	floats                     a float64; -0 is 0, and there is one NaN
//	text, varchar              its bytes
//	char(n)                    its bytes without spaces at the end
//	bytea, uuid                hexadecimal digits
//	date                       days since 2000, timestamps microseconds; infinities the ends
//	inet, cidr                 an address with its bits
//	enums                      the label
//
// One of which that is not certain is Unknown. They come from three places: parameters
// and rows, as they are on the wire, and images, as triggers write them.

// A parameter is what was bound to one, or a value of a row.
type parameter struct {
	typ    uint32
	binary bool
	row    bool   // it comes from the server, and so is as a setting has it
	bytes  []byte // nil: NULL
}

// A literal is a constant of a text.
type literal struct {
	typ   uint32
	value shape.Value
}

// value returns the value in canonical form, or Unknown.
func (p *parameter) value() shape.Value {
	switch {
	case p.bytes == nil:
		return shape.Null()
	case p.binary:
		return binaryValue(p.typ, p.bytes)
	case p.row && familyOf(p.typ) == familyFloat: // rounded, if extra_float_digits says so
		return shape.Value{}
	case p.row && p.typ == pgBytea && !strings.HasPrefix(string(p.bytes), `\x`):
		return shape.Value{}
	}
	return textValue(p.typ, string(p.bytes))
}

// binaryValue returns the value that bytes in the binary format stand for.
func binaryValue(typ uint32, b []byte) shape.Value {
	switch {
	case typ == pgBool && len(b) == 1 && b[0] <= 1:
		return shape.Int(int64(b[0]))
	case typ == pgInt2 && len(b) == 2:
		return shape.Int(int64(int16(binary.BigEndian.Uint16(b))))
	case typ == pgInt4 && len(b) == 4, typ == pgDate && len(b) == 4:
		return dayValue(typ, int32(binary.BigEndian.Uint32(b)))
	case typ == pgInt8 && len(b) == 8:
		return shape.Int(int64(binary.BigEndian.Uint64(b)))
	case (typ == pgTimestamp || typ == pgTimestamptz) && len(b) == 8:
		return shape.Int(int64(binary.BigEndian.Uint64(b)))
	case typ == pgFloat4 && len(b) == 4:
		return floatValue(float64(math.Float32frombits(binary.BigEndian.Uint32(b))))
	case typ == pgFloat8 && len(b) == 8:
		return floatValue(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case typ == pgUUID && len(b) == 16:
		return shape.Text(hex.EncodeToString(b))
	case typ == pgBytea:
		return bounded(hex.EncodeToString(b))
	case typ == pgNumeric:
		return binaryNumeric(b)
	case typ == pgInet || typ == pgCidr:
		return binaryInet(b)
	case typ == pgText, typ == pgVarchar, typ == pgBpchar, enumLike(typ):
		return textValue(typ, string(b))
	}
	return shape.Value{}
}

// enumLike reports whether a type is none of the system's, and may be an enum, whose
// values are their labels in every format. What is no enum fits no column.
func enumLike(typ uint32) bool { return typ >= 16384 }

// dayValue returns a date, which has infinities, or an integer.
func dayValue(typ uint32, n int32) shape.Value {
	switch {
	case typ == pgDate && n == math.MaxInt32:
		return shape.Int(math.MaxInt64)
	case typ == pgDate && n == math.MinInt32:
		return shape.Int(math.MinInt64)
	}
	return shape.Int(int64(n))
}

func floatValue(f float64) shape.Value {
	if math.IsNaN(f) {
		f = math.NaN()
	}
	return shape.Float(f + 0)
}

// bounded returns a text, unless images do not hold one that is so long.
func bounded(s string) shape.Value {
	if len(s) > maxText {
		return shape.Value{}
	}
	return shape.Text(s)
}

// textValue returns the value that a text stands for, in a form that means the same
// whatever the settings are.
func textValue(typ uint32, s string) shape.Value {
	switch typ {
	case pgInt2, pgInt4, pgInt8:
		if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64); err == nil {
			return shape.Int(n)
		}
	case pgText, pgVarchar:
		return bounded(s)
	case pgBpchar:
		return bounded(strings.TrimRight(s, " "))
	case pgBool:
		switch s {
		case "t", "true":
			return shape.Int(1)
		case "f", "false":
			return shape.Int(0)
		}
	case pgUUID:
		s = strings.ToLower(strings.ReplaceAll(s, "-", ""))
		if _, err := hex.DecodeString(s); err == nil && len(s) == 32 {
			return shape.Text(s)
		}
	case pgBytea:
		if digits, ok := strings.CutPrefix(s, `\x`); ok {
			if b, err := hex.DecodeString(digits); err == nil {
				return bounded(hex.EncodeToString(b))
			}
		}
	case pgNumeric:
		return decimal(s)
	case pgFloat4, pgFloat8:
		return textFloat(typ, s)
	case pgDate, pgTimestamp, pgTimestamptz:
		return textTime(typ, s)
	case pgInet, pgCidr:
		return textInet(s)
	default:
		if enumLike(typ) {
			return bounded(s)
		}
	}
	return shape.Value{}
}

func textFloat(typ uint32, s string) shape.Value {
	bits := 64
	if typ == pgFloat4 {
		bits = 32
	}
	if s == "" || strings.Trim(s, "0123456789.+-eE") != "" {
		return shape.Value{} // infinities and NaN are rare, and what Go takes is more than that
	}
	f, err := strconv.ParseFloat(s, bits)
	if err != nil {
		return shape.Value{}
	}
	return floatValue(f)
}

// epoch is where dates and timestamps are counted from.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// textTime returns a date or a timestamp that is written in the one way that means the
// same under every DateStyle and TimeZone.
func textTime(typ uint32, s string) shape.Value {
	switch s {
	case "infinity":
		return shape.Int(math.MaxInt64)
	case "-infinity":
		return shape.Int(math.MinInt64)
	}
	layout := map[uint32]string{pgDate: "2006-01-02", pgTimestamp: "2006-01-02 15:04:05", pgTimestamptz: "2006-01-02 15:04:05Z07"}[typ]
	if _, fraction, ok := strings.Cut(s, "."); ok && len(strings.TrimRight(strings.SplitN(fraction, "+", 2)[0], "0")) > 6 {
		return shape.Value{} // it is rounded
	}
	t, err := time.Parse(layout, s)
	if err != nil && typ == pgTimestamptz {
		t, err = time.Parse("2006-01-02 15:04:05Z07:00", s)
	}
	if err != nil {
		return shape.Value{}
	}
	if typ == pgDate {
		return shape.Int((t.Unix() - epoch.Unix()) / 86400)
	}
	return shape.Int((t.Unix()-epoch.Unix())*1_000_000 + int64(t.Nanosecond()/1000))
}

// textInet returns an address with its bits, all of them where none are given.
func textInet(s string) shape.Value {
	if p, err := netip.ParsePrefix(s); err == nil && p.Addr().Zone() == "" {
		return shape.Text(p.String())
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return shape.Text(netip.PrefixFrom(a, a.BitLen()).String())
	}
	return shape.Value{}
}

func binaryInet(b []byte) shape.Value {
	if len(b) < 4 || int(b[3]) != len(b)-4 {
		return shape.Value{}
	}
	a, ok := netip.AddrFromSlice(b[4:])
	if !ok || int(b[1]) > a.BitLen() {
		return shape.Value{}
	}
	return shape.Text(netip.PrefixFrom(a, int(b[1])).String())
}

// decimal returns a number that is written in decimals, perhaps with an exponent.
func decimal(s string) shape.Value {
	s = strings.TrimSpace(s)
	switch strings.ToLower(strings.TrimPrefix(s, "+")) {
	case "nan":
		return shape.Text("NaN")
	case "infinity", "inf":
		return shape.Text("Infinity")
	case "-infinity", "-inf":
		return shape.Text("-Infinity")
	}
	digits, negative := strings.CutPrefix(s, "-")
	digits = strings.TrimPrefix(digits, "+")
	if strings.Trim(digits, "0123456789.") != "" || strings.Trim(digits, ".") == "" || strings.Count(digits, ".") > 1 {
		return shape.Value{}
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	return numericOf(negative, whole, fraction)
}

// numericOf returns a number in canonical form.
func numericOf(negative bool, whole, fraction string) shape.Value {
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	s := whole
	if fraction != "" {
		s += "." + fraction
	}
	if negative && s != "0" {
		s = "-" + s
	}
	if fraction == "" {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return shape.Int(n)
		}
	}
	return bounded(s)
}

// binaryNumeric returns a numeric of the wire: groups of four digits.
func binaryNumeric(b []byte) shape.Value {
	if len(b) < 8 {
		return shape.Value{}
	}
	groups, weight, sign := int(binary.BigEndian.Uint16(b)), int(int16(binary.BigEndian.Uint16(b[2:]))), binary.BigEndian.Uint16(b[4:])
	b = b[8:]
	switch sign {
	case 0xC000:
		return shape.Text("NaN")
	case 0xD000:
		return shape.Text("Infinity")
	case 0xF000:
		return shape.Text("-Infinity")
	}
	if len(b) != 2*groups || groups > maxText || weight > maxText || weight < -maxText || sign != 0 && sign != 0x4000 {
		return shape.Value{}
	}
	var whole, fraction strings.Builder
	for i := min(0, weight+1); i <= max(weight, groups-1); i++ {
		to, n := &whole, uint16(0)
		if i > weight {
			to = &fraction
		}
		if i >= 0 && i < groups {
			n = binary.BigEndian.Uint16(b[2*i:])
		}
		four := "000" + strconv.Itoa(int(n))
		to.WriteString(four[len(four)-4:])
	}
	return numericOf(sign == 0x4000, whole.String(), fraction.String())
}

// imageValue returns a value that an image holds: see imageOf.
func imageValue(typ uint32, s *string) shape.Value {
	if s == nil {
		return shape.Null()
	}
	rest, known := strings.CutPrefix(*s, "v")
	if !known {
		return shape.Value{}
	}
	switch familyOf(typ) {
	case familyDate, familyTimestamp, familyTimestamptz:
		switch rest {
		case "infinity":
			return shape.Int(math.MaxInt64)
		case "-infinity":
			return shape.Int(math.MinInt64)
		}
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil {
			return shape.Value{}
		}
		if typ != pgDate {
			n -= epoch.UnixMicro()
		}
		return shape.Int(n)
	case familyFloat: // as float8send has it
		b, err := hex.DecodeString(rest)
		if err != nil {
			return shape.Value{}
		}
		return binaryValue(pgFloat8, b)
	case familyBytea:
		return bounded(rest)
	}
	return textValue(typ, rest)
}
