package postgres

import "strings"

// split cuts a text into its statements, at semicolons that stand in no string, name
// or comment. It goes by standard_conforming_strings, without which a session is
// taken for changed. What it cuts wrongly is no statement, and nobody knows what it
// did.
func split(text string) (statements []string) {
	start := 0
	add := func(end int) {
		if s := strings.TrimSpace(text[start:end]); s != "" {
			statements = append(statements, s)
		}
		start = end + 1
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == ';':
			add(i)
		case c == '\'' && i > 0 && (text[i-1] == 'E' || text[i-1] == 'e'):
			i = quotedEnd(text, i, true)
		case c == '\'' || c == '"':
			i = quotedEnd(text, i, false)
		case strings.HasPrefix(text[i:], "--"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case strings.HasPrefix(text[i:], "/*"):
			i = commentEnd(text, i)
		case c == '$':
			i = dollarEnd(text, i)
		}
	}
	add(len(text))
	return statements
}

// quotedEnd returns where the string or name ends that begins at i.
func quotedEnd(text string, i int, escapes bool) int {
	quote := text[i]
	for i++; i < len(text); i++ {
		switch {
		case escapes && text[i] == '\\':
			i++
		case text[i] == quote && i+1 < len(text) && text[i+1] == quote:
			i++
		case text[i] == quote:
			return i
		}
	}
	return len(text)
}

// commentEnd returns where the comment ends that begins at i. Comments nest.
func commentEnd(text string, i int) int {
	depth := 0
	for ; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(text[i:], "*/"):
			i++
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// dollarEnd returns where the string ends that a dollar at i begins, or i.
func dollarEnd(text string, i int) int {
	end := i + 1
	for end < len(text) && (text[end] == '_' || text[end] >= 0x80 || 'a' <= text[end]|0x20 && text[end]|0x20 <= 'z' || end > i+1 && '0' <= text[end] && text[end] <= '9') {
		end++
	}
	if end == len(text) || text[end] != '$' {
		return i // a parameter, or a part of a name
	}
	tag := text[i : end+1]
	if n := strings.Index(text[end+1:], tag); n >= 0 {
		return end + n + len(tag)
	}
	return len(text)
}
