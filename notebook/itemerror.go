package notebook

import "strings"

// An ItemError is what can go wrong with items of every kind. Of makes it an
// Error about one of them, which errors.Is takes for both.
type ItemError struct {
	kind Kind
	code string            // without the kind, which comes before it
	text Text              // {} stands for the kind
	by   map[ItemKind]Text // instead of text, where it differs
}

// Error returns the code.
func (e *ItemError) Error() string { return e.code }

// Of returns the error about an item of the kind. Its code begins with the
// kind: PERSONA_NOT_FOUND, KNOWLEDGE_NOT_FOUND.
func (e *ItemError) Of(k ItemKind) *Error {
	text, ok := e.by[k]
	if !ok {
		text = e.text
	}
	noun := k.Noun()
	return &Error{
		Kind: e.kind, Code: strings.ToUpper(string(k)) + "_" + e.code, base: e,
		Text: Text{strings.ReplaceAll(text.ZH, "{}", noun.ZH), strings.ReplaceAll(text.EN, "{}", noun.EN)},
	}
}

func newItemError(k Kind, code, zh, en string) *ItemError {
	return &ItemError{kind: k, code: code, text: Text{zh, en}}
}

// What can go wrong with items.
var (
	ErrItemNotFound     = newItemError(NotFound, "NOT_FOUND", "{}不存在", "There is no such {}")
	ErrFieldsMissing    = newItemError(Invalid, "FIELDS_MISSING", "名称和描述不能为空", "Name and description must not be empty")
	ErrItemName         = newItemError(Invalid, "NAME_INVALID", "名称不能超过 200 个字符，且不能包含不可见字符", "A name has at most 200 characters and none that nobody sees")
	ErrNameTaken        = newItemError(Conflict, "NAME_TAKEN", "您已经创建过同名的{}", "You already have a {} of this name")
	ErrContentOnly      = newItemError(Forbidden, "CONTENT_ONLY", "公开或审核中的{}仅允许修改补充说明", "Of a {} that is public or in review only the content may be changed")
	ErrFilesFixed       = newItemError(Forbidden, "FILES_FIXED", "公开或审核中的{}不允许修改文件", "The files of a {} that is public or in review may not be changed")
	ErrPublishByStaff   = newItemError(Forbidden, "PUBLISH_DENIED", "只有审核员可以直接修改公开状态", "Only a moderator may publish a {} directly")
	ErrOwnReview        = newItemError(Forbidden, "OWN_REVIEW_DENIED", "不能审核自己上传的{}", "Somebody else decides on your {}")
	ErrChangedMeanwhile = newItemError(Conflict, "CHANGED_MEANWHILE", "该{}在您查看之后有改动，请重新查看", "The {} was changed since you looked at it; please look again")
	ErrNotPending       = newItemError(Conflict, "NOT_PENDING", "该{}不在待审核状态", "The {} is not in review")
)

// What can be wrong with the files of an item.
var (
	ErrNoFiles   = newItemError(Invalid, "FILES_MISSING", "至少需要上传一个文件", "At least one file is needed")
	ErrFileCount = &ItemError{kind: Invalid, code: "FILE_COUNT_INVALID", by: map[ItemKind]Text{
		TargetPersona:   {"必须且仅包含一个 bot_config.toml 文件", "Exactly one bot_config.toml is needed"},
		TargetKnowledge: {"知识库最多包含 100 个文件", "A knowledge base has at most 100 files"},
	}}
	ErrFileName = &ItemError{kind: Invalid, code: "FILE_NAME_INVALID", by: map[ItemKind]Text{
		TargetPersona:   {"配置文件名必须为 bot_config.toml", "The file must be named bot_config.toml"},
		TargetKnowledge: {"文件名不能超过 255 字节，不能包含路径或不可见字符，也不能是系统保留名称", "A file name has at most 255 bytes, neither a path nor a character in it that nobody sees, and is no name of a device"},
	}}
	ErrFileType = &ItemError{kind: Invalid, code: "FILE_TYPE_INVALID", by: map[ItemKind]Text{
		TargetPersona:   {"不支持的文件类型，仅支持 .toml 文件", "Only .toml files are supported"},
		TargetKnowledge: {"不支持的文件类型，仅支持 .txt 和 .json 文件", "Only .txt and .json files are supported"},
	}}
	ErrFileSize = &ItemError{kind: Invalid, code: "FILE_SIZE_EXCEEDED", by: map[ItemKind]Text{
		TargetPersona:   {"文件过大，单个文件最大允许 256KB", "The file is larger than 256 KB"},
		TargetKnowledge: {"文件过大，单个文件最大允许 100MB", "A file is larger than 100 MB"},
	}}
	ErrFileEmpty  = newItemError(Invalid, "FILE_EMPTY", "文件不能为空", "A file is empty")
	ErrFileTaken  = newItemError(Conflict, "FILE_NAME_TAKEN", "{}中不能有同名文件", "Two files of a {} have the same name")
	ErrUploadSize = newItemError(Invalid, "FILE_CONTENT_SIZE_EXCEEDED", "上传内容过大", "The upload as a whole is too large")
)
