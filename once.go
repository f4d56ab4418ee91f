package unstale

import (
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxSites bounds the places that are told apart; what comes later is counted
// under "other".
const maxSites = 1000

// reports tells once of each place in the program that keeps answers out of the
// cache, and counts how often it did.
type reports struct {
	mu    sync.Mutex
	sites map[site]uint64
}

// A site is a place in the program, with what it did.
type site struct{ kind, place string }

// Kinds of sites.
const (
	kindWrote     = "write in a GET"
	kindUntracked = "untracked read"
	kindContext   = "context value"
	kindUnnamed   = "handler without a name"
	kindSounds    = "field that sounds like a credential"
	kindApart     = "field that keeps answers apart"
	kindLanguage  = "language without Vary"
)

// siteContext is a look at a context value that was put there outside.
func siteContext(key any) site { return site{kindContext, fmt.Sprintf("%T", key)} }

// callSite returns the site of the application's call that led here: the first
// frame outside this module, database/sql and the runtime.
func callSite(kind string) site {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if f.Function != "" && !ours(f.Function) {
			return site{kind, f.File + ":" + strconv.Itoa(f.Line)}
		}
		if !more {
			return site{kind, "unknown"}
		}
	}
}

// module is the import path of this module.
const module = "github.com/unstale/unstale"

// ours reports whether a function belongs to the library, to database/sql or to
// the runtime. The library's tests, and modules that lie below its path, are
// applications.
func ours(function string) bool {
	below, ok := strings.CutPrefix(function, module)
	if !ok {
		return strings.HasPrefix(function, "database/sql.") || strings.HasPrefix(function, "runtime.")
	}
	test, _, _ := strings.Cut(below[strings.LastIndexByte(below, '/')+1:], ".")
	return !strings.HasSuffix(test, "_test") && !slices.ContainsFunc(nested(), func(path string) bool {
		return strings.HasPrefix(function, path+".") || strings.HasPrefix(function, path+"/")
	})
}

// nested returns the modules of this binary that lie below the library's path.
var nested = sync.OnceValue(func() (paths []string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	for _, m := range append(info.Deps, &info.Main) {
		if strings.HasPrefix(m.Path, module+"/") {
			paths = append(paths, m.Path)
		}
	}
	return paths
})

// reportOnce counts the site, and logs the message if it is new.
func (c *engine) reportOnce(s site, message string) {
	r := &c.reports
	r.mu.Lock()
	if r.sites == nil {
		r.sites = make(map[site]uint64)
	}
	if _, known := r.sites[s]; !known && len(r.sites) >= maxSites {
		s.place = "other"
	}
	r.sites[s]++
	first := r.sites[s] == 1
	r.mu.Unlock()
	if first {
		c.logger.Warn(message, slog.String("at", s.place))
	}
}

// snapshot returns the counts of one kind by place.
func (r *reports) snapshot(kind string) map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := make(map[string]uint64)
	for s, n := range r.sites {
		if s.kind == kind {
			m[s.place] = n
		}
	}
	return m
}
