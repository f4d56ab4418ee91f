package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/unstale/unstale/notebook"
)

// documentUpload documents a multipart body. It is said after registration: else
// huma would read the body, which upload.read does part by part.
func documentUpload(op *huma.Operation, required ...string) {
	text := &huma.Schema{Type: huma.TypeString}
	properties := map[string]*huma.Schema{
		"files": {Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}
	if len(required) > 1 {
		for _, name := range []string{"name", "description", "copyright_owner", "content", "tags"} {
			properties[name] = text
		}
		properties["is_public"] = &huma.Schema{Type: huma.TypeBoolean}
	}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required}},
	}}
}

// upload is a multipart form with the files of a persona card. Its parts are
// read by the handler, once it knows that it wants them.
type upload struct{ request *http.Request }

// Resolve implements huma.Resolver.
func (u *upload) Resolve(ctx huma.Context) []error {
	u.request, _ = humago.Unwrap(ctx)
	return nil
}

// uploaded is what was read of an upload.
type uploaded struct {
	fields map[string]string
	files  []uploadedFile
}

type uploadedFile struct {
	name string
	data []byte
}

// maxField bounds a form field that is not a file, in bytes.
const maxField = 1 << 20

// read reads the form. It keeps no more than one file of the permitted size and
// remembers of further ones only that they were there.
func (u *upload) read() (*uploaded, error) {
	parts, err := u.request.MultipartReader()
	if err != nil {
		return nil, notebook.ErrUploadMalformed
	}
	form := &uploaded{fields: map[string]string{}}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, readError(err)
		}
		if err := form.add(part); err != nil {
			return nil, err
		}
	}
}

func (form *uploaded) add(part *multipart.Part) error {
	if part.FormName() == "files" {
		if part.FileName() == "" {
			return nil // what a browser sends when no file was chosen
		}
		f := uploadedFile{name: part.FileName()}
		if len(form.files) == 0 {
			data, err := io.ReadAll(io.LimitReader(part, notebook.MaxBotConfigSize+1))
			if err != nil {
				return readError(err)
			}
			f.data = data
		}
		form.files = append(form.files, f)
		return nil
	}
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return readError(err)
	}
	if len(value) > maxField {
		return notebook.ErrUploadSize
	}
	form.fields[part.FormName()] = strings.ToValidUTF8(string(value), "\uFFFD")
	return nil
}

func readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return notebook.ErrUploadSize
	}
	return notebook.ErrUploadMalformed
}

// botConfig returns the one file that a persona card consists of, with its
// version.
func (form *uploaded) botConfig() (data []byte, version string, err error) {
	switch len(form.files) {
	case 0:
		return nil, "", notebook.ErrNoFiles
	case 1:
	default:
		return nil, "", notebook.ErrFileCount
	}
	f := form.files[0]
	if err := notebook.CheckBotConfigName(f.name); err != nil {
		return nil, "", err
	}
	version, err = notebook.BotConfigVersion(f.data)
	return f.data, version, err
}

// optional returns the field, or nil if it is absent or empty.
func (form *uploaded) optional(name string) *string {
	if v := form.fields[name]; v != "" {
		return &v
	}
	return nil
}

var errFlag = &notebook.Error{Kind: notebook.Invalid, Code: "IS_PUBLIC_INVALID", Text: notebook.Text{
	ZH: "is_public 必须是 true 或 false", EN: "is_public must be true or false"}}

// flag returns a field that is true or false in one of the usual spellings.
func (form *uploaded) flag(name string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(form.fields[name])) {
	case "true", "1", "yes", "on", "t", "y":
		return true, nil
	case "", "false", "0", "no", "off", "f", "n":
		return false, nil
	}
	return false, errFlag
}

// keep stores the bytes, lets commit commit the row that refers to them, and
// leaves no file behind if it fails.
func (s *server) keep(ctx context.Context, data []byte, commit func(*notebook.PersonaFile) error) error {
	draft, err := s.files.Put(data)
	if err != nil {
		return err
	}
	defer func() {
		if err := draft.Release(ctx); err != nil {
			s.logger.WarnContext(ctx, "a file may be left behind until the next start", "hash", draft.Hash, "error", err)
		}
	}()
	now := s.now()
	return commit(&notebook.PersonaFile{
		FileName: notebook.BotConfigName, OriginalName: notebook.BotConfigName, FileType: ".toml",
		Hash: draft.Hash, FileSize: draft.Size, CreatedAt: now, UpdatedAt: now,
	})
}

// collect removes files whose rows are gone. The deletion has succeeded whether
// or not this does: the next start removes what is left.
func (s *server) collect(ctx context.Context, hashes []string) {
	if err := s.files.Collect(ctx, hashes...); err != nil {
		s.logger.WarnContext(ctx, "files may be left behind until the next start", "error", err)
	}
}
