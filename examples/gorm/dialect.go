package main

import (
	"database/sql"
	"errors"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A dialect is gorm's SQLite on an open database. Its own driver is not used, so that
// no cgo is needed.
type dialect struct{ sqlite.Dialector }

// dialectOn returns the dialect on a database of the cache.
func dialectOn(db *sql.DB) gorm.Dialector { return dialect{sqlite.Dialector{Conn: db}} }

// Translate implements gorm.ErrorTranslator for the errors of the driver that is used:
// gorm.Config.TranslateError does not know them otherwise.
func (d dialect) Translate(err error) error {
	var e *driver.Error
	if !errors.As(err, &e) {
		return d.Dialector.Translate(err)
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return gorm.ErrDuplicatedKey
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return gorm.ErrForeignKeyViolated
	}
	return err
}
