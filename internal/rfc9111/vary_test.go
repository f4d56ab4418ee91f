package rfc9111

import (
	"slices"
	"testing"
)

func TestParseVary(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		values []string
		fields []string
		star   bool
	}{
		{"nothing", nil, nil, false},
		{"empty", []string{"", " , "}, nil, false},
		{"empty members, RFC 9110 §5.6.1", []string{",Accept,, \t,", "", ", Origin"}, []string{"accept", "origin"}, false},
		{"star after an empty line", []string{"", " , *"}, nil, true},
		{"a comma quotes nothing", []string{`"Accept, Origin"`}, nil, true},
		{"one", []string{"Accept"}, []string{"accept"}, false},
		{"sorted, case-insensitive, once", []string{"Origin, ACCEPT ,accept", "accept"}, []string{"accept", "origin"}, false},
		{"star, RFC 9111 §4.1", []string{"*"}, nil, true},
		{"star among others", []string{"Accept", "x, *"}, nil, true},
		{"no field name", []string{"Accept Language"}, nil, true},
		{"no field name", []string{"Accept;x"}, nil, true},
		{"a star within a name is a token", []string{"a*"}, []string{"a*"}, false},
	}
	for _, tt := range tests {
		if fields, star := ParseVary(tt.values); !slices.Equal(fields, tt.fields) || star != tt.star {
			t.Errorf("%s: %q: got %q %v", tt.name, tt.values, fields, star)
		}
	}
}
