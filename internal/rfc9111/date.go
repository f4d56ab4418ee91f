package rfc9111

import (
	"strings"
	"time"
)

// A dateForm is one of the forms of an HTTP-date. In shape, 0 stands for a
// digit, a for a letter, _ for a digit or a space, everything else for itself.
type dateForm struct {
	shape  string
	zone   string
	layout string // of what precedes the zone
}

// dateForms are those of RFC 9110 §5.6.7: IMF-fixdate, and the obsolete asctime
// and RFC 850 ones, the last of them without its day name, whose length varies.
var dateForms = [...]dateForm{
	{"aaa, 00 aaa 0000 00:00:00", " GMT", "Mon, 02 Jan 2006 15:04:05"},
	{"aaa aaa _0 00:00:00 0000", "", "Mon Jan _2 15:04:05 2006"},
	{", 00-aaa-00 00:00:00", " GMT", ", 02-Jan-06 15:04:05"},
}

// parseDate reads an HTTP-date in any of its three forms. What has another
// number of digits or spaces, or another zone, is none. Letters may be of either
// case (RFC 9111 §4.2), and a day name is not held against the date.
//
// Years of two digits lie between 1969 and 2068, so that from 2018 on none is
// more than 50 years ahead, which RFC 9110 §5.6.7 would have in the past.
func parseDate(s string) (time.Time, bool) {
	s = trim(s)
	if day, _, ok := strings.Cut(s, ","); ok && len(day) > len("Mon") && isDayName(day) {
		return dateForms[2].parse(s[len(day):])
	}
	for i := range dateForms[:2] {
		if t, ok := dateForms[i].parse(s); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

// parse checks the shape before package time, which takes several spaces for
// one, an hour of one digit and a fraction of a second.
func (f *dateForm) parse(s string) (time.Time, bool) {
	if len(s) != len(f.shape)+len(f.zone) {
		return time.Time{}, false
	}
	s, zone := s[:len(f.shape)], s[len(f.shape):]
	if !strings.EqualFold(zone, f.zone) || !hasShape(s, f.shape) {
		return time.Time{}, false
	}
	t, err := time.Parse(f.layout, s)
	return t, err == nil
}

func hasShape(s, shape string) bool {
	for i := range len(shape) {
		c, ok := s[i], false
		switch shape[i] {
		case '0':
			ok = isDigit(c)
		case '_':
			ok = c == ' ' || isDigit(c)
		case 'a':
			ok = isLetter(c)
		default:
			ok = c == shape[i]
		}
		if !ok {
			return false
		}
	}
	return true
}

func isDayName(s string) bool {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(s, day.String()) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
