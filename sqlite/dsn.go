package sqlite

import (
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
)

// A dsn is a data source name, taken apart as the driver does it.
type dsn struct {
	name  string // what precedes the query
	query string
	given url.Values
}

func parseDSN(s string) (dsn, error) {
	d := dsn{name: s}
	if i := strings.IndexByte(s, '?'); i >= 1 {
		d.name, d.query = s[:i], s[i+1:]
	}
	var err error
	d.given, err = url.ParseQuery(d.query)
	return d, err
}

// memory reports whether the name means a database in memory, or SQLite's
// private temporary database, which has no name.
func (d dsn) memory() bool {
	if path, ok := strings.CutPrefix(d.name, "file:"); ok {
		return path == "" || path == ":memory:" || d.given.Get("mode") == "memory"
	}
	return d.name == "" || d.name == ":memory:"
}

// memoryNames counts the databases in memory of this process. The names live in
// one name space of the process, which is why the counter does, too.
var memoryNames atomic.Uint64

// private returns the data source name of a new database in memory that all who
// use this name in this process share. SQLite removes it with its last
// connection.
func (d dsn) private() dsn {
	kept := url.Values{}
	for key, values := range d.given {
		if strings.HasPrefix(key, "_") {
			kept[key] = values
		}
	}
	kept.Set("vfs", "memdb")
	name := "file:/unstale-" + strconv.FormatUint(memoryNames.Add(1), 10)
	return dsn{name: name, query: kept.Encode(), given: kept}
}

// mentions reports whether the data source name sets a pragma, by one of the
// driver's own keys or in _pragma.
func (d dsn) mentions(pragma string, keys ...string) bool {
	for _, key := range keys {
		if d.given.Get(key) != "" {
			return true
		}
	}
	for _, p := range d.given["_pragma"] {
		if strings.Contains(strings.ToLower(p), pragma) {
			return true
		}
	}
	return false
}

// withDefaults returns the data source name with the pragmas that it does not
// set. The journal mode comes last: what changes the format of a new file, such
// as page_size, must precede it.
func (d dsn) withDefaults(file bool) string {
	var first, last []string
	if !d.mentions("busy_timeout", "_busy_timeout", "_timeout") {
		first = append(first, "_pragma=busy_timeout(5000)")
	}
	if !d.mentions("foreign_keys", "_foreign_keys", "_fk") {
		first = append(first, "_pragma=foreign_keys(1)")
	}
	if !d.mentions("synchronous", "_synchronous", "_sync") {
		first = append(first, "_pragma=synchronous(normal)")
	}
	if file && !d.mentions("journal_mode", "_journal_mode", "_journal") {
		last = append(last, "_pragma=journal_mode(wal)")
	}
	if d.query != "" {
		first = append(first, d.query)
	}
	return d.name + "?" + strings.Join(append(first, last...), "&")
}

// label returns the last element of the name, for logs.
func (d dsn) label() string {
	name := strings.TrimPrefix(d.name, "file:")
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return name
}
