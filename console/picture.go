package console

import (
	"fmt"
	"strings"
)

// A picture shows what an answer was made of, and what made it fall: statements, the
// rows and ranges that matter of them, and the change.
type picture struct {
	Width, Height int
	Boxes         []box
	Lines         []line
	More          int // statements that there is no room for
}

// A box is a text in a frame.
type box struct {
	X, Y, W, H int
	Class      string
	Title      string // the whole text
	Text       []textLine
}

type textLine struct {
	X, Y int
	Text string
}

// A line leads from one box to another.
type line struct{ Path, Class string }

// Measures of a picture, in its own units.
const (
	charWidth  = 7 // of the font that its texts have
	lineHeight = 17
	padding    = 9
	gap        = 14
	maxDrawn   = 12 // rows and ranges
	maxLines   = 5  // of a text
)

// draw returns a picture in columns if it is wide enough, else from above to below.
func (x *answerView) draw(width int) *picture {
	p := &picture{Width: width}
	columns := width > 600
	var ends []box // of what has changed
	y, last, drawn := 0, "", 0
	statementX, statementW := 0, width*36/100
	sourceX, sourceW := width*42/100, width*30/100
	if !columns {
		statementW, sourceX, sourceW = width, 18, width-18
	}
	var of box
	for _, d := range x.MadeOf {
		if drawn == maxDrawn {
			p.More++
			continue
		}
		drawn++
		if d.Statement != last || drawn == 1 {
			if columns && drawn > 1 {
				y = max(y, of.Y+of.H+gap)
			}
			text := d.Statement
			if text == "" {
				text = "declared"
			}
			of = p.box(statementX, y, statementW, "statement", text)
			last = d.Statement
			if !columns {
				y = of.Y + of.H + 8
			}
		}
		class := "source"
		if d.Changed {
			class = "source changed"
		}
		b := p.box(sourceX, y, sourceW, class, d.Source)
		if columns {
			p.join(of.X+of.W, of.Y+20, b.X, b.Y+b.H/2, d.Changed)
			y = b.Y + b.H + gap
		} else {
			p.Lines = append(p.Lines, line{fmt.Sprintf("M 8 %d V %d H %d", of.Y+of.H, b.Y+b.H/2, b.X), lineClass(d.Changed)})
			y = b.Y + b.H + gap
		}
		if d.Changed {
			ends = append(ends, b)
		}
		p.Height = max(p.Height, y)
	}
	p.Height = max(p.Height, of.Y+of.H+gap)
	if x.Change != nil {
		class, text := "change", ""
		if x.Stored && x.Reason == "" {
			class, text = "before", "the one before fell by "
		}
		text += x.Change.What() + " · " + x.Change.Cause + " at " + x.Change.Time.Format("15:04:05 UTC")
		if x.Change.Request != "" {
			text += " by " + x.Change.Request
		}
		if columns {
			at := width * 78 / 100
			b := p.box(at, 0, width-at, class, text)
			for _, e := range ends {
				p.join(e.X+e.W, e.Y+e.H/2, b.X, b.Y+b.H/2, true)
			}
			p.Height = max(p.Height, b.H+gap)
		} else {
			b := p.box(0, p.Height+6, width, class, text)
			for _, e := range ends {
				p.Lines = append(p.Lines, line{fmt.Sprintf("M %d %d H %d V %d", e.X+e.W-6, e.Y+e.H, width-3, b.Y), lineClass(true)})
			}
			p.Height = b.Y + b.H + 4
		}
	}
	return p
}

func lineClass(changed bool) string {
	if changed {
		return "changed"
	}
	return ""
}

// box adds a box as high as its text needs.
func (p *picture) box(x, y, w int, class, text string) box {
	b := box{X: x + 1, Y: y + 1, W: w - 2, Class: class, Title: text}
	for i, s := range wrap(text, (w-2*padding)/charWidth, maxLines) {
		b.Text = append(b.Text, textLine{b.X + padding, b.Y + padding + 12 + i*lineHeight, s})
	}
	b.H = 2*padding + len(b.Text)*lineHeight
	p.Boxes = append(p.Boxes, b)
	return b
}

// join adds a line with a bend.
func (p *picture) join(x1, y1, x2, y2 int, changed bool) {
	m := (x1 + x2) / 2
	p.Lines = append(p.Lines, line{fmt.Sprintf("M %d %d C %d %d %d %d %d %d", x1, y1, m, y1, m, y2, x2, y2), lineClass(changed)})
}

// wrap breaks a text into at most so many lines of so many characters.
func wrap(text string, width, lines int) (out []string) {
	line := ""
	add := func() {
		if line != "" {
			out = append(out, line)
		}
		line = ""
	}
	for word := range strings.FieldsSeq(text) {
		runes := []rune(word)
		if n := len([]rune(line)); n > 0 && n+1+len(runes) > width {
			add()
		}
		for len(runes) > width {
			add()
			out = append(out, string(runes[:width]))
			runes = runes[width:]
		}
		if line != "" {
			line += " "
		}
		line += string(runes)
	}
	add()
	if len(out) > lines {
		out = out[:lines]
		last := []rune(out[lines-1])
		out[lines-1] = string(last[:min(len(last), width-1)]) + "…"
	}
	return out
}
