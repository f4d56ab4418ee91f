package service

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/unstale/unstale/notebook"
)

// maxGuessed is how many names, and how many clients with names, a guard remembers.
const maxGuessed = 1 << 15

// A guard counts wrong passwords, and wrong codes, by the name that they are for and by who sends
// them, whether or not anybody has the name: so a lock says nothing about names.
// Five in a row from one client keep that client from the name for half an hour,
// and so many from all clients together everybody, but those from where the user
// has logged in last: nobody keeps a user out by guessing. It remembers a bounded
// number, and forgets those first that are oldest.
type guard struct {
	now func() time.Time

	mu            sync.Mutex
	recent, older map[string]guesses
}

// guesses are wrong passwords in a row.
type guesses struct {
	n    int
	last time.Time
}

func newGuard(now func() time.Time) *guard { return &guard{now: now, recent: map[string]guesses{}} }

// get returns what counts still. The lock must be held.
func (g *guard) get(key string) guesses {
	found, ok := g.recent[key]
	if !ok {
		found = g.older[key]
	}
	if !g.now().Before(found.last.Add(notebook.LockDuration)) {
		return guesses{}
	}
	return found
}

func (g *guard) put(key string, v guesses) {
	if _, ok := g.recent[key]; !ok && len(g.recent) >= maxGuessed/2 {
		g.recent, g.older = map[string]guesses{}, g.recent
	}
	g.recent[key] = v
}

// try reports whether the client may not try for the name, and whether nobody may
// who is not known. A try counts as a wrong one until it is taken back, so that
// tries at the same time are no way around the count.
func (g *guard) try(client, name string) (here, everywhere bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	own, all := g.get(client+"\x00"+name), g.get(name)
	if own.n >= notebook.MaxFailedLogins {
		return true, false
	}
	g.put(client+"\x00"+name, guesses{own.n + 1, g.now()})
	g.put(name, guesses{all.n + 1, g.now()})
	return false, all.n >= notebook.MaxFailedLoginsOfAll
}

// takeBack undoes a try that was none.
func (g *guard) takeBack(client, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range []string{client + "\x00" + name, name} {
		if v := g.get(key); v.n > 0 {
			g.put(key, guesses{v.n - 1, v.last})
		}
	}
}

// forget ends what a client's failures have led to. What others did stays: they may
// be guessing still.
func (g *guard) forget(client, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	own, all := g.get(client+"\x00"+name), g.get(name)
	g.put(client+"\x00"+name, guesses{})
	g.put(name, guesses{max(0, all.n-own.n), all.last})
}

// forgive ends what everybody's failures have led to.
func (g *guard) forgive(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, counts := range []map[string]guesses{g.recent, g.older} {
		maps.DeleteFunc(counts, func(key string, _ guesses) bool { return key == name || strings.HasSuffix(key, "\x00"+name) })
	}
}
