package rfc9111

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	want := time.Date(2050, time.August, 8, 2, 1, 18, 0, time.UTC)
	for _, s := range []string{
		"Mon, 08 Aug 2050 02:01:18 GMT", // IMF-fixdate, RFC 9110 §5.6.7
		" \tMon, 08 Aug 2050 02:01:18 GMT ",
		"Monday, 08-Aug-50 02:01:18 GMT", // rfc850-date
		"Mon Aug  8 02:01:18 2050",       // asctime-date
		"Mon Aug 08 02:01:18 2050",
		"mon, 08 AUG 2050 02:01:18 gMT", // in any case, RFC 9111 §4.2
		"MONDAY, 08-aug-50 02:01:18 gmt",
		"MON AUG  8 02:01:18 2050",
		"Tue, 08 Aug 2050 02:01:18 GMT", // a Monday in truth
	} {
		if got, ok := parseDate(s); !ok || !got.Equal(want) {
			t.Errorf("%q: got %v %v", s, got, ok)
		}
	}
	for _, s := range []string{
		"", "0", "-1", "GMT", ",", "Monday,",
		"Mon, 08 Aug 2050 2:01:18 GMT", // an hour of one digit
		"Monday, 08-Aug-50 2:01:18 GMT",
		"Mon Aug  8 2:01:18 2050",
		"Mon, 08 Aug 2050  2:01:18 GMT", // 29 bytes
		"Mon,  8 Aug 2050 02:01:18 GMT",
		"Mon, 8 Aug 2050 02:01:18 GMT",
		"Mon, 08  Aug  2050 02:01:18 GMT", // several spaces
		"Mon,08 Aug 2050 02:01:18 GMT",
		"Mon, 08 Aug 2050 02:01:18  GMT",
		"Mon, 08 Aug 2050\t02:01:18 GMT",
		"Mon Aug 8 02:01:18 2050",
		"Mon  Aug 8 02:01:18 2050",
		"Mon, 08 Aug 2050 02:01:18.5 GMT",
		"Mon, 08 Aug 2050 02:01:18 UTC", // another zone
		"Mon, 08 Aug 2050 02:01:18 CET",
		"Mon, 08 Aug 2050 02:01:18 +0000",
		"Mon, 08 Aug 2050 02:01:18GMT",
		"Mon, 08 Aug 2050 02:01:18",
		"Monday, 08-Aug-50 02:01:18 CET",
		"Mon Aug  8 02:01:18 2050 GMT",
		"Mon, 08 Aug 50 02:01:18 GMT", // forms mixed
		"Mon, 08-Aug-50 02:01:18 GMT",
		"Mon, 08-Aug-2050 02:01:18 GMT",
		"Monday, 08 Aug 2050 02:01:18 GMT",
		"Someday, 08-Aug-50 02:01:18 GMT",
		"Mon 08 Aug 2050 02:01:18 GMT",
		"Mon, 08 Aug 2050 02.01.18 GMT",
		"Xyz, 08 Aug 2050 02:01:18 GMT", // no such
		"Mon, 08 Xyz 2050 02:01:18 GMT",
		"Mon, 31 Jun 2050 02:01:18 GMT",
		"Mon, 08 Aug 2050 24:01:18 GMT",
		"Mon, 08 Aug 2050 02:01:18 GMT, Mon, 08 Aug 2050 02:01:18 GMT",
		"M\xf6n, 08 Aug 2050 02:01:18 GMT",
	} {
		if got, ok := parseDate(s); ok {
			t.Errorf("%q is %v", s, got)
		}
	}
}

func TestParseDateYearsOfTwoDigits(t *testing.T) {
	t.Parallel()
	for year, want := range map[string]int{"00": 2000, "26": 2026, "68": 2068, "69": 1969, "94": 1994} {
		if got, ok := parseDate("Sunday, 06-Nov-" + year + " 08:49:37 GMT"); !ok || got.Year() != want {
			t.Errorf("%s: got %v %v", year, got, ok)
		}
	}
}

// FuzzParseDate compares with net/http, which is more lenient: a date of ours is
// one there, and means the same.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{
		"Mon, 08 Aug 2050 02:01:18 GMT", "Monday, 08-Aug-50 02:01:18 GMT", "Mon Aug  8 02:01:18 2050",
		"Mon, 08 Aug 2050  2:01:18 GMT", "mon, 08 aug 2050 02:01:18 gmt", "Mon, 08 Aug 0000 00:00:60 GMT", "0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseDate(s)
		if !ok {
			if proper, err := time.Parse(http.TimeFormat, s); err == nil && proper.Format(http.TimeFormat) == s {
				t.Fatal("no date")
			}
			return
		}
		s = trim(s)
		if i := len(s) - len("GMT"); strings.EqualFold(s[i:], "GMT") {
			s = s[:i] + "GMT"
		}
		want, err := http.ParseTime(s)
		if err != nil || !want.Equal(got) || got.Location() != time.UTC {
			t.Fatalf("%v, net/http %v %v", got, want, err)
		}
	})
}
