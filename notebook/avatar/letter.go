package avatar

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LetterType is the media type of what Letter returns.
const LetterType = "image/svg+xml"

// Letter returns an SVG of the size in pixels that shows the first letter of a
// name. The same name always has the same colour. It is drawn with the fonts of
// whoever looks at it, which have the letters that his names are made of.
func Letter(name string, size int) []byte {
	letter, _ := utf8.DecodeRuneInString(strings.TrimSpace(name))
	letter = unicode.ToUpper(letter)
	if letter == utf8.RuneError || !unicode.IsGraphic(letter) {
		letter = '?'
	}
	colours := []string{"#b71c1c", "#880e4f", "#4a148c", "#1a237e", "#01579b", "#004d40", "#33691e", "#bf360c"}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	colour := colours[h.Sum32()%uint32(len(colours))]
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(string(letter))) // a buffer never fails
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 100 100">`+
		`<rect width="100" height="100" fill="%s"/>`+
		`<text x="50" y="50" dy=".35em" text-anchor="middle" font-family="sans-serif" font-size="50" fill="#fff">%s</text></svg>`,
		size, size, colour, text.Bytes())
}
