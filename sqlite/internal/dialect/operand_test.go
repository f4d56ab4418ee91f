package dialect

import (
	"database/sql/driver"
	"slices"
	"testing"

	"github.com/unstale/unstale/internal/shape"
	"github.com/unstale/unstale/internal/sqldep"
)

func TestArgumentsByName(t *testing.T) {
	t.Parallel()
	schema := smallSchema()
	shapes := shape.NewShapes([16]byte{1}, func() uint64 { return 1 })
	args := []driver.NamedValue{{Ordinal: 1, Value: int64(1)}, {Ordinal: 2, Name: "id", Value: int64(2)}, {Ordinal: 3, Value: int64(3)}}
	dependencies := func(where string) []uint64 {
		p := Analyze("SELECT count(id) FROM t"+where, schema, Access{Reads: []Read{{Table: "t", Column: "id"}}}, sqldep.PrecisionExact)
		var d shape.Dependencies
		shapes.Use(p).Begin(&d, 1, args, nil)
		return d.Hashes
	}
	for parameter, want := range map[string]string{"?": "1", "?3": "3", ":id": "2", "@id": "2", "$id": "2", "$3": "3"} {
		if !slices.Equal(dependencies(" WHERE id = "+parameter), dependencies(" WHERE id = "+want)) {
			t.Errorf("%s is not the argument %s", parameter, want)
		}
	}
	all := dependencies("")
	for _, parameter := range []string{"?4", ":other", "$03", ":3"} {
		if !slices.Contains(dependencies(" WHERE id = "+parameter), all[len(all)-1]) {
			t.Errorf("%s narrows without an argument", parameter)
		}
	}
}
