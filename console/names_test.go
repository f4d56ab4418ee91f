package console

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/metrics"
)

// A figure has one name: in the page, in its JSON, in Prometheus and in the
// documentation.
func TestNamesAreTheSame(t *testing.T) {
	c, err := unstale.New(unstale.Options{Slots: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := Handler(c, Options{May: func(*http.Request) bool { return true }})
	c.Database("main", nil).Coarse("SELECT 1", "or")
	if err := c.Invalidate(t.Context(), unstale.Tag("x")); err != nil {
		t.Fatal(err)
	}
	c.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil))
	get := func(path string) string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Body.String()
	}
	page, data := get("/"), get("/data.json")
	docs, err := os.ReadFile("../docs/console.md")
	if err != nil {
		t.Fatal(err)
	}
	described := make(chan *prometheus.Desc, 1000)
	metrics.NewCollector(c).Describe(described)
	close(described)
	var scraped strings.Builder
	for d := range described {
		scraped.WriteString(d.String())
	}
	counted, derived := names()
	for _, name := range append(counted, derived...) {
		if want := `<span data-name="` + name + `">` + strings.ReplaceAll(name, "_", " ") + `</span>`; !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
		if !strings.Contains(data, `"`+name+`":`) {
			t.Errorf("the JSON has no %s", name)
		}
		if !strings.Contains(string(docs), "| `"+name+"` |") {
			t.Errorf("docs/console.md does not describe %s", name)
		}
	}
	for _, name := range counted {
		if !strings.Contains(scraped.String(), `"unstale_`+name+`"`) && !strings.Contains(scraped.String(), `"unstale_`+name+`_total"`) {
			t.Errorf("Prometheus has no unstale_%s", name)
		}
	}
	for i, part := range strings.Split(page, `data-name="`) {
		name, _, _ := strings.Cut(part, `"`)
		if known := append(counted, derived...); i > 0 && !strings.Contains(" "+strings.Join(known, " ")+" ", " "+name+" ") {
			t.Errorf("the page has %s, which is no name", name)
		}
	}
}
