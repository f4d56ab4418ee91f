package rfc9111

import "testing"

func TestParseRange(t *testing.T) {
	t.Parallel()
	const ok, ignored, unsatisfiable = RangeSatisfiable, RangeIgnored, RangeUnsatisfiable
	tests := []struct {
		value  string
		size   int64
		want   Range
		result RangeResult
	}{
		// RFC 9110 §14.1.2, a representation of 10000 bytes
		{"bytes=0-499", 10000, Range{0, 500}, ok},
		{"bytes=500-999", 10000, Range{500, 500}, ok},
		{"bytes=-500", 10000, Range{9500, 500}, ok},
		{"bytes=9500-", 10000, Range{9500, 500}, ok},
		{"bytes=0-0", 10000, Range{0, 1}, ok},
		{"bytes=-1", 10000, Range{9999, 1}, ok},
		{"bytes=0-", 10, Range{0, 10}, ok},
		{"bytes=9-9", 10, Range{9, 1}, ok},
		{"bytes=5-10000", 10, Range{5, 5}, ok},
		{"bytes=-10000", 10, Range{0, 10}, ok},
		{"bytes=0-9223372036854775807", 10, Range{0, 10}, ok},
		{"bytes=007-008", 10, Range{7, 2}, ok},
		{"BYTES=1-2", 10, Range{1, 2}, ok}, // RFC 9110 §14.1
		{"bytes= 1-2 ", 10, Range{1, 2}, ok},
		{"bytes=1-2,", 10, Range{1, 2}, ok}, // RFC 9110 §5.6.1
		{"bytes=, ,-2 ,", 10, Range{8, 2}, ok},

		{"bytes=10-", 10, Range{}, unsatisfiable},
		{"bytes=10-20", 10, Range{}, unsatisfiable},
		{"bytes=9223372036854775807-", 10, Range{}, unsatisfiable},
		{"bytes=-0", 10, Range{}, unsatisfiable},

		{"bytes=0-0,-1", 10, Range{}, ignored},
		{"bytes=1-2,3", 10, Range{}, ignored},
		{"bytes=,", 10, Range{}, ignored},
		{"bytes=2-1", 10, Range{}, ignored},
		{"bytes=20-19", 10, Range{}, ignored},
		{"items=0-4", 10, Range{}, ignored},
		{"bytes 0-4", 10, Range{}, ignored},
		{"bytes=", 10, Range{}, ignored},
		{"bytes=-", 10, Range{}, ignored},
		{"bytes=5", 10, Range{}, ignored},
		{"bytes=--5", 10, Range{}, ignored},
		{"bytes=+1-5", 10, Range{}, ignored},
		{"bytes=1-+5", 10, Range{}, ignored},
		{"bytes=1 - 5", 10, Range{}, ignored},
		{"bytes=0x1-5", 10, Range{}, ignored},
		{"bytes=1_0-", 10, Range{}, ignored},
		{"bytes=99999999999999999999-", 10, Range{}, ignored},
		{"bytes=0-99999999999999999999", 10, Range{}, ignored},
		{"", 10, Range{}, ignored},

		// an empty representation, RFC 9110 §14.2
		{"bytes=0-", 0, Range{}, ignored},
		{"bytes=-5", 0, Range{}, ignored},
	}
	for _, tt := range tests {
		if got, result := ParseRange(tt.value, tt.size); got != tt.want || result != tt.result {
			t.Errorf("%q of %d: got %+v %v, want %+v %v", tt.value, tt.size, got, result, tt.want, tt.result)
		}
	}
}

func TestContentRange(t *testing.T) {
	t.Parallel()
	if got, want := (Range{Start: 42, Length: 1192}).ContentRange(1234), "bytes 42-1233/1234"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := UnsatisfiedRange(1234), "bytes */1234"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
