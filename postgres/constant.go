package postgres

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/postgres/internal/nodetree"
)

// constant returns the value of a constant: a literal, or nil if it is not understood.
func (c *catalogue) constant(n *nodetree.Node) any {
	typ := n.OID("consttype")
	if n.True("constisnull") {
		return literal{typ, shape.Null()}
	}
	b, ok := datum(n)
	if !ok {
		return nil
	}
	if v := c.datumValue(typ, b, n.True("constbyval")); v.Kind() != shape.KindUnknown {
		return literal{typ, v}
	}
	return nil
}

// yes reports whether an expression is the constant true.
func (c *catalogue) yes(n *nodetree.Node) bool {
	if n.Tag != "CONST" {
		return false
	}
	l, ok := c.constant(n).(literal)
	return ok && l == literal{pgBool, shape.Int(1)}
}

// datum returns the bytes of a constant.
func datum(n *nodetree.Node) (b []byte, ok bool) {
	held, _ := n.Get("constvalue").(nodetree.List)
	if len(held.Items) != 2 {
		return nil, false
	}
	length, _ := held.Items[0].(string)
	list, _ := held.Items[1].(nodetree.List)
	for _, item := range list.Items {
		text, _ := item.(string)
		v, err := strconv.Atoi(text)
		if err != nil || v < -128 || v > 255 {
			return nil, false
		}
		b = append(b, byte(v))
	}
	return b, length == strconv.Itoa(len(b)) || n.True("constbyval")
}

// datumValue returns a value as it lies in the server's memory, in canonical form, or
// Unknown. Bytes are those of a little-endian machine, which all are on which the server
// runs today: of another one's nothing is understood.
func (c *catalogue) datumValue(typ uint32, b []byte, byValue bool) shape.Value {
	if byValue {
		if len(b) != 8 {
			return shape.Value{}
		}
		v := binary.LittleEndian.Uint64(b)
		switch typ {
		case pgBool:
			return shape.Int(int64(v & 1))
		case pgInt2:
			return shape.Int(int64(int16(v)))
		case pgInt4, pgDate:
			return dayValue(typ, int32(v))
		case pgInt8, pgTimestamp, pgTimestamptz:
			return shape.Int(int64(v))
		case pgFloat4:
			return floatValue(float64(math.Float32frombits(uint32(v))))
		case pgFloat8:
			return floatValue(math.Float64frombits(v))
		}
		if label, ok := c.labels[uint32(v)]; ok && c.enums[typ] != nil {
			return shape.Text(label)
		}
		return shape.Value{}
	}
	if typ == pgUUID && len(b) == 16 {
		return shape.Text(hex.EncodeToString(b))
	}
	if len(b) < 4 || b[0]&3 != 0 || int(binary.LittleEndian.Uint32(b))>>2 != len(b) {
		return shape.Value{}
	}
	text := string(b[4:])
	switch typ {
	case pgText, pgVarchar, c.citext.typ:
		return bounded(text)
	case pgBpchar:
		return bounded(strings.TrimRight(text, " "))
	case pgBytea:
		return bounded(hex.EncodeToString(b[4:]))
	}
	return shape.Value{}
}
