package notebook

// Lang is a language in which the notebook speaks.
type Lang string

// The languages. Chinese is the default.
const (
	Chinese Lang = "zh"
	English Lang = "en"
)

// A Text is a sentence for people, in each language.
type Text struct{ ZH, EN string }

// In returns the text in the language; in Chinese where the language is unknown.
func (t Text) In(l Lang) string {
	if l == English {
		return t.EN
	}
	return t.ZH
}
