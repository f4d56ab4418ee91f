package server

import (
	"testing"

	"github.com/unstale/unstale/notebook"
)

func TestAcceptLanguage(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]notebook.Lang{
		"":                                 notebook.Chinese,
		"en":                               notebook.English,
		"EN-gb":                            notebook.English,
		"zh-Hans-CN, en;q=0.9":             notebook.Chinese,
		"zh;q=0.8, en;q=0.9":               notebook.English,
		"en;q=0.8 , zh; q=0.801":           notebook.Chinese,
		"en;Q=0.3, zh;q=0.2":               notebook.English,
		"en, zh":                           notebook.English,
		"zh, en":                           notebook.Chinese,
		"de":                               notebook.Chinese,
		"de, *;q=0.5":                      notebook.Chinese,
		"de, en;q=0.1":                     notebook.English,
		"en;q=0":                           notebook.Chinese,
		"en;q=0, *":                        notebook.Chinese,
		"zh;q=0, *;q=0.5":                  notebook.English,
		"zh;q=0":                           notebook.English,
		"zh;q=0, en;q=0":                   notebook.Chinese,
		"*;q=0, en":                        notebook.English,
		"*, en;q=0.5":                      notebook.Chinese,
		"en-US;q=0, en-GB;q=0.7, zh;q=0.6": notebook.English,
		"en;q=2, zh;q=0.9":                 notebook.English,
		"en;q=NaN":                         notebook.English,
		"english":                          notebook.Chinese,
		";;,,=;q":                          notebook.Chinese,
	} {
		if got := language(field); got != want {
			t.Errorf("language(%q) = %q, want %q", field, got, want)
		}
	}
}

// A browser's own field, or any that weighs languages, asks the API for nothing.
func TestTheAPISpeaksEnglishWhenAskedForItAlone(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]notebook.Lang{
		"": notebook.Chinese, "en": notebook.English, " EN ": notebook.English, "en-US": notebook.Chinese, "en-US,en;q=0.9": notebook.Chinese,
		"en-GB,en;q=0.5": notebook.Chinese, "en,zh": notebook.Chinese, "en;q=1": notebook.Chinese, "zh": notebook.Chinese, "english": notebook.Chinese,
	} {
		if got := answersIn("/api/persona/public", field); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
	if got := answersIn("/persona", "en-US,en;q=0.9"); got != notebook.English {
		t.Errorf("a page: %q", got)
	}
}
