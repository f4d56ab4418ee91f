package notebook

import "time"

// A Page is a part of a list; the first is number 1.
type Page struct{ Number, Size int }

// Offset returns how many items come before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Size }

// An ItemState restricts a list of items.
type ItemState string

// The states of an item; the empty one restricts nothing.
const (
	StateAny      ItemState = ""
	StatePublic   ItemState = "approved"
	StatePending  ItemState = "pending"
	StateRejected ItemState = "rejected"
)

// An ItemFilter says which items to list and in which order.
type ItemFilter struct {
	Kind      ItemKind
	State     ItemState
	OwnerID   string // only items of the user with this id
	Uploader  string // only items of the user with this username, or else this id; instead of OwnerID
	Name, Tag string // only items whose name, or tags, contain this
	SortBy    string // created_at (default), updated_at, star_count, name, downloads
	Ascending bool
	Page      Page
}

// A Star is something starred together with what was starred.
type Star struct {
	ID        string
	CreatedAt time.Time
	Item      Item
}

// A StarFilter says which stars of a user to list and in which order.
type StarFilter struct {
	UserID    string
	Kind      ItemKind // empty for all
	SortBy    string   // created_at (default), star_count
	Ascending bool
	Page      Page
}
