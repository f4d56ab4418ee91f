package server

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/unstale/unstale/notebook"
)

// answersIn returns the language of the answer to a request with this path and this
// Accept-Language field. Pages speak what the browser prefers. The API is for
// programs, of which most were written for its Chinese, whatever browser they run
// in: it speaks English to those alone that ask for "en" and for nothing else, as
// no browser does by default.
func answersIn(path, field string) notebook.Lang {
	if !strings.HasPrefix(path, "/api/") {
		return language(field)
	}
	if strings.EqualFold(strings.TrimSpace(field), string(notebook.English)) {
		return notebook.English
	}
	return notebook.Chinese
}

// language returns the language that an Accept-Language field prefers (RFC 9110,
// sections 12.4.2 and 12.5.4). A range such as en-GB stands for its language; of
// two that are preferred alike the first counts; Chinese where nothing decides.
func language(field string) notebook.Lang {
	const unmentioned, refused = 0.0, -1.0
	named := map[notebook.Lang]float64{}
	var first notebook.Lang
	others := unmentioned
	for item := range strings.SplitSeq(field, ",") {
		tag, q := languageRange(item)
		if q == 0 {
			q = refused
		}
		if tag == "*" {
			others = q
			continue
		}
		primary, _, _ := strings.Cut(tag, "-")
		l := notebook.Lang(primary)
		if first == "" && (l == notebook.Chinese || l == notebook.English) {
			first = l
		}
		if known, ok := named[l]; !ok || q > known {
			named[l] = q
		}
	}
	weight := func(l notebook.Lang) float64 {
		if q, ok := named[l]; ok {
			return q
		}
		return others
	}
	zh, en := weight(notebook.Chinese), weight(notebook.English)
	if en > zh || en == zh && en > unmentioned && first == notebook.English {
		return notebook.English
	}
	return notebook.Chinese
}

// qvalue is a weight: 0 to 1 with at most three decimals.
var qvalue = regexp.MustCompile(`^(0(\.[0-9]{0,3})?|1(\.0{0,3})?)$`)

// languageRange returns a range in lower case and its weight, 1 if it has none
// that makes sense.
func languageRange(item string) (tag string, q float64) {
	tag, parameter, _ := strings.Cut(item, ";")
	name, value, _ := strings.Cut(parameter, "=")
	q = 1
	if value = strings.TrimSpace(value); strings.EqualFold(strings.TrimSpace(name), "q") && qvalue.MatchString(value) {
		q, _ = strconv.ParseFloat(value, 64) // of this form it has no error
	}
	return strings.ToLower(strings.TrimSpace(tag)), q
}
