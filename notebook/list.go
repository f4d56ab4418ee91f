package notebook

import "time"

// A Page is a part of a list; the first is number 1.
type Page struct{ Number, Size int }

// Offset returns how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }

// A CardState restricts a list of cards.
type CardState string

// The states of a card; the empty one restricts nothing.
const (
	StateAny      CardState = ""
	StatePublic   CardState = "approved"
	StatePending  CardState = "pending"
	StateRejected CardState = "rejected"
)

// A CardFilter says which cards to list and in which order.
type CardFilter struct {
	State     CardState
	OwnerID   string // only cards of the user with this id
	Uploader  string // only cards of the user with this username, or else this id; instead of OwnerID
	Name, Tag string // only cards whose name, or tags, contain this
	SortBy    string // created_at (default), updated_at, star_count, name, downloads
	Ascending bool
	Page      Page
}

// A Star is something starred together with what was starred.
type Star struct {
	ID         string
	TargetType string
	CreatedAt  time.Time
	Card       PersonaCard
}

// A StarFilter says which stars of a user to list and in which order.
type StarFilter struct {
	UserID    string
	Type      string // TargetPersona, TargetKnowledge, or empty for both
	SortBy    string // created_at (default), star_count
	Ascending bool
	Page      Page
}
