package console

import (
	"strings"
	"testing"
)

func TestHideValues(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT a1 FROM t WHERE b = ?1 AND c = $2 AND d = :three LIMIT 20":      "SELECT a1 FROM t WHERE b = ?1 AND c = $2 AND d = :three LIMIT …",
		"WHERE a = 'it''s' AND b = 1.5e-3 OR c = .5":                            "WHERE a = '…' AND b = … OR c = …",
		`WHERE a = E'x\' secret' AND b = 1`:                                     "WHERE a = E'…'",
		"WHERE a = 'not closed":                                                 "WHERE a = '…'",
		`SELECT "a 1", ` + "`b`" + ` FROM t -- 4711` + "\nWHERE x'00ff' = 0x1F": `SELECT "a 1", ` + "`b` FROM t \nWHERE x'…' = …",
		"SELECT /* for 4711 */ 1":                                               "SELECT  …",
		"SELECT /* a /* nested */ secret */ 1":                                  "SELECT …",
		"SELECT $$secret$$":                                                     "SELECT …",
		"SELECT $q$secret$q$":                                                   "SELECT …",
		"SELECT a FROM t WHERE b = @p1 AND c=-5":                                "SELECT a FROM t WHERE b = @p1 AND c=-…",
		"cards[owner=?1]{title}↓made":                                           "cards[owner=?1]{title}↓made",
		`SELECT "not closed`:                                                    "SELECT …",
	} {
		if got := hideValues(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzHideValues(f *testing.F) {
	f.Add("4711")
	f.Add("it''s")
	f.Fuzz(func(t *testing.T, value string) {
		quoted := strings.ReplaceAll(strings.ReplaceAll(value, "'", "''"), `\`, "")
		if got := hideValues("SELECT a FROM t WHERE b = '" + quoted + "' AND c = ?"); got != "SELECT a FROM t WHERE b = '…' AND c = ?" {
			t.Errorf("%q: %q", value, got)
		}
		_ = hideValues(value)
	})
}

func TestWrap(t *testing.T) {
	for _, lines := range [][]string{wrap("one two three fourfivesix", 7, 9), wrap("a b c d e f g h", 3, 2)} {
		for _, line := range lines {
			if len([]rune(line)) > 7 {
				t.Errorf("%q", lines)
			}
		}
	}
	if got := strings.Join(wrap("one two three fourfivesix", 7, 9), "|"); got != "one two|three|fourfiv|esix" {
		t.Error(got)
	}
	if got := strings.Join(wrap("a b c d e f g h", 3, 2), "|"); got != "a b|c …" && got != "a b|c…" {
		t.Error(got)
	}
}
