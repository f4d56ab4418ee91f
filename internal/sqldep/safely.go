package sqldep

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/unstale/unstale/internal/shape"
)

// RefusedPanic is why a plan is refused in whose making the analysis panicked.
const RefusedPanic = "the analysis panicked"

// Safely returns the plan that is made. Where making it panics, the statement is refused,
// and the log says why: the analysis runs within the requests of an application, to
// which a mistake in it must cost no more than a hit. That goes for the plans under its
// guards, too.
func Safely(log *slog.Logger, text string, plan func() *shape.Plan) (p *shape.Plan) {
	defer func() {
		if v := recover(); v != nil {
			p = &shape.Plan{Refused: RefusedPanic}
			log.LogAttrs(context.Background(), slog.LevelError, "unstale: "+RefusedPanic+"; this is a mistake in unstale",
				slog.String("statement", text), slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
		}
	}()
	p = plan()
	if under := p.Under; under != nil {
		p.Under = func(failing []shape.Guard) *shape.Plan {
			return Safely(log, text, func() *shape.Plan { return under(failing) })
		}
	}
	return p
}
