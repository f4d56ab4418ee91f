package moderation_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale/notebook/moderation"
)

func TestWords(t *testing.T) {
	t.Parallel()
	w, err := moderation.ParseWords([]byte("# ours\n\nabuse 笨蛋\nabuse ass\nporn cam show\npolitics 机密\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"你好，麦麦":       nil,
		"你这个笨蛋":       {"abuse"},
		"笨 蛋":         {"abuse"},
		"笨\u200b蛋":    {"abuse"},
		"An ass.":     {"abuse"},
		"ＡＳＳ":         {"abuse"},
		"first-class": nil,
		"Cam   SHOW":  {"porn"},
		"camshow":     nil,
		"机密的笨蛋 ass":   {"abuse", "politics"},
		"":            nil,
		"\xff\xfe":    nil,
	} {
		v, err := w.Check(t.Context(), text, "comment")
		if err != nil || !slices.Equal(v.Violations, want) || (v.Decision == moderation.Reject) != (want != nil) || v.Violations == nil {
			t.Errorf("%q: %+v %v, want %v", text, v, err, want)
		}
		if want == nil && (v.Decision != moderation.Pass || v.Confidence != 0) || want != nil && v.Confidence != 1 {
			t.Errorf("%q: %+v", text, v)
		}
	}
}

func TestDefaultWords(t *testing.T) {
	t.Parallel()
	w := moderation.DefaultWords()
	for text, want := range map[string]moderation.Decision{"温柔的聊天伙伴": moderation.Pass, "what the Fuck": moderation.Reject, "你他 妈的": moderation.Reject} {
		if v, _ := w.Check(t.Context(), text, "title"); v.Decision != want {
			t.Errorf("%q: %+v", text, v)
		}
	}
}

func TestBadLists(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":                  "empty",
		"# nothing\n":       "empty",
		"abuse ok\nrude no": `line 2 of the list of words begins with "rude"`,
		"abuse  … ":         "line 1 of the list of words has no word",
		"abuse":             "line 1 of the list of words has no word",
		"abuse \xff":        "line 1 of the list of words is not UTF-8",
		"abuse " + strings.Repeat("x", moderation.MaxWordsSize): "more than",
		strings.Repeat("abuse x\n", 10_001):                     "more than 10000",
	} {
		if _, err := moderation.ParseWords([]byte(list)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", list, err, want)
		}
	}
}
