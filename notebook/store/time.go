package store

import (
	"fmt"
	"time"
)

// micros is a time as a column holds it.
func micros(t time.Time) int64 { return t.UnixMicro() }

// optMicros is a time, or NULL.
func optMicros(t *time.Time) any {
	if t == nil {
		return nil
	}
	return micros(*t)
}

// timeColumn scans a column into the time it points to.
type timeColumn struct{ t *time.Time }

// Scan implements sql.Scanner.
func (c timeColumn) Scan(src any) error {
	v, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time of type %T", src)
	}
	*c.t = time.UnixMicro(v).UTC()
	return nil
}

// optTimeColumn scans a column that may be NULL.
type optTimeColumn struct{ t **time.Time }

// Scan implements sql.Scanner.
func (c optTimeColumn) Scan(src any) error {
	*c.t = nil
	if src == nil {
		return nil
	}
	var t time.Time
	if err := (timeColumn{&t}).Scan(src); err != nil {
		return err
	}
	*c.t = &t
	return nil
}
