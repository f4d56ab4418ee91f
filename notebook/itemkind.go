package notebook

import (
	"path"
	"strings"
)

// An ItemKind says what an item is, and with it which files it consists of.
type ItemKind string

// The kinds of items, which are also the targets of stars, uploads and downloads.
const (
	TargetPersona   = "persona"
	TargetKnowledge = "knowledge"
)

// ItemKinds returns every kind.
func ItemKinds() []ItemKind { return []ItemKind{TargetPersona, TargetKnowledge} }

// Noun returns what people call an item of the kind.
func (k ItemKind) Noun() Text {
	if k == TargetKnowledge {
		return Text{"知识库", "knowledge base"}
	}
	return Text{"人设卡", "persona card"}
}

// Say writes what people call an item of the kind in the place of {zh}, {en} and,
// where a sentence begins with it, {En}.
func (k ItemKind) Say(s string) string {
	noun := k.Noun()
	return strings.NewReplacer("{zh}", noun.ZH, "{en}", noun.EN, "{En}", strings.ToUpper(noun.EN[:1])+noun.EN[1:]).Replace(s)
}

// FirstVersion is the version of an item whose files declare none.
const FirstVersion = "1.0"

// The files of a knowledge base.
const (
	MaxKnowledgeFiles    = 100
	MaxKnowledgeFileSize = 100 << 20 // bytes
)

// maxFileName is the length of a file's name in bytes: what file systems hold.
const maxFileName = 255

// MaxFiles returns how many files an item of the kind has at most. It has one
// at least.
func (k ItemKind) MaxFiles() int {
	if k == TargetKnowledge {
		return MaxKnowledgeFiles
	}
	return 1
}

// MaxFileSize returns the size in bytes of the largest file that an item of the
// kind may have.
func (k ItemKind) MaxFileSize() int64 {
	if k == TargetKnowledge {
		return MaxKnowledgeFileSize
	}
	return MaxBotConfigSize
}

// UniqueNames reports whether a user may have only one item of the kind with
// the same name.
func (k ItemKind) UniqueNames() bool { return k == TargetKnowledge }

// FileType returns the type of a file, which is its extension in lower case, if
// an item of the kind may contain a file of this name.
func (k ItemKind) FileType(name string) (extension string, err error) {
	if k == TargetPersona {
		return path.Ext(BotConfigName), checkBotConfigName(name)
	}
	extension = strings.ToLower(path.Ext(name))
	if extension != ".txt" && extension != ".json" {
		return "", ErrFileType.Of(k).With("filename", strings.ToValidUTF8(name, "\uFFFD"))
	}
	// The name goes into archives, and there must not lead out of the directory
	// that somebody unpacks them in, on whatever system.
	if len(name) > maxFileName || len(name) == len(extension) || !shownName(name) || strings.ContainsAny(name, `/\:`) || isDevice(name) {
		return "", ErrFileName.Of(k).With("filename", strings.ToValidUTF8(name, "\uFFFD"))
	}
	return extension, nil
}
