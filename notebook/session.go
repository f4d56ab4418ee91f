package notebook

import "time"

// How long a session lasts, and how many a user has at once.
const (
	SessionLife = 7 * 24 * time.Hour // after its beginning, or the last time that it was renewed
	MaxSessions = 50
)

// A Session is a login. Its tokens are good for as long as it is there.
type Session struct {
	ID         string
	UserID     string
	Generation int // of the refresh token that is good: each exchange raises it
	ExpiresAt  time.Time
}

// Exchange takes the refresh token of the generation for one of the next. It
// returns false for one that was exchanged before: somebody else has it, too.
func (s *Session) Exchange(generation int, now time.Time) bool {
	if generation != s.Generation {
		return false
	}
	s.Generation++
	s.ExpiresAt = now.Add(SessionLife)
	return true
}
