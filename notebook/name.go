package notebook

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// unshown reports whether people do not see the character, or see it move others:
// control and format characters, and separators of lines and paragraphs.
func unshown(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }

// blank reports whether a character that is none of these shows nothing all the
// same, or changes nothing but how the one before is drawn.
func blank(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u2800' // of Braille, without a dot
}

// shownName reports whether a text is fit to name something: it is valid UTF-8
// and people see all of it.
func shownName(name string) bool {
	return utf8.ValidString(name) && !strings.ContainsFunc(name, unshown)
}

// NormalizeUsername returns the name as it is kept: of several ways to write the
// same (full-width letters, ligatures, a letter and its accent) the one of NFKC,
// with single spaces. It fails with ErrUsernameInvalid.
func NormalizeUsername(name string) (string, error) {
	if !shownName(name) || len(name) > maxUsername*utf8.UTFMax*2 { // what is longer is too long in NFKC, too
		return "", ErrUsernameInvalid
	}
	name = strings.Join(strings.Fields(norm.NFKC.String(name)), " ")
	strange := func(r rune) bool { return !unicode.IsGraphic(r) || unshown(r) || blank(r) }
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	switch {
	case tooLong(name, maxUsername) || strings.ContainsFunc(name, strange) || !strings.ContainsFunc(name, letter):
		return "", ErrUsernameInvalid
	case uuid.Validate(name) == nil: // lists would take it for an id
		return "", ErrUsernameInvalid
	}
	return name, nil
}

// NameKey returns what names that people take for each other have in common: it
// knows neither case nor accents, nor letters of other alphabets that look like
// Latin ones. Two users never have the same.
func NameKey(name string) string {
	folded := cases.Fold().String(norm.NFKC.String(name))
	var key strings.Builder
	for _, r := range norm.NFD.String(folded) {
		switch latin, ok := lookalikes[r]; {
		case unicode.In(r, unicode.Mn, unicode.Cc, unicode.Cf) || blank(r):
		case ok:
			key.WriteRune(latin)
		default:
			key.WriteRune(r)
		}
	}
	return norm.NFC.String(key.String())
}

// lookalikes are the letters, in lower case, that most fonts draw as a Latin one.
var lookalikes = map[rune]rune{
	// Cyrillic
	'а': 'a', 'ԁ': 'd', 'е': 'e', 'һ': 'h', 'і': 'i', 'ј': 'j', 'ӏ': 'l', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'с': 'c', 'ѕ': 's', 'у': 'y', 'ү': 'y', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x',
	// Cyrillic whose capitals look like Latin capitals
	'в': 'b', 'к': 'k', 'м': 'm', 'н': 'h', 'т': 't',
	// Greek, by its small letters and its capitals
	'α': 'a', 'β': 'b', 'ε': 'e', 'ζ': 'z', 'η': 'h', 'ι': 'i', 'κ': 'k', 'μ': 'm', 'ν': 'v', 'ο': 'o', 'ρ': 'p', 'τ': 't', 'υ': 'y', 'χ': 'x', 'ϳ': 'j',
	// Latin that is not what it seems
	'ı': 'i', 'ȷ': 'j', 'ɑ': 'a', 'ɡ': 'g', 'ɩ': 'i', 'ɪ': 'i', 'ʏ': 'y', 'ł': 'l', 'ø': 'o', 'đ': 'd', 'ħ': 'h', 'ŧ': 't', 'ƅ': 'b', 'ǀ': 'l', 'ո': 'n', 'օ': 'o', 'ս': 'u', 'հ': 'h',
}

// normalizeItemName returns the name of an item as it is kept, in NFC: NFKC would
// change the punctuation of Chinese titles. Whether it is fit is for CheckTexts.
func normalizeItemName(name string) string { return norm.NFC.String(strings.TrimSpace(name)) }

// SafeFileName returns the name of a file as it may lead nowhere on any system,
// and means nothing to any.
func SafeFileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unshown(r) || strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimRight(name, ". ")
	if strings.Trim(name, ".") == "" || isDevice(name) {
		name = "_" + name
	}
	return name
}

// isDevice reports whether Windows takes a file of this name for a device,
// whatever its extension.
func isDevice(name string) bool {
	stem, _, _ := strings.Cut(name, ".")
	stem = strings.ToUpper(strings.TrimSpace(stem))
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	if port, ok := strings.CutPrefix(stem, "COM"); ok || strings.HasPrefix(stem, "LPT") {
		if !ok {
			port = strings.TrimPrefix(stem, "LPT")
		}
		return utf8.RuneCountInString(port) == 1 && strings.Contains("0123456789¹²³", port)
	}
	return false
}
