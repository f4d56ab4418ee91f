package store

import (
	"context"
	"database/sql"
)

// New returns a store on an open database and brings its schema up to date. Its
// transactions must take the write lock when they begin. Closing the store closes
// the database.
func New(ctx context.Context, db *sql.DB) (*Store, error) {
	if err := migrate(ctx, db); err != nil {
		return nil, err
	}
	return &Store{db: db}, nil
}
