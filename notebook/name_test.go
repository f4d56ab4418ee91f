package notebook

import (
	"errors"
	"strings"
	"testing"
)

func TestUsernames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		" alice ": "alice", "麦麦 小熊": "麦麦 小熊", "ａｌｉｃｅ": "alice", "ann\u00a0b": "ann b", "José": "José", "Jose\u0301": "José", "alice!": "alice!",
		strings.Repeat("好", 64): strings.Repeat("好", 64),
	} {
		if got, err := NormalizeUsername(name); got != want || err != nil {
			t.Errorf("NormalizeUsername(%q) = %q, %v", name, got, err)
		}
	}
	for _, bad := range []string{
		"", " ", "alice\u200b", "\u202eecila", "\u200b", "a\nb\x00\x1b[31mc", "\xff\xfe\x00x", "a\u2028b", "a\u2029", "a\ufeff", "a\u00ad",
		"\u3164", "\u115f", "a\u2800", "a\ufe0f", "a\U000e0101", "a\u034f", "\ue000", "!!!", "…", strings.Repeat("好", 65), strings.Repeat("a", 1<<20),
		"3e8e7bb6-5d0c-4c57-9d1e-2a4f8b6c7d10", "{3e8e7bb6-5d0c-4c57-9d1e-2a4f8b6c7d10}", "3e8e7bb65d0c4c579d1e2a4f8b6c7d10", "3E8E7BB6-5D0C-4C57-9D1E-2A4F8B6C7D10",
	} {
		if got, err := NormalizeUsername(bad); !errors.Is(err, ErrUsernameInvalid) {
			t.Errorf("NormalizeUsername(%.80q) = %.80q, %v", bad, got, err)
		}
	}
}

func TestNameKeys(t *testing.T) {
	t.Parallel()
	for _, alike := range [][]string{
		{"alice", "Alice", "ALICE", "alıce", "аlice", "аӏісе", "álice", "ａｌｉｃｅ", "alice\u200b", "αlicе"},
		{"mai", "МАI", "ΜΑΙ", "mаi"},
		{"strasse", "straße"},
		{"麦麦"},
	} {
		for _, name := range alike {
			if NameKey(name) != NameKey(alike[0]) {
				t.Errorf("%q is %q, %q is %q", name, NameKey(name), alike[0], NameKey(alike[0]))
			}
		}
	}
	keys := map[string]string{}
	for _, name := range []string{"alice", "alice2", "alicia", "麦麦", "麥麥", "bob", "bоb2", "al ice", "иван", "Αθηνά"} {
		if other, taken := keys[NameKey(name)]; taken {
			t.Errorf("%q and %q are one", name, other)
		}
		keys[NameKey(name)] = name
	}
}

func TestNamesOfItems(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"（公开）！": true, "../../x": true, "a\u202eb": false, "a\u2028b": false, "a\u200bb": false, "\xff": false, "a\x00": false,
	} {
		i := Item{Kind: TargetPersona, Name: name, Description: "d"}
		if err := i.CheckTexts(); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
		if good && i.Name != name {
			t.Errorf("%q is kept as %q", name, i.Name)
		}
	}
	i := Item{Kind: TargetPersona, Name: " Jose\u0301 ", Description: "d"}
	if err := i.CheckTexts(); err != nil || i.Name != "José" {
		t.Errorf("%q %v", i.Name, err)
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"a.txt": true, "目录.json": true, "console.txt": true, "com.txt": true, "com12.txt": true,
		"CON.txt": false, "con.txt": false, "aux.foo.txt": false, "com1.txt": false, "LPT9.json": false, "nul .txt": false, "com².txt": false,
		"a\u202e.txt": false, "a\u2028.txt": false, "\xff.txt": false, "a\x00.txt": false, "../a.txt": false, `a\b.txt`: false, "C:a.txt": false,
	} {
		if _, err := ItemKind(TargetKnowledge).FileType(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{
		"a.txt": "a.txt", "../../x.zip": ".._.._x.zip", "a\u202eb.zip": "a_b.zip", "CON.txt": "_CON.txt", "..": "_", `a\b:c.zip`: "a_b_c.zip", "\xff": "_", "a.": "a", "人设（一）.zip": "人设（一）.zip",
	} {
		if got := SafeFileName(name); got != want {
			t.Errorf("SafeFileName(%q) = %q, want %q", name, got, want)
		}
	}
}
