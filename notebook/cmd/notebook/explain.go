package main

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/unstale/unstale/notebook"
)

// SQLite's result codes that an operator can do something about.
const (
	sqliteBusy     = 5
	sqliteReadOnly = 8
	sqliteIOError  = 10
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26
)

// explain says in one sentence what failed, and what to do about it where that
// is known.
func explain(err error) string {
	sentence := strings.Join(strings.Fields(err.Error()), " ")
	if rule := (*notebook.Error)(nil); errors.As(err, &rule) {
		sentence = strings.Replace(sentence, rule.Error(), rule.Text.EN, 1) // without its code, which is for programs
	}
	var sqlite interface{ Code() int }
	code := 0
	if errors.As(err, &sqlite) {
		code = sqlite.Code() & 0xff // the rest refines the code
	}
	switch {
	case code == sqliteFull || errors.Is(err, syscall.ENOSPC):
		return "the disk is full: " + sentence
	case code == sqliteIOError:
		return "the disk is full or broken: " + sentence
	case code == sqliteCorrupt || code == sqliteNotADB:
		return "the database file is damaged, restore it from a backup: " + sentence
	case code == sqliteBusy:
		return "another program has locked the database: " + sentence
	case code == sqliteReadOnly || code == sqliteCantOpen:
		return "the database file cannot be opened for writing: " + sentence
	case errors.Is(err, fs.ErrPermission):
		return "not allowed: " + sentence
	}
	return sentence
}
