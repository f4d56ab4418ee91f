package unstale

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/internal/ledger"
)

// describedEntry is an entry in which each field says something.
func describedEntry(c *engine, now time.Time) *Entry {
	e := &Entry{
		engine: c, kind: kindResponse, created: now.Add(-time.Second), expires: now.Add(time.Minute), asked: true,
		status: 200, header: storedHeader{{"Content-Type", "text/plain", lineSets}, {"X-A", "1", lineAdds}}, etag: `"1"`, weakTag: `W/"2"`, sniffed: "text/html",
		length: "4", silent: true, adds: addsTag | addsLength, repeats: storedHeader{{"X-B", "2", lineEmpties}}, age: 3 * time.Second,
		body: []byte("body"), selects: []string{"accept", "vary"},
		lineage: &lineage{kinds: []string{"kind", ""}, made: 7},
	}
	e.record.AsOf, e.record.Slots, e.record.Keys = 9, []ledger.Slot{0, 3, 4, 1000, c.ledger.Whole(2)}, []string{"a", "b"}
	return e
}

func newTestEngine(t testing.TB) *engine {
	t.Helper()
	c, err := New(Options{Slots: 1 << 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.engine
}

// TestEntryAsBytes: an entry that was written down is read as it was.
func TestEntryAsBytes(t *testing.T) {
	t.Parallel()
	c, now := newTestEngine(t), time.Now()
	e := describedEntry(c, now)
	f, ok := c.decodeEntry(encodeEntry(e, 4, []byte("position"), now), now)
	if !ok {
		t.Fatal("it is not read")
	}
	got := f.entry
	if string(f.position) != "position" || !reflect.DeepEqual(f.kinds, e.lineage.kinds) {
		t.Errorf("%q, %q", f.position, f.kinds)
	}
	if !reflect.DeepEqual(got.record.Slots, e.record.Slots[:4]) || !reflect.DeepEqual(got.record.Keys, e.record.Keys) || got.record.AsOf != 0 {
		t.Errorf("made of %v", got.record.Slots)
	}
	if d := got.remaining(now) - e.remaining(now); d < -time.Millisecond || d > 0 {
		t.Errorf("it lasts %v longer", d)
	}
	if d := got.created.Sub(e.created); d < -time.Millisecond || d > time.Millisecond {
		t.Errorf("it was made %v later", d)
	}
	want := describedEntry(c, now)
	for _, x := range []*Entry{got, want} { // what was compared, and what stays here
		x.record.Slots, x.record.Keys, x.record.AsOf, x.lineage, x.created, x.expires = nil, nil, 0, nil, time.Time{}, time.Time{}
	}
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
		t.Errorf("%+v, want %+v", got, want)
	}

	sign := &Entry{kind: kindSignpost, choice: choice{vary: []string{"accept"}, asked: true}}
	if f, ok = c.decodeEntry(encodeEntry(sign, 0, nil, now), now); !ok || fmt.Sprintf("%+v", f.entry) != fmt.Sprintf("%+v", sign) {
		t.Errorf("%v, %+v", ok, f.entry)
	}
}

// TestForeignTimes: the lesser of two ends counts, and what was made later than now is not
// served.
func TestForeignTimes(t *testing.T) {
	t.Parallel()
	c, now := newTestEngine(t), time.Now()
	for _, clock := range []struct {
		here time.Duration // ahead of the other one
		left time.Duration // 0: it is refused
	}{
		{0, time.Minute},
		{30 * time.Second, 30 * time.Second},
		{61 * time.Second, 0},
		{-500 * time.Millisecond, time.Minute},
		{-2 * time.Second, 0}, // it was made a second ago
	} {
		e := describedEntry(c, now)
		here := now.Add(clock.here)
		f, ok := c.decodeEntry(encodeEntry(e, 4, nil, now), here)
		if ok != (clock.left > 0) {
			t.Errorf("%v ahead: %v", clock.here, ok)
		} else if d := time.Duration(0); ok && f.entry.remaining(here)-clock.left != d {
			t.Errorf("%v ahead: %v are left", clock.here, f.entry.remaining(here))
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	c, err := New(Options{Slots: 1 << 10})
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	f.Add(encodeEntry(describedEntry(c.engine, now), 4, []byte("position"), now))
	f.Add(encodeEntry(&Entry{kind: kindSignpost, choice: choice{vary: []string{"a"}}}, 0, nil, now))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ok := c.decodeEntry(bytes.Clone(b), now)
		if !ok {
			return
		}
		e := d.entry
		if e.kind == kindSignpost {
			return
		}
		if e.expires.Before(now) || len(e.record.Keys) == 0 || e.engine != c.engine {
			t.Errorf("%+v", e)
		}
		for _, s := range e.record.Slots { // in the table, none a whole
			if c.ledger.IsWhole(s) {
				t.Errorf("slot %d", s)
			}
			c.ledger.Version(s)
		}
		e.lineage = &lineage{kinds: d.kinds}
		again, ok := c.decodeEntry(encodeEntry(e, len(e.record.Slots), d.position, now), now)
		if !ok || !reflect.DeepEqual(again.entry.record.Slots, e.record.Slots) || !bytes.Equal(again.entry.body, e.body) ||
			!reflect.DeepEqual(again.entry.header, e.header) || !bytes.Equal(again.position, d.position) {
			t.Errorf("%+v, then %v %+v", e, ok, again.entry)
		}
	})
}

// TestSeal: what was sealed is opened under its name alone, by whoever has the secret and
// the context.
func TestSeal(t *testing.T) {
	t.Parallel()
	s := newSealer([32]byte{1}, [32]byte{2}, 10_000)
	defer s.close()
	long := []byte(strings.Repeat("long ", 2000))
	for _, plain := range [][]byte{nil, []byte("short"), long} {
		for _, pack := range []bool{false, true} {
			sealed, ok := s.seal("name", plain, pack)
			if !ok {
				t.Fatalf("%d bytes are not sealed", len(plain))
			}
			if got, ok := s.open("name", sealed); !ok || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes: %v, %d", len(plain), ok, len(got))
			}
			if small := len(sealed) < len(plain)/2; small != (pack && len(plain) >= packFrom) {
				t.Errorf("%d bytes of %d, packed: %v", len(sealed), len(plain), pack)
			}
			if bytes.Contains(sealed, []byte("short")) {
				t.Error("it can be read")
			}
			if _, ok := s.open("other", sealed); ok {
				t.Error("it is opened under another name")
			}
			for _, other := range []*sealer{newSealer([32]byte{3}, [32]byte{2}, 10_000), newSealer([32]byte{1}, [32]byte{3}, 10_000)} {
				if _, ok := other.open("name", sealed); ok {
					t.Error("somebody else opens it")
				}
			}
			for i := range min(len(sealed), 200) {
				b := bytes.Clone(sealed)
				b[i] ^= 1
				if _, ok := s.open("name", b); ok {
					t.Errorf("it is opened although byte %d is another one", i)
				}
				if _, ok := s.open("name", sealed[:i]); ok {
					t.Errorf("%d bytes of it are opened", i)
				}
			}
		}
	}
	if _, ok := s.seal("name", make([]byte, 50_000), true); ok {
		t.Error("more than the bound, unpacked, is sealed")
	}
	if _, ok := s.seal("name", long[:9000], false); !ok {
		t.Error("less than the bound is not sealed")
	}
	if _, ok := s.seal("name", append(long, "!"...), false); ok {
		t.Error("more than the bound is sealed")
	}
	large := newSealer([32]byte{1}, [32]byte{2}, 1<<20)
	bomb, _ := large.seal("name", make([]byte, 1<<20), true)
	if len(bomb) > 5000 {
		t.Fatalf("%d bytes", len(bomb))
	}
	if _, ok := s.open("name", bomb); ok {
		t.Error("what is larger than the bound when it is unpacked is opened")
	}
}

func FuzzOpen(f *testing.F) {
	s := newSealer([32]byte{1}, [32]byte{2}, 10_000)
	sealed, _ := s.seal("name", []byte(strings.Repeat("long ", 1000)), true)
	f.Add(sealed)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if plain, ok := s.open("name", b); ok && !bytes.Equal(b, sealed) {
			t.Errorf("%d bytes were opened", len(plain))
		}
	})
}
