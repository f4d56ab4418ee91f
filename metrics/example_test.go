package metrics_test

import (
	"log"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/metrics"
)

// A collector is registered as any other.
func ExampleNewCollector() {
	cache, err := unstale.New(unstale.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(cache))
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	// Output:
}
