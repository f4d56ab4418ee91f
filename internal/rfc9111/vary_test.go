package rfc9111

import (
	"net/http"
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

func TestVaryKey(t *testing.T) {
	t.Parallel()
	type H = http.Header
	fields := []string{"accept", "x-a"}
	tests := []struct {
		name string
		a, b http.Header
		same bool
	}{
		{"both absent", H{}, nil, true},
		{"same", H{"Accept": {"a"}}, H{"Accept": {"a"}}, true},
		{"not selected", H{"Accept": {"a"}, "X-B": {"1"}}, H{"Accept": {"a"}, "X-B": {"2"}}, true},
		{"different", H{"Accept": {"a"}}, H{"Accept": {"b"}}, false},
		{"case of the value", H{"Accept": {"a"}}, H{"Accept": {"A"}}, false},
		{"absent and empty", H{}, H{"Accept": {""}}, false},
		{"nil and absent", H{}, H{"Accept": nil}, true},
		{"the other field", H{"Accept": {"a"}}, H{"X-A": {"a"}}, false},
		{"lines and a list", H{"Accept": {"a", "b"}}, H{"Accept": {"a, b"}}, false},
		{"order of lines", H{"Accept": {"a", "b"}}, H{"Accept": {"b", "a"}}, false},
		{"imitated encoding", H{"Accept": {"", "1:a"}}, H{"Accept": {"1:a", ""}}, false},
		{"imitated next field", H{"Accept": {"x-a=1;1:b"}}, H{"Accept": {""}, "X-A": {"b"}}, false},
	}
	for _, tt := range tests {
		if a, b := VaryKey(fields, tt.a), VaryKey(fields, tt.b); (a == b) != tt.same {
			t.Errorf("%s: %q and %q", tt.name, a, b)
		}
	}
	if got := VaryKey(nil, H{"Accept": {"a"}}); got != "" {
		t.Errorf("no fields: %q", got)
	}
}
