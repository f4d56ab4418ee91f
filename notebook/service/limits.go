package service

import (
	"time"

	"github.com/unstale/unstale/notebook"
)

// A Rate is how often a user may do something: so often at once, and as often
// again in the course of the time.
type Rate struct {
	Burst int
	Per   time.Duration
}

// Limits are how much a user may do, and may have. They are sized for people: who
// reads and writes by hand meets none of them.
type Limits struct {
	Uploads   Rate // also of more files, and of pictures
	Comments  Rate
	Reactions Rate // to comments, and stars
	Letters   Rate // messages, each recipient counted
	Changes   Rate // of what there is, and deletions

	Items int   // of both kinds together
	Bytes int64 // of all their files together
}

// DefaultLimits are those of a site that says nothing else.
func DefaultLimits() Limits {
	return Limits{
		Uploads: Rate{60, time.Hour}, Comments: Rate{30, 10 * time.Minute}, Reactions: Rate{120, 10 * time.Minute},
		Letters: Rate{100, time.Hour}, Changes: Rate{300, 10 * time.Minute},
		Items: 1000, Bytes: 2 << 30,
	}
}

// quota returns what a user may have.
func (l Limits) quota() notebook.Quota { return notebook.Quota{Items: l.Items, Bytes: l.Bytes} }

// rates count what users do.
type rates struct{ uploads, comments, reactions, letters, changes *Limiter }

func newRates(l Limits, now func() time.Time) rates {
	limiter := func(r Rate) *Limiter { return NewLimiter(r.Burst, r.Per, now) }
	return rates{limiter(l.Uploads), limiter(l.Comments), limiter(l.Reactions), limiter(l.Letters), limiter(l.Changes)}
}
