package shape

import (
	"encoding/binary"
	"errors"
)

// A kind names a shape for others who follow the database: the same text in every
// process of one build. What is stored elsewhere says by its kinds how commits have to be
// described to be noticed by whoever is given it.

// maxKind bounds a kind that is read, in bytes.
const maxKind = 4096

// marshalKind returns the kind of a shape of a table.
func marshalKind(table string, k shapeKey) string {
	b := binary.AppendUvarint(nil, uint64(len(table)))
	b = append(b, table...)
	b = binary.AppendUvarint(b, uint64(len(k.columns)))
	for _, c := range k.columns {
		b = binary.AppendVarint(b, int64(c))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(k.watched))
	b = binary.AppendVarint(b, int64(k.order))
	flags := byte(0)
	if k.descending {
		flags |= 1
	}
	if k.between {
		flags |= 2
	}
	return string(append(b, flags))
}

var errKind = errors.New("no kind of shape")

// unmarshalKind is the reverse of marshalKind.
func unmarshalKind(text string) (table string, k shapeKey, err error) {
	if len(text) > maxKind {
		return "", k, errKind
	}
	b := []byte(text)
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return "", k, errKind
	}
	table, b = string(b[size:size+int(n)]), b[size+int(n):]
	if n, size = binary.Uvarint(b); size <= 0 || n > uint64(len(b)-size) {
		return "", k, errKind
	}
	b = b[size:]
	for range n {
		c, size := binary.Varint(b)
		if size <= 0 {
			return "", k, errKind
		}
		k.columns, b = append(k.columns, int(c)), b[size:]
	}
	if len(b) < 8 {
		return "", k, errKind
	}
	k.watched, b = ColumnSet(binary.BigEndian.Uint64(b)), b[8:]
	order, size := binary.Varint(b)
	if size <= 0 || len(b) != size+1 || b[size] > 3 {
		return "", k, errKind
	}
	k.order, k.descending, k.between = int(order), b[size]&1 != 0, b[size]&2 != 0
	if marshalKind(table, k) != text {
		return "", k, errKind // one shape has one kind
	}
	return table, k, nil
}

// fits reports whether a shape may be one of the table.
func (k *shapeKey) fits(t *Table) bool {
	for _, c := range k.columns {
		if number(c) >= len(t.Columns) {
			return false
		}
	}
	return k.order == noOrder || k.order >= 0 && k.order < len(t.Columns)
}

// Adopt registers shapes that others have named, of tables by their names, and returns the
// tables on which something that relies on them depends besides, if it lacks no change
// that was told up to asOf: those of shapes by which a commit may not have been described
// that was told later. ok is false if a kind is none.
func (s *Shapes) Adopt(tables func(name string) *Table, kinds []string, asOf uint64) (besides []uint64, ok bool) {
	for _, kind := range kinds {
		name, k, err := unmarshalKind(kind)
		if err != nil {
			return nil, false
		}
		t := tables(name)
		if t == nil || !k.fits(t) {
			return nil, false
		}
		sh := s.register(t, k)
		if sh != nil {
			sh.used.Store(true)
		}
		// A wider one of the family has other hashes than the one that is named.
		if sh == nil || sh.watched != k.watched || asOf < sh.birth.Load() {
			besides = append(besides, s.hasher.table(t))
		}
	}
	return besides, true
}
