// Package dialect reads SQLite's SQL: what kind of statement a text is, what its
// names stand for, how the values of a column compare, and whether the same rows
// give the same result again. Package sqldep narrows by that what SQLite's
// authorizer said while it prepared the statement ([Access]).
//
// Of the tables that NATURAL and USING compare the authorizer may say nothing, so
// the text has to. Volatile functions and whatever is no query are not cacheable.
package dialect
