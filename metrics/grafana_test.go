package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/unstale/unstale"
)

// TestDashboard demands that what the dashboard asks for is what the collector has, with
// the labels that it is asked by, and that no two panels lie on one another.
func TestDashboard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Type    string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	labels := make(map[string]string) // by metric
	named := regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	described := make(chan *prometheus.Desc, 100)
	cache, err := unstale.New(unstale.Options{Slots: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	NewCollector(cache).Describe(described)
	close(described)
	for d := range described {
		m := named.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("%s", d)
		}
		labels[m[1]] = m[2]
	}
	metric := regexp.MustCompile(`unstale_[a-z_]+`)
	by := regexp.MustCompile(`by \(([a-z, ]+)\) \(rate\((unstale_[a-z_]+)`)
	legend := regexp.MustCompile(`\{\{([a-z]+)\}\}`)
	ids, shown := make(map[int]bool), 0
	for i, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("%s: id %d is another panel's", p.Title, p.ID)
		}
		ids[p.ID] = true
		for _, o := range board.Panels[:i] {
			a, b := p.GridPos, o.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("%s lies on %s", p.Title, o.Title)
			}
		}
		if (p.Type == "row") != (len(p.Targets) == 0) {
			t.Errorf("%s shows %d things", p.Title, len(p.Targets))
		}
		for _, q := range p.Targets {
			shown++
			for _, name := range metric.FindAllString(q.Expr, -1) {
				name = strings.TrimSuffix(name, "_bucket")
				own, ok := labels[name]
				if !ok {
					t.Errorf("%s asks for %s, which nobody collects", p.Title, name)
				}
				if strings.Contains(q.Expr, name+`{job=~"$job", route`) && !strings.Contains(own, "route") {
					t.Errorf("%s asks for %s by route, which it does not have", p.Title, name)
				}
			}
			for _, m := range by.FindAllStringSubmatch(q.Expr, -1) {
				for label := range strings.SplitSeq(m[1], ", ") {
					if own := labels[strings.TrimSuffix(m[2], "_bucket")]; label != "le" && !strings.Contains(own, label) {
						t.Errorf("%s sums %s by %s, which it does not have", p.Title, m[2], label)
					}
				}
			}
			for _, m := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
				if !strings.Contains(q.Expr, m[1]) {
					t.Errorf("%s: the legend names %s, by which nothing is summed", p.Title, m[1])
				}
			}
		}
	}
	if shown < 20 {
		t.Errorf("%d queries", shown)
	}
}
