package unstale

import (
	"hash/maphash"
	"strings"

	"github.com/unstale/unstale/internal/ledger"
)

// A Target is what Invalidate takes: a Tag, a Key or the result of Pattern.
type Target interface{ isTarget() }

// A Tag is a name for something that answers depend on and no captured database
// holds: a file, a setting, another service.
type Tag string

// A Key is the exact name of an entry: one given to Load, or the key of a
// response, such as "http:GET example.com /cards?page=1", which stands for all
// its variants. The prefix is put before it unless it is there.
type Key string

type patternTarget struct {
	text string
	ids  []string
}

// Pattern is a target that matches keys: "*" stands for any text, "{name}" for
// the next of ids, everything else for itself. An id matches as a whole and
// literally: with id "1", "*cards/{id}*" matches "cards/1" and "cards/1/files"
// but not "cards/12", and the id "*" matches nothing but itself. The prefix is
// put before the pattern unless it is there.
func Pattern(pattern string, ids ...string) Target {
	return patternTarget{pattern, ids}
}

func (Tag) isTarget()           {}
func (Key) isTarget()           {}
func (patternTarget) isTarget() {}

// Kinds of names, so that a tag and a key that read the same are different
// dependencies.
const (
	hashTag byte = 't'
	hashKey byte = 'k'
	// hashPath is of a path under every query.
	hashPath byte = 'p'
)

// hash returns the hash of a dependency that a name stands for.
func (c *engine) hash(kind byte, name string) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	_ = h.WriteByte(kind)
	_, _ = h.WriteString(name)
	return h.Sum64()
}

// keySlot is the slot on which every entry with this key depends.
func (c *engine) keySlot(key string) ledger.Slot { return c.ledger.Slot(c.hash(hashKey, key)) }

// keyOf puts the prefix before a key or pattern, unless it is there.
func (c *engine) keyOf(key string) string {
	if p := c.options.Prefix; len(key) > len(p) && key[len(p)] == ':' && strings.HasPrefix(key, p) {
		return key
	}
	return c.options.Prefix + ":" + key
}
