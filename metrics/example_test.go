package metrics_test

import (
	"fmt"
	"log"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/metrics"
)

// A collector is registered as any other.
func ExampleNewCollector() {
	cache, err := unstale.New(unstale.Options{Slots: 1 << 16})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(cache))

	families, err := registry.Gather()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "unstale_store_entries" {
			fmt.Println(f.GetName(), f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	// Output: unstale_store_entries 0
}
