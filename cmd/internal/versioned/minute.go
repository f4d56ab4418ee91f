package versioned

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/clock"
)

// endField says, in an answer that ends by the clock, when it does, in
// nanoseconds since 1970.
const endField = "X-End"

// inAMinute bounds the life of what next answers to a minute, in one of four
// ways, and says in the header when it must have ended.
func inAMinute(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now, h := clock.Now(), w.Header()
		end := now.Add(time.Minute)
		switch key, _ := strconv.Atoi(r.PathValue("key")); key % 4 {
		case 0:
			unstale.ExpireAt(r.Context(), end)
		case 1:
			end = expireInAMinute(r.Context())
		case 2:
			h.Set("Date", now.UTC().Format(http.TimeFormat))
			h.Set("Cache-Control", "max-age=60")
			end = end.Add(time.Second) // ages are whole seconds
		default:
			h.Set("Date", now.UTC().Format(http.TimeFormat))
			h.Set("Expires", end.UTC().Format(http.TimeFormat))
			end = end.Add(time.Second)
		}
		h.Set(endField, strconv.FormatInt(end.UnixNano(), 10))
		next.ServeHTTP(w, r)
	}
}

// expireInAMinute calls ExpireAfter and returns when that must be over, by the
// clock that ExpireAfter has read.
func expireInAMinute(ctx context.Context) time.Time {
	for {
		steps := clock.Steps()
		unstale.ExpireAfter(ctx, time.Minute)
		if end := clock.Now().Add(time.Minute); clock.Steps() == steps {
			return end
		}
	}
}

// watch counts answers that had ended before their request arrived. While the
// clock is being set nobody can say.
func (s *Service) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		steps, arrived := clock.Steps(), clock.Now()
		next.ServeHTTP(w, r)
		end, err := strconv.ParseInt(w.Header().Get(endField), 10, 64)
		if err == nil && arrived.UnixNano() >= end && clock.Steps() == steps {
			s.overdue.Add(1)
		}
	})
}

// Overdue returns how many answers were served after their end.
func (s *Service) Overdue() int64 { return s.overdue.Load() }

// Expired returns how many answers were found in the cache whose life had ended.
func (s *Service) Expired() (n uint64) {
	for _, route := range s.Cache.Stats().Routes {
		n += route.Misses["expired"]
	}
	return n
}
