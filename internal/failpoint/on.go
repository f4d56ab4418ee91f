//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Enabled says whether this binary has failpoints.
const Enabled = true

// Variable is the environment variable that says what happens where, such as
// "after-commit=kill/500,before-commit=2ms/10": the 500th pass of one point
// kills the process, and every 10th pass of another takes 2 ms.
const Variable = "UNSTALE_FAILPOINTS"

type action struct {
	every  uint64
	kill   bool
	sleep  time.Duration
	passes atomic.Uint64
}

// actions reads the variable once.
var actions = sync.OnceValue(func() map[Point]*action {
	all := make(map[Point]*action)
	for spec := range strings.SplitSeq(os.Getenv(Variable), ",") {
		if spec == "" {
			continue
		}
		point, rest, _ := strings.Cut(spec, "=")
		what, every, _ := strings.Cut(rest, "/")
		a := &action{kill: what == "kill"}
		var err error
		if !a.kill {
			a.sleep, err = time.ParseDuration(what)
		}
		if a.every, _ = strconv.ParseUint(every, 10, 64); err != nil || a.every == 0 {
			panic(fmt.Sprintf("%s: %q", Variable, spec))
		}
		all[Point(point)] = a
	}
	return all
})

// Pass is called when a point is passed. It may not return.
func Pass(p Point) {
	a := actions()[p]
	if a == nil {
		return
	}
	n := a.passes.Add(1)
	switch {
	case a.kill && n == a.every:
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Kill()
		}
		if err != nil {
			panic(err)
		}
		select {} // nothing further happens here
	case !a.kill && n%a.every == 0:
		time.Sleep(a.sleep)
	}
}
