package unstale

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"

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

// Bounds of what MarshalTargets writes.
const (
	MaxTargets      = 1000
	MaxTargetsBytes = 64 << 10
)

// MarshalTargets writes targets down as JSON, for whatever carries them to other
// caches: an outbox, a bus, a form. It is an error if one is malformed, as for
// [Cache.Invalidate], or no UTF-8, if there is none, or if there are more than
// MaxTargets of them or of MaxTargetsBytes. Each cache puts its own prefix before what
// comes to it.
//
// The form is a list of lists: ["tag", name], ["key", key], or ["pattern", pattern, ids…].
func MarshalTargets(targets ...Target) ([]byte, error) {
	if len(targets) == 0 || len(targets) > MaxTargets {
		return nil, fmt.Errorf("unstale: %d targets: at least one, and at most %d", len(targets), MaxTargets)
	}
	lists := make([][]string, len(targets))
	for i, t := range targets {
		if err := check(t); err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case Tag:
			lists[i] = []string{causeTag, string(t)}
		case Key:
			lists[i] = []string{causeKey, string(t)}
		case patternTarget:
			lists[i] = append([]string{causePattern, t.text}, t.ids...)
		}
		for _, text := range lists[i] {
			if !utf8.ValidString(text) { // JSON would hold another name
				return nil, fmt.Errorf("unstale: %q is no UTF-8", cut(targetName(t)))
			}
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(lists); err != nil {
		return nil, fmt.Errorf("unstale: targets: %w", err)
	}
	if b.Len() > MaxTargetsBytes {
		return nil, fmt.Errorf("unstale: targets of %d bytes, more than %d", b.Len(), MaxTargetsBytes)
	}
	return []byte(strings.TrimSuffix(b.String(), "\n")), nil
}

// UnmarshalTargets reads what MarshalTargets writes. It is an error if one target is
// malformed.
func UnmarshalTargets(b []byte) ([]Target, error) {
	if len(b) > MaxTargetsBytes {
		return nil, fmt.Errorf("unstale: targets of %d bytes, more than %d", len(b), MaxTargetsBytes)
	}
	var lists [][]string
	if err := json.Unmarshal(b, &lists); err != nil {
		return nil, fmt.Errorf("unstale: targets: %w", err)
	}
	if len(lists) == 0 || len(lists) > MaxTargets {
		return nil, fmt.Errorf("unstale: %d targets: at least one, and at most %d", len(lists), MaxTargets)
	}
	targets := make([]Target, len(lists))
	for i, list := range lists {
		switch {
		case len(list) == 2 && list[0] == causeTag:
			targets[i] = Tag(list[1])
		case len(list) == 2 && list[0] == causeKey:
			targets[i] = Key(list[1])
		case len(list) >= 2 && list[0] == causePattern:
			targets[i] = Pattern(list[1], list[2:]...)
		default:
			return nil, fmt.Errorf("unstale: %q is no target", list)
		}
		if err := check(targets[i]); err != nil {
			return nil, err
		}
	}
	return targets, nil
}

// check returns what is wrong with a target.
func check(t Target) error {
	switch t := t.(type) {
	case Tag:
		if t == "" {
			return errors.New("unstale: empty tag")
		}
	case Key:
		if t == "" {
			return errors.New("unstale: empty key")
		}
	case patternTarget:
		_, err := compilePattern(t.text, t.ids)
		return err
	default:
		return fmt.Errorf("unstale: target of type %T", t)
	}
	return nil
}

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
	if c.sharing != nil {
		return c.sharing.hash(kind, name)
	}
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
