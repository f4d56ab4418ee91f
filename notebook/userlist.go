package notebook

// A UserFilter says which users to list.
type UserFilter struct {
	Search string // only users whose name or address contains this
	Role   Role   // only users who have this role and no higher one; empty for all
	Page   Page
}

// Counts is how much of everything there is.
type Counts struct {
	Users            int
	Knowledge        int
	Personas         int
	PendingKnowledge int
	PendingPersonas  int
}
