package live

import "testing"

// Connections that are nobody's take nothing from the others, and one client's none
// from others'.
func TestPlaces(t *testing.T) {
	t.Parallel()
	h := NewHub(Options{Total: 3, PerOwner: 2, PerClient: 2, Strangers: 20})
	defer h.end()
	bad, ann := Feed{Client: "eve"}, Feed{Owner: "ann", Client: "home"}
	want := func(what string, f Feed, in bool) {
		t.Helper()
		if h.enter(f) != in {
			t.Fatalf("%s: %v", what, !in)
		}
	}
	want("a bad token", bad, true)
	want("another", bad, true)
	want("a third of one client", bad, false)
	want("a bad token of another client", Feed{Client: "dave"}, true)
	want("a good one", ann, true)
	want("a good one of who has sent bad ones", Feed{Owner: "bob", Client: "eve"}, true)
	want("a second", ann, true)
	want("one too many in all", Feed{Owner: "cid", Client: "work"}, false)
	h.leave(Feed{Owner: "bob", Client: "eve"})
	want("a third of one client", Feed{Owner: "dora", Client: "home"}, false)
	want("of one who is not counted", Feed{Owner: "dora"}, true)
	for _, f := range []Feed{bad, bad, {Client: "dave"}, ann, ann, {Owner: "dora"}} {
		h.leave(f)
	}
	if h.total != 0 || h.strangers != 0 || len(h.held) != 0 {
		t.Errorf("%d, %d, %v", h.total, h.strangers, h.held)
	}
}
