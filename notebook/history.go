package notebook

import "time"

// An Upload is the record of one, which stays when the item is gone.
type Upload struct {
	ID          string
	Kind        ItemKind
	TargetID    string
	Name        string
	Description *string
	State       ItemState // StatePublic also for what its uploader keeps private
	Exists      bool      // whether the item is still there
	FileSize    int64     // of the item's files together, in bytes
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// An UploadFilter says which uploads of a user to list, newest first.
type UploadFilter struct {
	UserID string
	State  ItemState // StateAny for all
	Page   Page
}

// UploadCounts is how many uploads of a user there were.
type UploadCounts struct {
	Total                       int
	Approved, Pending, Rejected int
	Knowledge, Persona          int
}

// Popularity is how often the items of a user were downloaded, and how many
// stars they have.
type Popularity struct{ Downloads, Stars int }

// A Day is what happened to the items of a user on a day, in UTC.
type Day struct {
	Date               time.Time // its beginning
	Knowledge, Persona Popularity
}
