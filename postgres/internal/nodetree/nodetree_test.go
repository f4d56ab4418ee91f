package nodetree

import (
	"reflect"
	"testing"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		"<>":          nil,
		"a\\ b":       "a b",
		`"a \"b\" c"`: `a "b" c`,
		"(i 1 2)":     List{Kind: "i", Items: []any{"1", "2"}},
		"(b 8 9)":     List{Kind: "b", Items: []any{"8", "9"}},
		"()":          List{},
		"({A} <>)":    List{Items: []any{&Node{Tag: "A"}, nil}},
		"{A :b 1 :c <> :d {E :f (o 7)}}": &Node{Tag: "A", Fields: []Field{
			{"b", "1"}, {"c", nil}, {"d", &Node{Tag: "E", Fields: []Field{{"f", List{Kind: "o", Items: []any{"7"}}}}}},
		}},
		"{CONST :constvalue 4 [ 1 0 -1 0 ]}": &Node{Tag: "CONST", Fields: []Field{
			{"constvalue", List{Kind: "[", Items: []any{"4", List{Kind: "[", Items: []any{"1", "0", "-1", "0"}}}}},
		}},
		"{A :b}": &Node{Tag: "A", Fields: []Field{{"b", List{Kind: "["}}}},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "{", "{A", "{A :", "{A b}", "(1", ")", "{A :b )}", `"a`, "1 2", "[1)"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is %#v", text, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`({QUERY :commandType 1 :rtable ({RTE :eref {ALIAS :aliasname "a b" :colnames ("x")} :selectedCols (b 8 9)}) :c 4 [ 1 2 ]})`)
	f.Fuzz(func(_ *testing.T, text string) { _, _ = Parse(text) })
}
