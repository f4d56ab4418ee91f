package checker

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// An Extractor finds values in the body of an answer. The zero Extractor finds
// nothing.
type Extractor struct {
	text string
	path []string
	re   *regexp.Regexp
}

// ParseExtractor understands two notations. "json:data.items.0.version" is a
// path into a JSON document, with the names of members, the indexes of arrays,
// and * for all of them. `re:"version":(\d+)` is a regular expression with one
// group; every match counts. See [Config] for {key} and {other} in it.
func ParseExtractor(s string) (Extractor, error) {
	notation, rest, _ := strings.Cut(s, ":")
	switch {
	case notation == "json" && rest != "":
		return Extractor{text: s, path: strings.Split(rest, ".")}, nil
	case notation == "re":
		re, err := regexp.Compile(rest)
		if err != nil {
			return Extractor{}, fmt.Errorf("%q: %w", s, err)
		}
		if re.NumSubexp() != 1 {
			return Extractor{}, fmt.Errorf("%q: need one group in parentheses, have %d", s, re.NumSubexp())
		}
		return Extractor{text: s, re: re}, nil
	}
	return Extractor{}, fmt.Errorf("%q: neither json:path nor re:expression", s)
}

// of returns the extractor for one key and its neighbour.
func (e Extractor) of(key, other string) (Extractor, error) {
	if e.re == nil {
		return e, nil
	}
	return ParseExtractor(strings.NewReplacer("{key}", regexp.QuoteMeta(key), "{other}", regexp.QuoteMeta(other)).Replace(e.text))
}

// String returns the notation that was parsed.
func (e Extractor) String() string { return e.text }

func (e Extractor) empty() bool { return e.text == "" }

// find calls yield for every value in body, in no particular order. What is
// neither a string nor a number nor a truth value does not count.
func (e Extractor) find(body []byte, yield func(string)) {
	switch {
	case e.re != nil:
		for _, m := range e.re.FindAllSubmatchIndex(body, -1) {
			if m[2] >= 0 {
				yield(string(body[m[2]:m[3]]))
			}
		}
	case e.path != nil:
		walk(body, e.path, yield)
	}
}

// walk looks below one value of a JSON document.
func walk(value json.RawMessage, path []string, yield func(string)) {
	if len(path) == 0 {
		var scalar any
		d := json.NewDecoder(strings.NewReader(string(value)))
		d.UseNumber() // a version may not fit into a float
		if d.Decode(&scalar) != nil {
			return
		}
		switch v := scalar.(type) {
		case string:
			yield(v)
		case json.Number:
			yield(v.String())
		case bool:
			yield(strconv.FormatBool(v))
		}
		return
	}
	step, rest := path[0], path[1:]
	var list []json.RawMessage
	if json.Unmarshal(value, &list) == nil {
		i, err := strconv.Atoi(step)
		for at, v := range list {
			if step == "*" || err == nil && at == i {
				walk(v, rest, yield)
			}
		}
		return
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(value, &object) != nil {
		return
	}
	if v, ok := object[step]; ok {
		walk(v, rest, yield)
	} else if step == "*" {
		for _, v := range object {
			walk(v, rest, yield)
		}
	}
}

// versions returns the least and the greatest version found in body, and how
// many there are.
func (e Extractor) versions(body []byte) (least, greatest int64, n int, err error) {
	e.find(body, func(s string) {
		v, bad := strconv.ParseInt(s, 10, 64)
		switch {
		case bad != nil:
			err = fmt.Errorf("%s: %q is no version", e.text, s)
			return
		case n == 0:
			least, greatest = v, v
		}
		least, greatest = min(least, v), max(greatest, v)
		n++
	})
	return least, greatest, n, err
}
