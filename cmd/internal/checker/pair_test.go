package checker

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

func wrote(key int, version int64, start, end time.Duration) op {
	return op{write: true, key: key, version: version, start: start, end: end}
}

// gaveUp is a write of unknown outcome.
func gaveUp(key int, version int64, start time.Duration) op {
	return op{write: true, key: key, version: version, start: start, end: never, outcome: unknown}
}

func saw(key int, version int64, start, end time.Duration) op {
	return op{key: key, version: version, start: start, end: end}
}

// sawBoth saw key 0 and key 1.
func sawBoth(version, beside int64, start, end time.Duration) op {
	return op{key: 0, version: version, two: true, other: 1, beside: beside, start: start, end: end}
}

// sawBothInTurn is the same read in the other order.
func sawBothInTurn(version, beside int64, start, end time.Duration) op {
	return op{key: 1, version: beside, two: true, other: 0, beside: version, start: start, end: end}
}

// TestTogether has histories in which each key by itself is fine.
func TestTogether(t *testing.T) {
	for name, tt := range map[string]struct {
		ops  []op
		want porcupine.CheckResult
	}{
		"long fork": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), wrote(0, 2, 2, 9), wrote(1, 2, 2, 9),
			sawBoth(2, 1, 3, 8), sawBothInTurn(1, 2, 3, 8),
		}, porcupine.Illegal},
		"long fork at the beginning of what is kept": {[]op{
			wrote(0, 2, 2, 9), wrote(1, 2, 2, 9), sawBoth(2, 1, 3, 8), sawBoth(1, 2, 3, 8),
		}, porcupine.Illegal},
		"long fork by reads of one": {[]op{
			wrote(0, 2, 0, 9), wrote(1, 2, 0, 9), sawBoth(2, 1, 1, 8), saw(1, 2, 2, 3), saw(0, 1, 4, 5),
		}, porcupine.Illegal},
		"overwritten before": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), wrote(0, 2, 3, 4), wrote(1, 2, 5, 6), sawBoth(1, 2, 2, 7),
		}, porcupine.Illegal},
		"overwritten after": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), wrote(0, 2, 3, 4), wrote(1, 2, 5, 6), sawBoth(2, 1, 2, 7),
		}, porcupine.Ok},
		"at the same time": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), wrote(0, 2, 3, 5), wrote(1, 2, 4, 6), sawBoth(1, 2, 2, 7),
		}, porcupine.Ok},
		"one after the other": {[]op{
			wrote(0, 2, 2, 9), wrote(1, 2, 2, 9), sawBoth(2, 1, 3, 8), sawBothInTurn(2, 2, 3, 8), sawBoth(1, 1, 2, 4),
		}, porcupine.Ok},
		"came through late": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), gaveUp(0, 2, 2), wrote(1, 2, 4, 5), sawBoth(1, 2, 6, 7), sawBoth(2, 2, 8, 9),
		}, porcupine.Ok},
		"came through early and late": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), gaveUp(0, 2, 2), wrote(1, 2, 3, 9), sawBoth(2, 1, 4, 8), sawBoth(1, 2, 4, 8),
		}, porcupine.Illegal},
		"never came through": {[]op{
			wrote(0, 1, 0, 1), wrote(1, 1, 0, 1), gaveUp(0, 2, 2), wrote(1, 2, 3, 4), sawBoth(1, 2, 5, 6),
		}, porcupine.Ok},
	} {
		for _, ops := range [][]op{tt.ops, decisive(slices.SortedStableFunc(slices.Values(tt.ops), byStart))} {
			if got := linearizable(ops, time.Second, 0, 1); got != tt.want {
				t.Errorf("%s: %s, want %s", name, got, tt.want)
			}
		}
		for key := range 2 {
			if got := linearizable(alone(tt.ops, key), time.Second, key); got != porcupine.Ok {
				t.Errorf("%s: key %d by itself: %s", name, key, got)
			}
		}
	}
}

// A tandem is two registers, each with its writer and readers, and some who read
// both at once, or, now and then, one after the other.
type tandem struct {
	rng     *rand.Rand
	sides   [2]*simulation
	pair    *pair
	readers []joint
	lies    float64
}

type joint struct {
	busy   bool
	first  int // which it reads first
	skewed bool
	op     op
	bars   [2]bar
	values [2]int64
	had    int // how many values it has
}

func newTandem(seed uint64, lies float64) *tandem {
	s := &tandem{rng: rand.New(rand.NewPCG(seed, 2)), readers: make([]joint, 4), lies: lies}
	for i := range s.sides {
		s.sides[i] = &simulation{rng: s.rng, key: &key{id: i}, readers: make([]reader, 2)}
	}
	s.pair = couple([]*key{s.sides[0].key, s.sides[1].key})[0]
	return s
}

func (s *tandem) step() {
	if s.rng.IntN(2) == 0 {
		i := s.rng.IntN(2)
		s.sides[i].step()
		s.sides[1-i].now = s.sides[i].now
		return
	}
	tick := func() time.Duration {
		s.sides[1].now = s.sides[0].tick()
		return s.sides[1].now
	}
	r := &s.readers[s.rng.IntN(len(s.readers))]
	switch {
	case !r.busy:
		*r = joint{busy: true, first: s.rng.IntN(2), skewed: s.rng.Float64() < s.lies}
		for i, side := range s.sides {
			r.bars[i] = side.key.bar()
		}
		r.op = op{worker: s.rng.IntN(100), start: tick()}
	case r.had < 2:
		r.values[(r.first+r.had)%2] = s.sides[(r.first+r.had)%2].value
		if r.had++; !r.skewed && r.had == 1 {
			r.values[1-r.first] = s.sides[1-r.first].value
			r.had++
		}
	default:
		r.busy = false
		r.op.end = tick()
		var parts [2]op
		for i, side := range s.sides {
			o := r.op
			o.key = i
			if parts[i] = side.key.read(o, r.bars[i], r.values[i], r.values[i]); parts[i].kind != Fine {
				side.found++
			}
		}
		s.pair.read(parts[r.first], parts[1-r.first])
	}
}

// TestTandem simulates registers that are read together, and registers of which
// some are read one after the other, which is fine for each of them.
func TestTandem(t *testing.T) {
	caught, decided := 0, 0
	for seed := range uint64(30) {
		s := newTandem(seed, float64(seed%2))
		illegal := 0
		for n := range 8000 {
			s.step()
			if n%400 != 399 {
				continue
			}
			ops, whole := s.pair.history()
			if !whole {
				continue
			}
			switch linearizable(ops, time.Second, 0, 1) {
			case porcupine.Illegal:
				if illegal++; illegal == 1 {
					convict(t, seed, ops)
				}
			case porcupine.Unknown:
				continue
			case porcupine.Ok:
			}
			decided++
		}
		switch {
		case s.sides[0].found+s.sides[1].found > 0:
			t.Errorf("seed %d: found wrong by themselves: %d and %d", seed, s.sides[0].found, s.sides[1].found)
		case s.lies == 0 && illegal > 0:
			t.Errorf("seed %d: %d histories of registers that are read together are impossible", seed, illegal)
		case illegal > 0:
			caught++
		}
	}
	if caught < 13 || decided < 300 {
		t.Errorf("%d of 15 caught, %d histories decided", caught, decided)
	}
}

// convict has an impossible history explained in a few operations, and each key
// by itself found possible.
func convict(t *testing.T, seed uint64, ops []op) {
	t.Helper()
	few := essence(ops, []int{0, 1})
	if len(few) > 24 || linearizable(few, time.Second, 0, 1) != porcupine.Illegal {
		t.Errorf("seed %d: %d of %d operations as an explanation", seed, len(few), len(ops))
	}
	for key := range 2 {
		if got := linearizable(alone(ops, key), time.Second, key); got != porcupine.Ok {
			t.Errorf("seed %d: key %d by itself: %s", seed, key, got)
		}
	}
}

func TestCouple(t *testing.T) {
	for n := 2; n < 8; n++ {
		var keys []*key
		for id := range n {
			keys = append(keys, &key{id: id})
		}
		if pairs := couple(keys); len(pairs) != (n+1)/2 {
			t.Errorf("%d keys: %d pairs", n, len(pairs))
		}
		for id, k := range keys {
			want := id ^ 1
			if want == n {
				want = id - 1
			}
			if got := k.pair.beside(k).id; got != want {
				t.Errorf("%d keys: %d beside %d", n, got, id)
			}
		}
	}
}

// TestSkewShown says in words and pictures which key an operation was about.
func TestSkewShown(t *testing.T) {
	k, m := time.Millisecond, []op{wrote(4, 2, 2, 9), gaveUp(5, 2, 2)}
	m = append(m, op{worker: 1, key: 4, version: 2, two: true, other: 5, beside: 1, start: 3, end: 8, source: "/both"},
		op{worker: 2, key: 5, version: 2, two: true, other: 4, beside: 1, start: 3, end: 7, source: "/both", hit: true})
	for i := range m {
		m[i].start *= k
		m[i].end = min(m[i].end, never/k) * k
	}
	v := &Violation{Kind: Skewed, Keys: []int{4, 5}, bad: m[2], ops: m}
	if !v.Confirmed() {
		t.Error("not confirmed")
	}
	for _, want := range []string{"Keys 4 and 5", "write key 4: 2, acknowledged\n", "write key 5: 2, of unknown outcome\n",
		"read key 4: 2, key 5: 1 /both   <-- two keys that never were so together\n", "read key 5: 2, key 4: 1 (hit) /both\n"} {
		if !strings.Contains(v.String(), want) {
			t.Errorf("no %q in\n%s", want, v)
		}
	}
	paths, err := v.Draw(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{paths[0]: "read key 4: 2, key 5: 1", paths[1]: "4: 2, 5: 1"} {
		page, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(page, []byte(want)) {
			t.Errorf("%s: %v, no %q", path, err, want)
		}
		if path == paths[1] {
			checkXML(t, page)
		}
	}
}

func checkXML(t *testing.T, page []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(page)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("%v\n%s", err, page)
		}
	}
}
