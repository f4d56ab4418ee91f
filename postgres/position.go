package postgres

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/unstale/unstale/internal/adapter"
	"github.com/unstale/unstale/internal/shape"
)

// Positions are the latest looks of one node, by which it says as of when an entry is, and
// judges one that another node has made.
//
// An entry of which nothing was read before some look was answered contains whatever that
// look showed. Its node says so, by the look's snapshot E. Another node finds the latest
// look of its own whose snapshot lies within E. What the entry lacks is not visible in E,
// so not in that look, so it was told by a later one, or will be: after the sequence
// number that the node took when the look had ended. The node judges the entry as one of
// its own that has this asOf.
//
// So any of the looks may be forgotten: an earlier one is right, too, and counts more
// changes against the entry. Older ones are thinned out.
type positions struct {
	mu       sync.Mutex
	identity string     // of the database, at all of these looks
	list     []position // ascending, no two with one snapshot
}

// A position is a look, or several that had one snapshot. Sequence numbers are ticks,
// which nobody else has: what began before one has a lesser number.
type position struct {
	snapshot
	first uint64 // taken when the first of them had ended
	last  uint64 // taken when the last of them had
	sent  uint64 // that was there when the last of them was sent
}

// maxPositions bounds the looks that are remembered.
const maxPositions = 2048

// note follows a look that was answered. lost says that everything was lost with it.
func (p *positions) note(identity string, s snapshot, sent, ended uint64, lost bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if lost || identity != p.identity {
		p.identity, p.list = identity, nil
	}
	if n := len(p.list); n > 0 && s.within(&p.list[n-1].snapshot) && p.list[n-1].within(&s) {
		p.list[n-1].last, p.list[n-1].sent = ended, sent
		return
	}
	if len(p.list) >= maxPositions { // every other one of the older half goes, but not the oldest
		old := p.list[:maxPositions/2]
		kept := p.list[:0:0]
		for i := 0; i < len(old); i += 2 {
			kept = append(kept, old[i])
		}
		p.list = append(kept, p.list[maxPositions/2:]...)
	}
	p.list = append(p.list, position{s, ended, ended, sent})
}

// at returns what is contained in whatever was read after asOf, or nil if that is not
// known. The caller holds mu.
func (p *positions) at(asOf uint64) *snapshot {
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i].first > asOf })
	if i == 0 {
		return nil
	}
	return &p.list[i-1].snapshot
}

// after returns the sequence number after which everything was told that is not visible in
// a snapshot, or ok false if that is not known. The caller holds mu.
func (p *positions) after(s *snapshot) (asOf uint64, ok bool) {
	i := sort.Search(len(p.list), func(i int) bool { return !p.list[i].within(s) })
	if i == 0 {
		return 0, false
	}
	return p.list[i-1].last, true
}

// since returns a sequence number that was there before a snapshot was taken, or 0. A
// snapshot that shows the end of a transaction is later than one before whose end that
// had not begun. The caller holds mu.
func (p *positions) since(s *snapshot) uint64 {
	i := sort.Search(len(p.list), func(i int) bool { return p.list[i].xmax >= s.xmax })
	if i == 0 {
		return 0
	}
	return p.list[i-1].sent
}

// A positionText is a position as others read it.
type positionText struct {
	Identity string `json:"i"` // of the database
	AsOf     string `json:"s"` // a snapshot that is contained
	Made     string `json:"m"` // one that is contained in each part, "" if that is not known
	Schema   string `json:"c"` // of catalogue and session
}

// Position implements adapter.Positioned. The schema is that under which the entry was
// analysed, if it is valid when this has returned.
func (db *database) Position(asOf, made uint64) (text []byte, ok bool) {
	schema, ok := db.schemaText()
	if !ok {
		return nil, false
	}
	t := positionText{Schema: schema}
	p := db.positions
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.at(asOf)
	if s == nil {
		return nil, false
	}
	t.Identity, t.AsOf = p.identity, s.String()
	if s := p.at(made); s != nil {
		t.Made = s.String()
	}
	text, err := json.Marshal(t)
	return text, err == nil
}

// Place implements adapter.Positioned.
func (db *database) Place(text []byte, kinds []string) (placed adapter.Placed, ok bool) {
	var t positionText
	if json.Unmarshal(text, &t) != nil {
		return placed, false
	}
	at, err := parseSnapshot(t.AsOf)
	if err != nil {
		return placed, false
	}
	if schema, ok := db.schemaText(); !ok || t.Schema != schema {
		return placed, false
	}
	p := db.positions
	p.mu.Lock()
	known := p.identity == t.Identity && p.identity != ""
	if known {
		placed.AsOf, known = p.after(&at)
	}
	if made, err := parseSnapshot(t.Made); err == nil {
		placed.Made = p.since(&made)
	}
	p.mu.Unlock()
	if !known {
		return placed, false
	}
	c := db.catalogue.Load()
	if c == nil {
		return placed, false
	}
	placed.Hashes, ok = db.Shapes.Adopt(c.named, kinds, placed.AsOf)
	return placed, ok
}

// schemaText tells what the texts of statements mean from what they mean elsewhere: by
// what the catalogue is, and how sessions begin. ok is false where it is not known now.
func (db *database) schemaText() (text string, ok bool) {
	c, settings := db.catalogue.Load(), db.analysis.settings.Load()
	if c == nil || c.generation != db.Generation() || settings == nil {
		return "", false
	}
	sum := sha256.Sum256([]byte(c.fingerprint + "\x00" + *settings + "\x00" + beginnings(db.config)))
	return base64.RawStdEncoding.EncodeToString(sum[:16]), true
}

// beginnings returns the settings that a data source name gives to sessions, but for
// those that are ours.
func beginnings(config *pgx.ConnConfig) string {
	text := ""
	for _, name := range slices.Sorted(maps.Keys(config.RuntimeParams)) {
		if name != "application_name" {
			text += name + "=" + config.RuntimeParams[name] + "\x00"
		}
	}
	return text
}

// named returns the table with a name, or nil.
func (c *catalogue) named(name string) *shape.Table { return c.byName[name] }
