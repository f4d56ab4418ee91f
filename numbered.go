package unstale

import (
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/unstale/unstale/internal/goroutine"
)

// A fill's code runs below a few functions of ours, by which its goroutine's
// stack tells the fill's number: that a read was begun there can be told without
// a context. In goroutines that the code starts it cannot: there only a mark helps,
// which Options.AttributeByGoroutine sets.

// numberBits bounds the fills that can be told apart at a time; of those beyond
// nothing is known.
const numberBits = 10

// numbers are given to open fills. Zero is none.
type numbers struct {
	fills []*fill // by number; nil: free
	free  []uint16
}

func (n *numbers) take(f *fill) uint16 {
	if last := len(n.free) - 1; last >= 0 {
		number := n.free[last]
		n.free = n.free[:last]
		n.fills[number] = f
		return number
	}
	if len(n.fills) == 0 {
		n.fills = []*fill{nil}
	}
	if len(n.fills) == 1<<numberBits {
		return 0
	}
	n.fills = append(n.fills, f)
	return uint16(len(n.fills) - 1)
}

func (n *numbers) giveBack(number uint16) {
	if number != 0 {
		n.fills[number] = nil
		n.free = append(n.free, number)
	}
}

func (n *numbers) fill(number uint16) *fill {
	if int(number) >= len(n.fills) {
		return nil
	}
	return n.fills[number]
}

// numbered runs what a fill runs.
func (f *fill) numbered(run func()) {
	if f.mark != (goroutine.Mark{}) {
		f.mark.Run(func() { f.descend(run) })
		return
	}
	f.descend(run)
}

func (f *fill) descend(run func()) {
	if f.number == 0 {
		run()
		return
	}
	descend(f.number, numberBits, run)
}

// descend calls run below one function for each bit of the number, lowest first.
//
//go:noinline
func descend(number uint16, bits int, run func()) {
	switch {
	case bits == 0:
		run()
	case number&1 == 0:
		bitZero(number>>1, bits-1, run)
	default:
		bitOne(number>>1, bits-1, run)
	}
}

//go:noinline
func bitZero(number uint16, bits int, run func()) { descend(number, bits, run) }

//go:noinline
func bitOne(number uint16, bits int, run func()) { descend(number, bits, run) }

// maxDepth bounds how deep the stack is looked through.
const maxDepth = 512

// numbersOnStack returns the numbers of the fills in whose code the caller runs,
// innermost first.
func numbersOnStack() (list []uint16) {
	var room [maxDepth]uintptr
	is := bitReturns()
	var number, bits uint16
	for _, pc := range room[:runtime.Callers(1, room[:])] {
		if pc != is[0] && pc != is[1] {
			continue
		}
		// The innermost is the highest bit.
		number, bits = number<<1, bits+1
		if pc == is[1] {
			number |= 1
		}
		if bits == numberBits {
			list = append(list, number)
			number, bits = 0, 0
		}
	}
	return list
}

// bitReturns returns the program counters by which the functions of the bits
// appear in a stack: each has one call. It is a variable because the program is
// the same for the whole process.
var bitReturns = sync.OnceValue(func() (is [2]uintptr) {
	var pcs []uintptr
	descend(1, 2, func() {
		var room [maxDepth]uintptr
		pcs = slices.Clone(room[:runtime.Callers(1, room[:])])
	})
	for _, pc := range pcs {
		f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
		switch {
		case strings.HasSuffix(f.Function, ".bitZero") && is[0] == 0:
			is[0] = pc
		case strings.HasSuffix(f.Function, ".bitOne") && is[1] == 0:
			is[1] = pc
		}
	}
	return is
})
