package dialect

import (
	"testing"

	"github.com/unstale/unstale/internal/sqldep"
)

func BenchmarkAnalyze(b *testing.B) {
	s := smallSchema()
	a := Access{Reads: []Read{{"main", "t", "id"}, {"main", "t", "a"}, {"main", "u", "id"}, {"main", "u", "b"}}}
	b.ReportAllocs()
	for b.Loop() {
		Analyze("SELECT t.a, u.b FROM t JOIN u ON u.id = t.id WHERE t.id = ? AND u.b = 'x' ORDER BY t.id LIMIT 10", s, a, sqldep.PrecisionExact)
	}
}

func BenchmarkClassify(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Classify("SELECT t.a, u.b FROM t JOIN u ON u.id = t.id WHERE t.id = ? AND u.b = 'x' ORDER BY t.id LIMIT 10")
	}
}
