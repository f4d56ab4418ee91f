package sqldep

// An Access is what the database's authorizer reported when a statement was
// prepared.
type Access struct {
	Reads     []Read
	Functions []string // SQL functions that are called
	Others    []string // every action but select, read, function and recursive, in words of the caller
}

// A Read is one report of a read.
type Read struct {
	Database string // such as "main" or "temp"; "" where the database reports none
	Table    string
	Column   string // "" for a table of which rows but no columns are used, such as by COUNT(*); "ROWID" for the rowid of a table without INTEGER PRIMARY KEY
}
