package notebook

import "time"

// A UserFilter says which users to list.
type UserFilter struct {
	Search string // only users whose name or address contains this
	Role   Role   // only users who have this role and no higher one; empty for all
	// Manageable leaves out super admins, on whom nobody acts.
	Manageable bool
	Page       Page
}

// Check returns nil if users can be searched for what the filter says.
func (f *UserFilter) Check() error { return checkSearch(f.Search) }

// A ListedUser is a user with what they have uploaded.
type ListedUser struct {
	User
	Knowledge, Personas int        // how many of each kind there are
	LastUpload          *time.Time // also of what is gone; nil for none
}

// Counts is how much of everything there is.
type Counts struct {
	Users            int
	Knowledge        int
	Personas         int
	PendingKnowledge int
	PendingPersonas  int
}
