package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

//go:embed assets/page.gohtml
var source embed.FS

// names are the figures that the page shows, its JSON holds and docs/console.md
// describes. In Prometheus they begin with "unstale_", and counters end in "_total";
// those of the second list follow from others.
func names() (counted, derived []string) {
	return strings.Fields(`hits joined misses bypassed fell fell_in_vain saved_seconds handler_seconds hit_seconds fill_seconds look_seconds degraded
		store_entries store_bytes store_max_bytes store_evictions coarse_reads coarse_falls coarse_seconds verified`),
		strings.Fields(`hit_rate requests_per_second`)
}

// panels returns the names of the parts of the page that change while it is looked at.
func panels() []string {
	return []string{"top", "sources", "routes", "changes", "coarse", "trust"}
}

// templates holds the page. It does not change.
var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"name":     figureName,
	"label":    func(name string) string { return strings.ReplaceAll(name, "_", " ") },
	"took":     took,
	"size":     size,
	"count":    count,
	"percent":  func(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) },
	"coord":    func(v float64) string { return fmt.Sprintf("%.2f", v) },
	"rate":     func(v float64) string { return fmt.Sprintf("%.1f", v) },
	"clock":    func(at time.Time) string { return at.Format("15:04:05") },
	"iso":      func(at time.Time) string { return at.Format(time.RFC3339Nano) },
	"route":    func(name string) string { return orElse(name, "(no name)") },
	"join":     strings.Join,
	"curves":   curves,
	"describe": describe,
	"query":    func(v *view) string { return url.Values{"route": {v.Filter}}.Encode() },
}).ParseFS(source, "assets/page.gohtml"))

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// figureName is the name of a figure, with underlines as spaces for people.
func figureName(name string) template.HTML {
	return template.HTML(`<span data-name="` + template.HTMLEscapeString(name) + `">` + template.HTMLEscapeString(strings.ReplaceAll(name, "_", " ")) + `</span>`) //nolint:gosec // it is escaped
}

// took is a time in seconds as people read it.
func took(s float64) string {
	d := time.Duration(s * float64(time.Second))
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", s*1e3)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", s*1e3)
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", s)
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

// size is a number of bytes as people read it.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// count is a number with spaces between thousands.
func count(v any) string {
	s := fmt.Sprint(v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // narrow, and no break
	}
	return s
}

// describe says in words what a bar shows.
func describe(parts []part) string {
	var list []string
	for _, p := range parts {
		list = append(list, fmt.Sprintf("%s %.0f %%", p.Name, p.Width))
	}
	return strings.Join(list, ", ")
}

// A curve is the requests of the last minutes, as the path of an area.
type curve struct{ All, Hits, Most string }

// curves returns those of requests a second, and of hits among them.
func curves(samples []sample) *curve {
	if len(samples) < 3 {
		return nil
	}
	var all, hits []float64
	most := 1.0
	for i := 1; i < len(samples); i++ {
		a, b := samples[i-1], samples[i]
		took := b.at.Sub(a.at).Seconds()
		all, hits = append(all, float64(b.requests-a.requests)/took), append(hits, float64(b.hits-a.hits)/took)
		most = max(most, all[i-1])
	}
	path := func(values []float64) string {
		var b strings.Builder
		b.WriteString("M 0 40")
		for i, y := range values {
			fmt.Fprintf(&b, " L %.1f %.1f", 240*float64(i)/float64(len(values)-1), 40-38*y/most)
		}
		return b.String() + " L 240 40 Z"
	}
	return &curve{path(all), path(hits), fmt.Sprintf("%.0f", most)}
}

// render returns a part of the page.
func render(name string, v *view) string {
	if name == "routes" {
		some := *v
		v = &some
		v.narrow()
	}
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, v); err != nil {
		panic(err) // a mistake of ours
	}
	return b.String()
}

// page shows everything.
func (c *console) page(w http.ResponseWriter, r *http.Request) { c.show(w, c.view(r)) }

func (c *console) show(w http.ResponseWriter, v *view) {
	v.narrow()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	name := "page"
	if v.Ask != "" || v.Note != "" {
		name = "answer"
	}
	_, _ = w.Write([]byte(render(name, v))) // the client is gone
}

// data answers with everything as JSON.
func (c *console) data(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(c.view(r)); err != nil {
		return // the client is gone
	}
}
