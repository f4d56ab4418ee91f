package notebook

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestKnowledgeFileNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, extension string
		want            error
	}{
		{"notes.txt", ".txt", nil},
		{"数据 (1).JSON", ".json", nil},
		{"a..b.txt", ".txt", nil},
		{strings.Repeat("n", 251) + ".txt", ".txt", nil},
		{strings.Repeat("n", 252) + ".txt", "", ErrFileName},
		{"", "", ErrFileType},
		{"notes", "", ErrFileType},
		{"notes.txt.exe", "", ErrFileType},
		{"bomb.zip", "", ErrFileType},
		{"bot_config.toml", "", ErrFileType},
		{"notes.txt\x00", "", ErrFileType},
		{".txt", "", ErrFileName},
		{"../notes.txt", "", ErrFileName},
		{`..\notes.txt`, "", ErrFileName},
		{`C:notes.txt`, "", ErrFileName},
		{"no\x00tes.txt", "", ErrFileName},
		{"no\r\ntes.txt", "", ErrFileName},
		{"no\xfftes.txt", "", ErrFileName},
	} {
		if extension, err := ItemKind(TargetKnowledge).FileType(test.name); extension != test.extension || !errors.Is(err, test.want) {
			t.Errorf("%q: %q, %v", test.name, extension, err)
		}
	}
}

// Whatever name is let in stays inside the directory that an archive is unpacked
// in, and has one of the two types.
func FuzzKnowledgeFileName(f *testing.F) {
	f.Add("notes.txt")
	f.Add(`..\\a.json`)
	f.Fuzz(func(t *testing.T, name string) {
		extension, err := ItemKind(TargetKnowledge).FileType(name)
		if err != nil {
			return
		}
		if extension != ".txt" && extension != ".json" || !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "/\\:\x00\n") {
			t.Errorf("%q is let in as %q", name, extension)
		}
	})
}

// One rule has one error, with a code and a sentence of its own for each kind.
func TestItemErrors(t *testing.T) {
	t.Parallel()
	persona, knowledge := ErrItemNotFound.Of(TargetPersona), ErrItemNotFound.Of(TargetKnowledge)
	if persona.Code != "PERSONA_NOT_FOUND" || persona.Text != (Text{"人设卡不存在", "There is no such persona card"}) {
		t.Errorf("%+v", persona)
	}
	if knowledge.Code != "KNOWLEDGE_NOT_FOUND" || knowledge.Text != (Text{"知识库不存在", "There is no such knowledge base"}) {
		t.Errorf("%+v", knowledge)
	}
	for _, e := range []error{persona, knowledge, knowledge.With("a", 1)} {
		if !errors.Is(e, ErrItemNotFound) || errors.Is(e, ErrNotPending) {
			t.Errorf("%v", e)
		}
	}
	for _, kind := range ItemKinds() {
		for _, e := range []*ItemError{ErrFileCount, ErrFileName, ErrFileType, ErrFileSize} {
			if of := e.Of(kind); of.Text.ZH == "" || of.Text.EN == "" {
				t.Errorf("%s says nothing", of.Code)
			}
		}
	}
}
