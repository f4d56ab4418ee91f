package ledger

import "slices"

// A Matcher is a pattern over keys.
type Matcher interface {
	// Match reports whether the pattern matches key. It must be pure.
	Match(key string) bool
}

// ban is a pattern with the sequence number of its invalidation.
type ban struct {
	seq     uint64
	pattern Matcher
}

// matches reports whether the pattern matches a key of r.
func (b ban) matches(r *Record) bool { return slices.ContainsFunc(r.Keys, b.pattern.Match) }

// patterns is the list of bans in force, oldest first. It is replaced, never
// changed, so that a reader sees list and retired together.
type patterns struct {
	// retired is the newest sequence number whose bans have left the list: a
	// record must have been vetted up to it, or it is unknown, hence invalid.
	retired uint64
	list    []ban
}

func (p *patterns) newest() uint64 {
	if len(p.list) == 0 {
		return p.retired
	}
	return p.list[len(p.list)-1].seq
}

// Ban invalidates every record with a key that p matches and an AsOf before
// this call. It holds when it returns; its cost does not depend on the number of
// records: everything is in flux for as long as the list takes to copy. The list
// is worked off with Check and Retire.
func (l *Ledger) Ban(p Matcher) uint64 {
	l.MarkAll()
	defer l.ReleaseAll()
	for {
		l.pause()
		old := l.patterns.Load()
		seq := l.next() // above every sequence number in old
		list := make([]ban, len(old.list), len(old.list)+1)
		copy(list, old.list)
		l.pause()
		if l.patterns.CompareAndSwap(old, &patterns{old.retired, append(list, ban{seq, p})}) {
			return seq
		}
	}
}

// Bans returns the number of patterns in force and the sequence number of the
// newest.
func (l *Ledger) Bans() (n int, newest uint64) {
	l.pause()
	p := l.patterns.Load()
	return len(p.list), p.newest()
}

// Retire drops the bans up to and including seq from the list. The caller has
// put every record it stores through Check since Ban returned seq; a record that
// was not, because its fill was still open, counts as banned from now on.
func (l *Ledger) Retire(seq uint64) {
	for {
		l.pause()
		old := l.patterns.Load()
		if seq <= old.retired {
			return
		}
		i := 0
		for i < len(old.list) && old.list[i].seq <= seq {
			i++
		}
		l.pause()
		if l.patterns.CompareAndSwap(old, &patterns{seq, old.list[i:]}) {
			return
		}
	}
}

// checkPatterns tries the bans that r has not been tried against. The cost is
// paid once per record and ban, and a record without news costs one comparison.
func (l *Ledger) checkPatterns(r *Record) Verdict {
	l.pause()
	p := l.patterns.Load()
	l.pause()
	vetted := max(r.AsOf, r.vetted.Load())
	newest := p.newest()
	if vetted >= newest {
		return Valid
	}
	if vetted < p.retired {
		return Banned
	}
	for _, b := range p.list {
		if b.seq <= vetted {
			continue
		}
		if b.matches(r) {
			return Banned
		}
	}
	l.raise(&r.vetted, newest)
	return Valid
}

// Vet tries the bans in force against r alone, whatever else may be said of it.
// It reports whether none matches, now and before.
func (l *Ledger) Vet(r *Record) bool { return l.checkPatterns(r) == Valid }
