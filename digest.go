package unstale

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"sync/atomic"
)

// digests turn what selects an entry into a text of 22 characters: 128 bits of
// SHA-256 over a secret of the cache and the bytes, so that nobody from outside
// can make two inputs meet, and none can be read from a key, a log or a store.
//
// The latest ones are remembered, because the same few browsers ask again and
// again: on a hit one look-up takes the place of the hash.
type digests struct {
	secret [32]byte

	recent atomic.Pointer[digestMap] // complete, read without a lock

	mu     sync.Mutex
	newer  digestMap // recent, or half of it, and what came since; nil: nothing did
	misses int       // of recent since newer was begun
}

// digestMap maps what was digested to its digest.
type digestMap map[string]string

// Bounds of what is remembered: at most 1 MiB of inputs.
const (
	maxDigests     = 2048
	maxDigestBytes = 512
)

// What is digested, so that a digest of one kind is none of another.
const (
	digestPlace byte = iota
	digestVary
	digestIdentity
	digestCredentials
)

func newDigests() *digests {
	d := new(digests)
	_, _ = rand.Read(d.secret[:]) // never fails
	return d
}

// of returns the digest of b, which it does not keep.
func (d *digests) of(b []byte) string {
	if m := d.recent.Load(); m != nil {
		if text, ok := (*m)[string(b)]; ok {
			return text
		}
	}
	if len(b) > maxDigestBytes {
		return d.compute(b)
	}
	return d.remember(b)
}

// remember computes a digest that is not among the recent ones, or finds it among
// the newer ones. These become the recent ones when they were looked at as often
// as there are, so that the copy that comes next has been earned, or when there
// are as many as there may be.
func (d *digests) remember(b []byte) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.newer == nil {
		d.newer = d.kept()
	}
	text, ok := d.newer[string(b)]
	if !ok {
		text = d.compute(b)
		d.newer[string(b)] = text
	}
	if d.misses++; d.misses >= len(d.newer) || len(d.newer) >= maxDigests {
		m := d.newer
		d.recent.Store(&m)
		d.newer, d.misses = nil, 0
	}
	return text
}

// kept returns a copy of the recent digests, or of any half of them where there
// is no room for others. The caller holds mu.
func (d *digests) kept() digestMap {
	m := make(digestMap)
	if recent := d.recent.Load(); recent != nil {
		for k, v := range *recent {
			if len(*recent) > maxDigests/2 && len(m) >= maxDigests/2 {
				break
			}
			m[k] = v
		}
	}
	return m
}

func (d *digests) compute(b []byte) string {
	var room [len(d.secret) + maxDigestBytes]byte
	sum := sha256.Sum256(append(append(room[:0], d.secret[:]...), b...))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// appendText appends s so that what follows cannot be taken for a part of it.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendLines appends the lines of a field likewise. No line differs from an
// empty one.
func appendLines(b []byte, lines []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(lines)))
	for _, line := range lines {
		b = appendText(b, line)
	}
	return b
}
