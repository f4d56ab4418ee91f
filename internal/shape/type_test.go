package shape

import "math"

// numbers and texts are types such as a database has. Of arguments they take
// int64 and string.
type (
	numbers struct{ Type }
	texts   struct{ Type }
)

func (numbers) Key(v Value) (_ Value, ok bool) {
	if v.kind == KindFloat && v.Float() == math.Trunc(v.Float()) {
		return Int(int64(v.Float())), true
	}
	return v, v.kind != KindUnknown
}

func (numbers) Place(dst Code, v Value) (_ Code, ok bool) {
	if v.kind == KindNull {
		return append(dst, 0), true
	}
	return AppendInt(append(dst, 1), v.Int()), v.kind == KindInt
}

func (numbers) Fit(arg any) (_ Value, ok bool) {
	i, ok := arg.(int64)
	return Int(i), ok
}

func (texts) Key(v Value) (_ Value, ok bool) { return v, v.kind != KindUnknown }

func (texts) Place(dst Code, v Value) (_ Code, ok bool) {
	return AppendText(dst, v.text), v.kind == KindText
}

func (texts) Fit(arg any) (_ Value, ok bool) {
	s, ok := arg.(string)
	return Text(s), ok
}
