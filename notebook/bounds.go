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
	ErrText       = newError(Invalid, "TEXT_INVALID", "文本必须是有效的 UTF-8 编码，且不能包含空字符", "A text must be valid UTF-8 and have no NUL in it")
	ErrTextLength = newError(Invalid, "TEXT_TOO_LONG", "文本过长", "A text is too long")
	ErrSearch     = newError(Invalid, "SEARCH_INVALID", "搜索内容不能超过 200 个字符，且不能包含控制字符", "What is searched for has at most 200 characters and no control characters")
)

// IsText reports whether a text is one: valid UTF-8 without NUL. Nothing else can be kept
// in every database, or be compared with what is kept.
func IsText(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

// CheckText returns nil if all of them are texts, and ErrText otherwise.
func CheckText(texts ...string) error {
	for _, text := range texts {
		if !IsText(text) {
			return ErrText
		}
	}
	return nil
}

func tooLong(text string, most int) bool { return utf8.RuneCountInString(text) > most }

// checkLength returns nil if the text, nil for none, is one, and has so many
// characters at most. Of what is too long ErrTextLength names the field.
func checkLength(field string, text *string, most int) error {
	switch {
	case text == nil:
		return nil
	case !IsText(*text):
		return ErrText.With("field", field)
	case !tooLong(*text, most):
		return nil
	}
	err := ErrTextLength.With("field", field).With("max", most)
	err.Text = Text{fmt.Sprintf("%s 不能超过 %d 个字符", field, most), fmt.Sprintf("%s has at most %d characters", field, most)}
	return err
}

// checkSearch returns nil if lists can be searched for the texts.
func checkSearch(texts ...string) error {
	for _, text := range texts {
		if tooLong(text, maxSearch) || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return ErrSearch
		}
	}
	return nil
}
