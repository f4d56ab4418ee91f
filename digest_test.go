package unstale_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/unstale/unstale"
)

// FuzzAppendField decodes what is digested, which proves that no two lists of
// fields share their bytes.
func FuzzAppendField(f *testing.F) {
	f.Add("accept", "text/html", "", "\x00\x01a")
	f.Add("", "\x01", "\x02\x00", "x-a")
	f.Fuzz(func(t *testing.T, name, x, y, z string) {
		fields := []struct {
			name  string
			lines []string
		}{{name, []string{x}}, {x, nil}, {y, []string{""}}, {z, []string{x, y, z}}}
		var b []byte
		for _, field := range fields {
			b = unstale.AppendField(b, field.name, field.lines)
		}
		number := func() int {
			n, size := binary.Uvarint(b)
			if size <= 0 {
				t.Fatalf("no number at %q", b)
			}
			b = b[size:]
			return int(n)
		}
		text := func() string {
			n := number()
			s := string(b[:n])
			b = b[n:]
			return s
		}
		for _, field := range fields {
			if got := text(); got != field.name {
				t.Fatalf("name %q, want %q", got, field.name)
			}
			var lines []string
			for range number() {
				lines = append(lines, text())
			}
			if !slices.Equal(lines, field.lines) {
				t.Fatalf("lines %q, want %q", lines, field.lines)
			}
		}
		if len(b) > 0 {
			t.Fatalf("ends in %q", b)
		}
	})
}
