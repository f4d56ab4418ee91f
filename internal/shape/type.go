package shape

// A Type says how the values of a column compare. Types are compared with ==: if
// two columns have one, a value equals those of the one that it equals in the
// other.
type Type interface {
	// Key returns the value that stands for all that equal v in the column: it is
	// the same for any two of them, and for no others. ok is false for a value of
	// which that is not certain.
	Key(v Value) (_ Value, ok bool)

	// Place appends v's place in the column's order to dst, which is empty. ok is
	// false for a value of which it is not certain, and for Null where the order is
	// not known.
	Place(dst Code, v Value) (_ Code, ok bool)

	// Fit returns an argument of a statement as the value that the column is
	// compared with. ok is false where it is not certain that exactly the rows whose
	// image holds an equal value match.
	Fit(arg any) (_ Value, ok bool)

	// Distinct reports whether values that are equal are the same.
	Distinct() bool
}

// Comparable reports whether it is known which values of the column equal one
// another, and row images show them.
func (c *Column) Comparable() bool { return c.Type != nil && c.Generated == NotGenerated }

// Distinct reports whether values of the column that are equal are the same.
func (c *Column) Distinct() bool { return c.Type != nil && c.Type.Distinct() }

// place returns a value's place in the order of the column.
func (c *Column) place(dst Code, v Value) (_ Code, ok bool) {
	if c.Type == nil {
		return dst, false
	}
	dst, ok = c.Type.Place(dst[:0], v)
	return dst[:min(len(dst), MaxDigits)], ok
}
