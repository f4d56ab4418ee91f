package notebook

import (
	"fmt"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long texts may be, in characters. Lists show them, up to a hundred at once.
const (
	maxUsername       = 64
	maxItemName       = 200 // also the name of the archive that people download
	maxDescription    = 2000
	maxContent        = 20000
	maxTags           = 500
	maxCopyrightOwner = 200
	maxVersion        = 50
	maxReason         = 500
	maxComment        = 500
	maxMessageTitle   = 200
	maxMessageContent = 10000
	maxMessageSummary = 500
	maxSearch         = 200
)

// maxPageText bounds the texts of the items of a page, in bytes. Items as people
// make them never come to that.
const maxPageText = 4 << 20

// BoundPage leaves the content out of those items of a page with which the page
// would have too much of it. Whoever asks for such an item gets all of it.
func BoundPage(items iter.Seq[*Item]) {
	left := maxPageText
	for i := range items {
		for _, text := range []*string{&i.Name, &i.Description, i.CopyrightOwner, i.Tags, i.Content} {
			if text != nil {
				left -= len(*text)
			}
		}
		if left < 0 && i.Content != nil {
			left += len(*i.Content)
			i.Content = nil
		}
	}
}

// MaxFormField is how many bytes a field of a form has at most: the longest text.
const MaxFormField = maxContent * utf8.UTFMax

// What can go wrong with texts that have no error of their own.
var (
	ErrTextLength = newError(Invalid, "TEXT_TOO_LONG", "文本过长", "A text is too long")
	ErrSearch     = newError(Invalid, "SEARCH_INVALID", "搜索内容不能超过 200 个字符，且不能包含控制字符", "What is searched for has at most 200 characters and no control characters")
)

func tooLong(text string, most int) bool { return utf8.RuneCountInString(text) > most }

// checkLength returns nil if the text, nil for none, has so many characters at
// most, and ErrTextLength that names the field otherwise.
func checkLength(field string, text *string, most int) error {
	if text == nil || !tooLong(*text, most) {
		return nil
	}
	err := ErrTextLength.With("field", field).With("max", most)
	err.Text = Text{fmt.Sprintf("%s 不能超过 %d 个字符", field, most), fmt.Sprintf("%s has at most %d characters", field, most)}
	return err
}

// checkSearch returns nil if lists can be searched for the texts.
func checkSearch(texts ...string) error {
	for _, text := range texts {
		if tooLong(text, maxSearch) || strings.ContainsFunc(text, unicode.IsControl) {
			return ErrSearch
		}
	}
	return nil
}
