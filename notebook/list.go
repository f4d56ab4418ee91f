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

// ItemStates returns the states that restrict a list.
func ItemStates() []ItemState { return []ItemState{StatePublic, StatePending, StateRejected} }

// ItemOrders returns the fields by which items can be sorted, the usual one first.
func ItemOrders() []string {
	return []string{"created_at", "updated_at", "name", "downloads", "star_count"}
}

// StarOrders returns the fields by which stars can be sorted, the usual one first.
func StarOrders() []string { return []string{"created_at", "star_count"} }

// An ItemFilter says which items to list and in which order.
type ItemFilter struct {
	Kind      ItemKind
	State     ItemState
	OwnerID   string // only items of the user with this id
	Uploader  string // only items of the user with this username, or else this id; instead of OwnerID
	Name, Tag string // only items whose name, or tags, contain this
	SortBy    string // one of ItemOrders; the first for ""
	Ascending bool
	Page      Page
}

// Check returns nil if items can be searched for what the filter says.
func (f *ItemFilter) Check() error { return checkSearch(f.OwnerID, f.Uploader, f.Name, f.Tag) }

// A Star is something starred together with what was starred.
type Star struct {
	ID        string
	CreatedAt time.Time
	Item      Item
}

// A StarFilter says which stars of a user to list and in which order.
type StarFilter struct {
	UserID    string
	Kind      ItemKind // empty for all; stars of an unknown kind are none
	SortBy    string   // one of StarOrders; the first for ""
	Ascending bool
	Page      Page
}
