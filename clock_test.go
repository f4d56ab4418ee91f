package unstale_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"
	"unsafe"

	"github.com/unstale/unstale"
)

// tick changes what a time says on the wall, and what its monotonic reading is.
func tick(t *testing.T, at time.Time, wall, monotonic time.Duration) time.Time {
	t.Helper()
	changed := at.Add(wall)
	if at != at.Round(0) { // the reading is the second word of a time.Time
		(*[2]int64)(unsafe.Pointer(&changed))[1] += int64(monotonic - wall)
		if got := changed.Sub(at); got != monotonic {
			t.Fatalf("the monotonic reading went from %s to %s", at, changed)
		}
	}
	if got := changed.Round(0).Sub(at.Round(0)); got != wall {
		t.Fatalf("the time on the wall went from %s to %s", at, changed)
	}
	return changed
}

// TestClockSteps has the clock on the wall stepped while answers are stored, or
// the machine sleep. An answer is served from when it was made until its
// lifetime ends, by that clock as by the time that passed, and what replaces it
// is a hit again.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	const life, year = 5 * time.Minute, 365 * 24 * time.Hour
	ways := map[string]func(http.ResponseWriter, *http.Request){
		"lifetime":    func(http.ResponseWriter, *http.Request) {},
		"ExpireAfter": func(_ http.ResponseWriter, r *http.Request) { unstale.ExpireAfter(r.Context(), life) },
		"ExpireAt":    func(_ http.ResponseWriter, r *http.Request) { unstale.ExpireAt(r.Context(), time.Now().Add(life)) },
		"ExpireAt, wall": func(_ http.ResponseWriter, r *http.Request) {
			unstale.ExpireAt(r.Context(), time.Now().Round(0).Add(life))
		},
		"max-age": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=300") },
		"Expires": func(w http.ResponseWriter, _ *http.Request) {
			now := time.Now().UTC()
			w.Header().Set("Date", now.Format(http.TimeFormat))
			w.Header().Set("Expires", now.Add(life).Format(http.TimeFormat))
		},
	}
	for _, step := range []struct {
		name         string
		wall, passed time.Duration
		hit          bool
		age          int64 // of a hit, at least
	}{
		{"none", 0, 0, true, 0},
		{"four minutes pass", 4 * time.Minute, 4 * time.Minute, true, 240},
		{"six minutes pass", 6 * time.Minute, 6 * time.Minute, false, 0},
		{"four minutes ahead", 4 * time.Minute, 0, true, 240},
		{"six minutes ahead", 6 * time.Minute, 0, false, 0},
		{"years ahead", 100 * year, 0, false, 0},
		{"a minute back", -time.Minute, 0, false, 0},
		{"years back", -100 * year, 0, false, 0},
		{"back while four minutes pass", 0, 4 * time.Minute, true, 240},
		{"back while six minutes pass", 0, 6 * time.Minute, false, 0},
	} {
		for way, limit := range ways {
			for _, monotonic := range []bool{true, false} {
				if !monotonic && step.wall != step.passed && step.passed != 0 {
					continue // nobody knows what passed
				}
				t.Run(fmt.Sprintf("%s/%s/%t", step.name, way, monotonic), func(t *testing.T) {
					c := newCache(t, unstale.Options{TTL: life, Slots: 1 << 10})
					n := 0
					h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
						limit(w, r)
						n++
						write(w, strconv.Itoa(n))
					}))
					loaded := func() int {
						return load(t.Context(), t, c, "k", func(ctx context.Context) (int, error) {
							unstale.DependOn(ctx, "x")
							n++
							return n, nil
						})
					}
					get(h, "/")
					loaded()
					unstale.SetTimes(c, func(at time.Time) time.Time {
						if !monotonic {
							at = at.Round(0)
						}
						return tick(t, at, -step.wall, -step.passed) // as if the clock did the opposite
					})
					r := get(h, "/")
					if r.hit() != step.hit || !step.hit && r.status != `unstale;fwd=stale;stored;detail="expired"` {
						t.Errorf("hit %t: %s", r.hit(), r.status)
					}
					if hit := loaded() == 2; hit != step.hit {
						t.Errorf("Load: hit %t", hit)
					}
					if step.hit {
						age, err := strconv.ParseInt(r.header.Get("Age"), 10, 64)
						ttl := ttlOf(t, r)
						if err != nil || age < step.age || age > step.age+2 || ttl < 298-step.age || ttl > 300-step.age {
							t.Errorf("Age %q, ttl %d, want %d of 300", r.header.Get("Age"), ttl, step.age)
						}
					}
					if r := get(h, "/"); !r.hit() || ttlOf(t, r) > 300 {
						t.Errorf("afterwards: %s", r.status)
					}
				})
			}
		}
	}
}

func ttlOf(t *testing.T, r reply) int64 {
	t.Helper()
	return answer{header: r.header}.status(t).ttl
}

// TestClockStepsBetweenResults has an answer made from a stored result, on whose
// life a step of the clock has taken. The answer ends with it by either clock.
func TestClockStepsBetweenResults(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	h := c.Handler(known(func(w http.ResponseWriter, r *http.Request) {
		load(r.Context(), t, c, "k", func(ctx context.Context) (int, error) {
			unstale.ExpireAt(ctx, time.Now().Add(3*time.Minute))
			return 1, nil
		})
		unstale.ExpireAfter(r.Context(), 2*time.Minute)
	}))
	load(t.Context(), t, c, "k", func(ctx context.Context) (int, error) {
		unstale.ExpireAt(ctx, time.Now().Add(3*time.Minute))
		return 1, nil
	})
	pass := func(wall, monotonic time.Duration) {
		unstale.SetTimes(c, func(at time.Time) time.Time { return tick(t, at, -wall, -monotonic) })
	}
	pass(2*time.Minute, 0) // a minute is left on the wall
	get(h, "/")
	get(h, "/").want(t, "", true)
	pass(90*time.Second, 90*time.Second)
	get(h, "/").want(t, "", false)
}

// TestClockStepsEndPassing: a URI whose answer was streamed is let pass for a
// minute, not until a clock that was set back has caught up.
func TestClockStepsEndPassing(t *testing.T) {
	t.Parallel()
	for _, wall := range []time.Duration{30 * time.Second, 2 * time.Minute, -time.Hour} {
		c := newCache(t, unstale.Options{Slots: 1 << 10})
		streams := true
		h := c.Handler(known(func(w http.ResponseWriter, _ *http.Request) {
			if streams {
				_ = http.NewResponseController(w).Flush()
			}
		}))
		get(h, "/")
		streams = false
		unstale.SetTimes(c, func(at time.Time) time.Time { return tick(t, at, -wall, 0) })
		get(h, "/")
		get(h, "/").want(t, "", wall != 30*time.Second)
	}
}
