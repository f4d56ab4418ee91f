package checker

import (
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// Draw writes two pictures of the history into a directory, which it makes if
// need be: history.html, in which one can look at each operation and at what
// the checker of linearizability made of it, and history.svg for documents. It
// returns their paths.
func (v *Violation) Draw(dir string) (paths []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	model := registers(v.Keys...)
	_, info := porcupine.CheckOperationsVerbose(model, events(v.ops), 10*time.Second)
	page, svg := filepath.Join(dir, "history.html"), filepath.Join(dir, "history.svg")
	if err := porcupine.VisualizePath(model, info, page); err != nil {
		return nil, err
	}
	var b strings.Builder
	v.svg(&b)
	return []string{page, svg}, os.WriteFile(svg, []byte(b.String()), 0o644)
}

// svg draws the operations as bars, a row for each worker.
func (v *Violation) svg(w io.Writer) {
	const width, left, row = 960, 90, 26
	ops, workers := v.relevant(), v.workers()
	from, to := ops[0].start, v.bad.end
	for _, o := range ops {
		from = min(from, o.start)
	}
	x := func(t time.Duration) float64 {
		return left + float64(min(t, to)-from)/float64(max(1, to-from))*(width-left-10)
	}
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", width, row*(len(workers)+2))
	fmt.Fprintf(w, `<rect width="100%%" height="100%%" fill="#fff"/><text x="8" y="18" font-size="13">%s</text>`+"\n",
		html.EscapeString(fmt.Sprintf("%s: %s (%s ms)", v.about(), v.Kind, ms(to-from))))
	for i, id := range workers {
		fmt.Fprintf(w, `<text x="8" y="%d">worker %d</text>`+"\n", row*(i+1)+23, id)
	}
	for _, o := range ops {
		fill := "#9ecae1"
		switch {
		case v.is(o):
			fill = "#e6550d"
		case o.write && o.outcome == unknown:
			fill = "#d9d9d9"
		case o.write:
			fill = "#a1d99b"
		}
		y := row*(slices.Index(workers, o.worker)+1) + 8
		fmt.Fprintf(w, `<g><title>%s</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" stroke="#555"/><text x="%.1f" y="%d">%s</text></g>`+"\n",
			html.EscapeString(o.describe(v)), x(o.start), y, max(2, x(o.end)-x(o.start)), row-6, fill, x(o.start)+3, y+14, v.label(o))
	}
	fmt.Fprintf(w, `<text x="8" y="%d" fill="#555">green: acknowledged writes, grey: writes of unknown outcome, blue: reads, orange: the wrong answer</text>`+"\n</svg>\n", row*(len(workers)+2)-6)
}

// label is what a bar says: versions, and whose if there are two keys.
func (v *Violation) label(o op) string {
	text := number(o.version)
	if v.named() {
		text = fmt.Sprintf("%d: %s", o.key, text)
	}
	if o.two && v.named() {
		text += fmt.Sprintf(", %d: %s", o.other, number(o.beside))
	}
	return text
}
