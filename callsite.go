package unstale

import (
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
)

// module is the import path of this module.
const module = "github.com/unstale/unstale"

// maxFrames bounds the frames that are looked at on the way to the application:
// between it and the driver, an ORM has a dozen or two.
const maxFrames = 128

// callSite returns the site of the application's call that led here: the first
// frame in a module of the application's own, or, where there is none, the first
// one outside of this module and the standard library.
func callSite(kind string) site {
	var pcs [maxFrames]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	place, p := "unknown", thisProgram()
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		switch p.whose(f.Function, f.File) {
		case applications:
			return site{kind, at(f)}
		case others:
			if place == "unknown" {
				place = at(f)
			}
		}
	}
	return site{kind, place}
}

func at(f runtime.Frame) string { return f.File + ":" + strconv.Itoa(f.Line) }

// An owner is whose a function is.
type owner uint8

const (
	ours         owner = iota // this module's, or the standard library's
	others                    // of a module that the application requires, such as an ORM
	applications              // of a module that is there in source, to be changed
)

// A program is what is known of the modules that a binary was built from: whether
// each is the application's own, by its path. One that is nil says nothing.
type program map[string]bool

var thisProgram = sync.OnceValue(func() program {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return programOf(info)
})

// programOf returns the modules of a binary. The main module is the application's
// own, and so are those of its workspace and those that it replaces by a directory.
func programOf(info *debug.BuildInfo) program {
	p := program{info.Main.Path: true}
	for _, m := range info.Deps {
		p[m.Path] = m.Version == "(devel)" || m.Replace != nil && (m.Replace.Version == "" || m.Replace.Version == "(devel)")
	}
	return p
}

// whose returns whose a function is that stands in a file. The library's tests, and
// modules that lie below its path, are applications.
func (p program) whose(function, file string) owner {
	pkg := packageOf(function)
	name, test := strings.CutSuffix(pkg, "_test")
	if name == "main" {
		return applications
	}
	for m := name; m != "." && m != "/"; m = path.Dir(m) {
		own, known := p[m]
		switch {
		case m == module && !test:
			return ours
		case m == module || known && own:
			return applications
		case known:
			return others
		}
	}
	switch {
	case p != nil || standard(pkg, file):
		return ours
	case strings.Contains(file, "@v") || strings.Contains(file, "/vendor/"):
		return others // in a module cache, or a copy of what is required
	}
	return applications
}

// packageOf returns the import path of a function's package.
func packageOf(function string) string {
	function, _, _ = strings.Cut(function, "[") // type arguments
	slash := strings.LastIndexByte(function, '/') + 1
	name, _, _ := strings.Cut(function[slash:], ".")
	return function[:slash] + strings.ReplaceAll(name, "%2e", ".")
}

// standard reports whether a package is one of the standard library, for a binary
// that does not name its modules.
func standard(pkg, file string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	if strings.Contains(first, ".") {
		return false
	}
	dir := path.Dir(file)
	return dir == pkg || strings.HasSuffix(dir, "/src/"+pkg)
}
