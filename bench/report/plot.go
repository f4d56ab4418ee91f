package report

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// The size of a plot and its margins, in pixels.
const (
	plotWidth, plotHeight                            = 720, 360
	marginLeft, marginRight, marginTop, marginBottom = 70, 30, 50, 50
)

// colours that can be told apart by most people.
var colours = [...]string{"#0072b2", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#e69f00"}

// A canvas collects an SVG whose vertical axis is linear from 0, or logarithmic.
type canvas struct {
	strings.Builder
	low, high float64
	log       bool
}

func newCanvas(title, unit string, low, high float64, log bool) *canvas {
	c := &canvas{low: low, high: high, log: log}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="13" fill="#333">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(c, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	c.text(marginLeft, 24, "start", title)
	c.text(marginLeft-8, marginTop-10, "end", unit)
	for _, v := range c.ticks() {
		y := c.y(v)
		fmt.Fprintf(c, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1[2]f" stroke="#ddd"/>`+"\n", marginLeft, y, plotWidth-marginRight)
		c.text(marginLeft-8, y+4, "end", Digits(v))
	}
	return c
}

// ticks returns the values that get a line.
func (c *canvas) ticks() (values []float64) {
	if c.log {
		for v := math.Pow(10, math.Ceil(math.Log10(c.low)-1e-9)); v <= c.high*1.0001; v *= 10 {
			values = append(values, v)
		}
		return values
	}
	step := math.Pow(10, math.Floor(math.Log10(c.high)))
	for c.high/step < 4 {
		step /= 2
	}
	for v := 0.0; v <= c.high; v += step {
		values = append(values, v)
	}
	return values
}

func (c *canvas) y(v float64) float64 {
	share := (v - c.low) / (c.high - c.low)
	if c.log {
		share = math.Log(v/c.low) / math.Log(c.high/c.low)
	}
	return plotHeight - marginBottom - share*(plotHeight-marginTop-marginBottom)
}

func (c *canvas) text(x, y float64, anchor, s string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}

func (c *canvas) svg() string { return c.String() + "</svg>\n" }

// Strips draws one column of dots for each series, a dot a round, and a line at
// the median.
func Strips(title, unit string, names []string, all []Series, scale float64) string {
	high := 0.0
	for _, s := range all {
		high = max(high, s.Quantile(0.98)/scale)
	}
	c := newCanvas(title, unit, 0, high*1.1, false)
	width := float64(plotWidth-marginLeft-marginRight) / float64(len(all))
	for i, s := range all {
		middle := marginLeft + width*(float64(i)+0.5)
		for j, v := range s {
			v = min(v/scale, high*1.1) // a round that somebody else's compiler spoilt
			x := middle + width*0.3*(float64(j)/float64(max(1, len(s)-1))-0.5)*2
			fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s" fill-opacity="0.5"/>`+"\n", x, c.y(v), colours[i])
		}
		y := c.y(s.Median() / scale)
		fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1[2]f" stroke="#333" stroke-width="2"/>`+"\n", middle-width*0.4, y, middle+width*0.4)
		c.text(middle, plotHeight-20, "middle", fmt.Sprintf("%s: %s", names[i], Digits(s.Median()/scale)))
	}
	return c.svg()
}

// Lines draws the medians of each named series against x, both logarithmic, with
// the quartiles as bars.
func Lines(title, unit, xUnit string, x []float64, names []string, all [][]Series, scale float64) string {
	low, high := math.Inf(1), 0.0
	for _, line := range all {
		for _, s := range line {
			low, high = min(low, s.Quantile(0.25)/scale), max(high, s.Quantile(0.75)/scale)
		}
	}
	low, high = math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
	c := newCanvas(title, unit, low, high, true)
	const legend = 190
	at := func(v float64) float64 {
		share := math.Log(v/x[0]) / math.Log(x[len(x)-1]/x[0])
		return marginLeft + 30 + share*(plotWidth-marginLeft-marginRight-legend-40)
	}
	for _, v := range x {
		c.text(at(v), plotHeight-marginBottom+20, "middle", fmt.Sprintf("%.0f", v))
	}
	c.text(at(x[len(x)-1])+60, plotHeight-marginBottom+20, "start", xUnit)
	type label struct {
		text string
		y    float64
	}
	var labels []label
	for i, line := range all {
		var points []string
		for j, s := range line {
			px, py := at(x[j]), c.y(s.Median()/scale)
			points = append(points, fmt.Sprintf("%.1f,%.1f", px, py))
			fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", px, py, colours[i])
			fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1[1]f" y2="%.1[3]f" stroke="%[4]s" stroke-width="2"/>`+"\n",
				px, c.y(s.Quantile(0.25)/scale), c.y(s.Quantile(0.75)/scale), colours[i])
		}
		fmt.Fprintf(c, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n", strings.Join(points, " "), colours[i])
		labels = append(labels, label{names[i], c.y(line[len(line)-1].Median()/scale) + 4})
	}
	slices.SortFunc(labels, func(a, b label) int { return cmp.Compare(a.y, b.y) })
	for i, l := range labels {
		if i > 0 {
			labels[i].y = max(l.y, labels[i-1].y+16) // so that neighbours can be read
		}
		c.text(at(x[len(x)-1])+12, labels[i].y, "start", l.text)
	}
	return c.svg()
}

// A Group is the heights of bars that stand side by side.
type Group []float64

// Bars draws a group of bars for each name, one bar for each label, up to 100. A
// mark is a dashed line across its bar; marks belong to the last bars of a group.
func Bars(title, unit string, names, labels []string, values, marks []Group) string {
	c := newCanvas(title, unit, 0, 100, false)
	width := float64(plotWidth-marginLeft-marginRight) / float64(len(names))
	each := width * 0.85 / float64(len(labels))
	for i, name := range names {
		left := marginLeft + width*(float64(i)+0.075)
		c.text(left+width*0.425, plotHeight-marginBottom+18, "middle", name)
		for j, v := range values[i] {
			x, y := left+each*float64(j), c.y(v)
			fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x+1, y, each-2, c.y(0)-y, colours[j])
			c.text(x+each/2, y-4, "middle", Digits(math.Round(v)))
		}
		for j, v := range marks[i] {
			x, y := left+each*float64(j+len(labels)-len(marks[i])), c.y(v)
			if !math.IsNaN(v) {
				fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1[2]f" stroke="#000" stroke-width="2" stroke-dasharray="3 2"/>`+"\n", x-1, y, x+each+1)
			}
		}
	}
	for j, label := range labels {
		x := marginLeft + float64(j)*120
		fmt.Fprintf(c, `<rect x="%.1f" y="%d" width="12" height="12" fill="%s"/>`+"\n", x, plotHeight-24, colours[j])
		c.text(x+18, plotHeight-13, "start", label)
	}
	return c.svg()
}
