package checker

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/anishathalye/porcupine"
)

// A Report says what was done and found.
type Report struct {
	Elapsed time.Duration
	Seed    uint64

	Reads  int64 // answered
	Hits   int64 // of these, from a cache
	Failed int64 // reads that brought an error instead
	Left   int64 // reads whose client hung up

	Acknowledged, Unknown, Refused int64 // writes

	Histories int64 // given to the checker of linearizability
	Together  int64 // of these, of two keys that answers show together
	Undecided int64 // of these, not decided in time

	Violations map[Kind]int64
	First      map[Kind]*Violation // the first of each kind
	WorstAge   time.Duration       // for how long the worst stale answer had been out of date when it was asked for, at least
	Failure    error               // the last request that failed, nil if none did
}

// A Violation is a wrong answer with the operations that led to it.
type Violation struct {
	Kind Kind
	Keys []int // one, or two that are wrong together
	bad  op
	bar  bar
	ops  []op
}

func (r *run) report(elapsed time.Duration) *Report {
	rep := &Report{
		Elapsed: elapsed, Seed: r.config.Seed,
		Reads: r.reads.Load(), Hits: r.hits.Load(), Failed: r.failed.Load(), Left: r.left.Load(),
		Acknowledged: r.acknowledged.Load(), Unknown: r.unknown.Load(), Refused: r.refused.Load(),
		Histories: r.histories.Load(), Together: r.together.Load(), Undecided: r.undecided.Load(),
		Violations: make(map[Kind]int64), First: make(map[Kind]*Violation),
		WorstAge: time.Duration(r.worst.Load()), Failure: r.lastFailure(),
	}
	for _, k := range Kinds() {
		if n := r.counts[k].Load(); n > 0 {
			rep.Violations[k], rep.First[k] = n, r.first[k]
		}
	}
	return rep
}

// Wrong returns the number of violations of all kinds.
func (r *Report) Wrong() (n int64) {
	for _, v := range r.Violations {
		n += v
	}
	return n
}

// Earliest returns the violation that was found first, or nil.
func (r *Report) Earliest() *Violation {
	var first *Violation
	for _, k := range Kinds() {
		if v := r.First[k]; v != nil && (first == nil || v.bad.end < first.bad.end) {
			first = v
		}
	}
	return first
}

// Print writes the report for people.
func (r *Report) Print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(tw, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("reads", "%d in %s (%.0f/s), seed %d", r.Reads, r.Elapsed.Round(time.Millisecond), float64(r.Reads)/r.Elapsed.Seconds(), r.Seed)
	line("from a cache", "%d (%.1f%%)", r.Hits, 100*float64(r.Hits)/float64(max(1, r.Reads)))
	line("writes", "%d acknowledged, %d of unknown outcome, %d refused", r.Acknowledged, r.Unknown, r.Refused)
	if r.Failed+r.Left > 0 {
		line("reads without answer", "%d failed, %d hung up", r.Failed, r.Left)
	}
	if r.Failure != nil {
		line("last failure", "%v", r.Failure)
	}
	line("histories", "%d checked for linearizability, %d undecided", r.Histories-r.Undecided, r.Undecided)
	if r.Together > 0 {
		line("", "%d of them of two keys that answers show together", r.Together)
	}
	line("violations", "%d", r.Wrong())
	for _, k := range Kinds() {
		if n := r.Violations[k]; n > 0 {
			line("", "%d %s", n, k)
		}
	}
	if r.Violations[Stale] > 0 {
		line("worst age", "%s when it was asked for", r.WorstAge.Round(time.Microsecond))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if v := r.Earliest(); v != nil {
		if _, err := fmt.Fprintf(w, "\n%s", v); err != nil {
			return err
		}
		if v.Confirmed() {
			_, err := fmt.Fprint(w, "\nThere is no order of these operations that explains it: not linearizable.\n")
			return err
		}
	}
	return nil
}

// Confirmed reports whether the checker of linearizability, too, finds the
// history of the violation impossible. It is not asked about answers that are no
// read of the key's register: torn ones, and those of another key or owner.
func (v *Violation) Confirmed() bool {
	return linearizable(v.ops, 10*time.Second, v.Keys...) == porcupine.Illegal
}

// shown is how many operations the text of a violation has at most.
const shown = 24

// String returns what happened, an operation a line, for people.
func (v *Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The first wrong answer: %s. %s, times in milliseconds since the start:\n\n", v.Kind, v.about())
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "began\tended\tworker\t\t  ")
	for _, o := range v.relevant() {
		end := "-"
		if !o.write || o.outcome != unknown {
			end = ms(o.end)
		}
		fmt.Fprintf(tw, "%s\t%s\t%d\t\t  %s\n", ms(o.start), end, o.worker, o.describe(v))
	}
	_ = tw.Flush() // into memory
	return b.String()
}

// about names the keys.
func (v *Violation) about() string {
	if v.named() {
		return fmt.Sprintf("Keys %d and %d", v.Keys[0], v.Keys[1])
	}
	return fmt.Sprintf("Key %d", v.Keys[0])
}

// named reports whether an operation has to say which key it is about.
func (v *Violation) named() bool { return len(v.Keys) > 1 }

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}

// relevant returns the operations that explain the violation: the last before
// the end of the wrong answer, and in any case those that set the bar.
func (v *Violation) relevant() []op {
	if v.Kind == NotLinearizable || v.Kind == Skewed {
		return v.ops[max(0, len(v.ops)-4*shown):]
	}
	var before, list []op
	for _, o := range v.ops {
		if o.start <= v.bad.end && !v.is(o) {
			before = append(before, o)
		}
	}
	for i, o := range before {
		decisive := o.version >= v.bad.version && o.end < v.bad.start && (o.version == v.bar.acked && o.write || o.version == v.bar.seen)
		if i >= len(before)-shown || decisive && len(list) < shown {
			list = append(list, o)
		}
	}
	return append(list, v.bad)
}

// is reports whether o is the wrong answer.
func (v *Violation) is(o op) bool {
	return !o.write && o.start == v.bad.start && o.worker == v.bad.worker
}

func (o op) describe(v *Violation) string {
	if o.write {
		what := o.text(v.named())
		if o.outcome == unknown {
			return what + ", of unknown outcome"
		}
		return what + ", acknowledged"
	}
	var b strings.Builder
	b.WriteString(o.text(v.named()))
	if o.hit {
		b.WriteString(" (hit)")
	}
	fmt.Fprintf(&b, " %s", o.source)
	if !v.is(o) {
		return b.String()
	}
	fmt.Fprintf(&b, "   <-- %s", v.Kind)
	switch v.Kind {
	case Stale:
		fmt.Fprintf(&b, ": %d was acknowledged before", v.bar.acked)
	case Backwards:
		fmt.Fprintf(&b, ": somebody had been given %d", v.bar.seen)
	case Fine, Torn, Invented, OtherKey, OtherOwner, NotLinearizable, Skewed, kinds:
	}
	return b.String()
}

// workers returns the workers of the operations in order.
func (v *Violation) workers() []int {
	var list []int
	for _, o := range v.relevant() {
		list = append(list, o.worker)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
