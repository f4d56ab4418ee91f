package checker

// Kind is what is wrong with an answer.
type Kind int

// The kinds of wrong answers.
const (
	Fine            Kind = iota
	Stale                // older than what was acknowledged before the request
	Backwards            // older than what somebody had seen before the request
	Torn                 // two versions that were written together differ
	Invented             // a version that nobody has sent yet
	OtherKey             // the answer names another key
	OtherOwner           // the answer names somebody else than who asked
	NotLinearizable      // a sampled history has no order that explains it
	Skewed               // two keys in one answer that never were so together
	kinds
)

// Kinds lists what can be wrong.
func Kinds() []Kind {
	return []Kind{Stale, Backwards, Torn, Invented, OtherKey, OtherOwner, NotLinearizable, Skewed}
}

// String returns the kind in a few words.
func (k Kind) String() string {
	return [kinds]string{
		"fine", "stale after an acknowledged write", "old after somebody saw the new", "torn: two versions in one answer",
		"a version that nobody wrote", "another key's answer", "somebody else's answer", "sampled history not linearizable",
		"two keys that never were so together",
	}[k]
}
