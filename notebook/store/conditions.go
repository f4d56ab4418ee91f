package store

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/unstale/unstale/notebook"
)

// conditions are what restricts a list, and the arguments of its query. The texts
// are those that the code adds, whatever anybody sends.
type conditions struct {
	texts []string
	args  []any
}

// add adds a condition. Each ? in it stands for the next value.
func (c *conditions) add(text string, values ...any) {
	for _, v := range values {
		c.args = append(c.args, v)
		text = strings.Replace(text, "?", "$"+strconv.Itoa(len(c.args)), 1)
	}
	c.texts = append(c.texts, text)
}

// where returns the clause with all conditions, "" if there are none.
func (c *conditions) where() string {
	if len(c.texts) == 0 {
		return ""
	}
	return ` WHERE ` + strings.Join(c.texts, ` AND `)
}

// page returns the end of the query for a page of the list, and the query's
// arguments.
func (c *conditions) page(p notebook.Page) (limit string, args []any) {
	n := len(c.args)
	return fmt.Sprintf(` LIMIT $%d OFFSET $%d`, n+1, n+2), append(c.args[:n:n], p.Size, p.Offset())
}

// containing returns the LIKE pattern, with ESCAPE '\', for texts that contain s.
// What it is compared with is in lower case: that is, as far as it is ASCII, the same
// for every database and collation.
func containing(s string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(lowerASCII(s)) + "%"
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}
