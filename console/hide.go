package console

import "strings"

// hidden stands for a value.
const hidden = "…"

// hideValues returns a text of SQL, or what is said of one, without the literals and
// comments in it. What it cannot be sure of, it leaves out with all that follows.
func hideValues(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		switch ch := s[i]; {
		case ch == '\'':
			end := closing(s, i)
			b.WriteString("'" + hidden + "'")
			if end < 0 || strings.IndexByte(s[i:end], '\\') >= 0 {
				return b.String() // not closed, or perhaps only later
			}
			i = end
		case ch == '"', ch == '`':
			end := closing(s, i)
			if end < 0 {
				return b.String() + hidden
			}
			b.WriteString(s[i:end])
			i = end
		case strings.HasPrefix(s[i:], "--"):
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				return b.String()
			}
			i += n
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 || strings.Contains(s[i+2:i+2+n], "/*") { // which some nest
				return b.String() + hidden
			}
			i += n + 4
		case ch == '$' && i+1 < len(s) && !digit(s[i+1]) && !(i > 0 && word(s[i-1])):
			n := strings.IndexByte(s[i+1:], '$')
			if n < 0 {
				b.WriteByte(ch) // a parameter with a name
				i++
				continue
			}
			return b.String() + hidden
		case digit(ch) || ch == '.' && i+1 < len(s) && digit(s[i+1]):
			end := i + 1
			for end < len(s) && (word(s[end]) || s[end] == '.' || (s[end] == '+' || s[end] == '-') && (s[end-1] == 'e' || s[end-1] == 'E')) {
				end++
			}
			b.WriteString(hidden)
			i = end
		case word(ch) || strings.IndexByte("?$:@#", ch) >= 0:
			end := i + 1
			for end < len(s) && word(s[end]) {
				end++
			}
			b.WriteString(s[i:end])
			i = end
		default:
			b.WriteByte(ch)
			i++
		}
	}
	return b.String()
}

// closing returns where what is quoted at i ends, in which a quote is written twice, or -1.
func closing(s string, i int) int {
	q := s[i]
	for j := i + 1; j < len(s); j++ {
		if s[j] != q {
			continue
		}
		if j+1 < len(s) && s[j+1] == q {
			j++
			continue
		}
		return j + 1
	}
	return -1
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func word(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// hideTarget returns what kind of target was named.
func hideTarget(s string) string {
	kind, _, _ := strings.Cut(s, " ")
	switch kind {
	case "tag", "key", "pattern":
		return kind + " " + hidden
	}
	return hidden
}
