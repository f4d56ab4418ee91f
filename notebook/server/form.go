package server

import "github.com/unstale/unstale/notebook"

// The types of forms.
const (
	FormType      = "application/x-www-form-urlencoded"
	MultipartType = "multipart/form-data"
)

// What can be wrong with forms.
var (
	ErrBody = &notebook.Error{Kind: notebook.Invalid, Code: "BODY_INVALID", Text: notebook.Text{
		ZH: "请求体必须是有效的 JSON 或表单", EN: "The body must be valid JSON or a form"}}
	ErrFieldMissing = &notebook.Error{Kind: notebook.Invalid, Code: "FIELDS_MISSING", Text: notebook.Text{
		ZH: "有未填写的字段", EN: "A required field is missing"}}
)

// Fields returns the values of a form's fields, all of which are required, and texts.
func Fields(get func(name string) string, names ...string) ([]string, error) {
	values := make([]string, len(names))
	for i, name := range names {
		if values[i] = get(name); values[i] == "" {
			return nil, ErrFieldMissing.With("field", name)
		}
	}
	return values, notebook.CheckText(values...)
}
