package postgres

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                        nil,
		" ; ;":                    nil,
		"a":                       {"a"},
		"a; b ;c":                 {"a", "b", "c"},
		"SELECT ';'; x":           {"SELECT ';'", "x"},
		"SELECT 'a'';b'; x":       {"SELECT 'a'';b'", "x"},
		`SELECT E'\';'; x`:        {`SELECT E'\';'`, "x"},
		`SELECT "a;""b"; x`:       {`SELECT "a;""b"`, "x"},
		"a -- ;\n; x":             {"a -- ;", "x"},
		"a /* ; /* ; */ ; */ ; x": {"a /* ; /* ; */ ; */", "x"},
		"DO $$ a; b $$; x":        {"DO $$ a; b $$", "x"},
		"DO $f$ a; $$ b; $f$; x":  {"DO $f$ a; $$ b; $f$", "x"},
		"SELECT $1; SELECT $2":    {"SELECT $1", "SELECT $2"},
		"SELECT 'open; x":         {"SELECT 'open; x"},
		"SELECT $a$ open; x":      {"SELECT $a$ open; x"},
		"/* open ; x":             {"/* open ; x"},
	} {
		if got := split(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("a; 'b;' ; $$;$$ -- ;")
	f.Fuzz(func(_ *testing.T, text string) { split(text) })
}
