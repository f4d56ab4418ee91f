package api

import "github.com/unstale/unstale"

// Tags of what answers are made from and no database holds.
const (
	dictionaryTag unstale.Tag = "dictionary" // the file with the translations
	moderationTag unstale.Tag = "moderation" // who moderates, and how he is
)

// A resource says which keys belong to a kind of thing, for people who
// invalidate by hand, and for what no database holds. Nothing that the API
// writes needs it. In a pattern "{id}" stands for the id as a whole.
type resource struct {
	every []string // whatever the id
	one   []string // with an id
	all   []string // without an id
}

// resources is the table of POST admin/cache/invalidate.
func resources() map[string]resource {
	return map[string]resource{
		"persona": {
			every: []string{"http:*persona/public*"},
			one:   []string{"http:*persona/{id}*"},
			all:   []string{"http:*persona/*"},
		},
		"knowledge": {
			every: []string{"kb:public:*", "http:*knowledge/public*"},
			one:   []string{"http:*knowledge/{id}*", "kb:user:{id}:*"},
			all:   []string{"http:*knowledge/*", "kb:user:*"},
		},
		"user": {
			one: []string{"http:*users/{id}*", "user:{id}"},
			all: []string{"http:*users/*", "user:*"},
		},
		"message": {
			one: []string{"http:*messages/{id}*", "http:*messages*user_id={id}*"},
			all: []string{"http:*messages*"},
		},
		"comment": {
			one: []string{"http:*comments/{id}*", "http:*comments*target_id={id}*"},
			all: []string{"http:*comments*"},
		},
	}
}

// targets returns what to invalidate for the resource with the id, or for all of
// its kind if the id is empty.
func (r resource) targets(id string) []unstale.Target {
	var list []unstale.Target
	for _, p := range r.every {
		list = append(list, unstale.Pattern(p))
	}
	if id == "" {
		for _, p := range r.all {
			list = append(list, unstale.Pattern(p))
		}
		return list
	}
	for _, p := range r.one {
		list = append(list, unstale.Pattern(p, id))
	}
	return list
}
