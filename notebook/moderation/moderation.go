// Package moderation judges whether a text may be shown: by a list of words, or
// by a language model behind a chat API.
package moderation

import "context"

// A Decision says whether a text may be shown.
type Decision string

// The decisions, in the words of the API.
const (
	Pass    Decision = "true"
	Reject  Decision = "false"
	Unknown Decision = "unknown" // somebody should look at it
)

// What can be wrong with a text.
const (
	Porn     = "porn"
	Politics = "politics"
	Abuse    = "abuse"
)

// A Verdict is what a Moderator makes of a text.
type Verdict struct {
	Decision   Decision
	Confidence float64  // that the text violates the rules, 0 to 1
	Violations []string // sorted; empty unless the text is suspect
}

// A Moderator judges texts. It may be used concurrently.
type Moderator interface {
	// Check judges a text; kind says what it is: comment, post, title or
	// content. Where no judgement could be made the verdict is Unknown, and the
	// error, which holds no secret, says why.
	Check(ctx context.Context, text, kind string) (Verdict, error)
	// Name says who judges, such as "words", or the name of a model.
	Name() string
}
