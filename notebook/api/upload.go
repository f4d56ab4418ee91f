package api

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
)

// documentUpload documents a multipart body. It is said after registration: else
// huma would read the body, which items.receive does part by part.
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

// upload is a multipart form with the files of an item. Its parts are read by
// the handler, once it knows that it wants them.
type upload struct {
	request *http.Request
	fields  map[string]string // that have been read
}

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

// uploadedFile is a file that is on disk, and stays if a row refers to it.
type uploadedFile struct {
	name, extension string
	draft           *files.Draft
}

// What a form may hold besides its files.
const (
	maxField  = 1 << 20 // bytes of a field
	maxFields = 100     // fields, those that nobody reads and choices of no file included
)

// maxLeftover is how much of a refused upload is read, in bytes: a client that
// is still sending would not see the answer.
const maxLeftover = maxBody

// receive reads an upload, the files of which go to disk as they come, and lets
// commit commit the rows that refer to them. It leaves no file behind to which
// none does.
func (i items) receive(ctx context.Context, in *upload, commit func(*uploaded) error) error {
	form := &uploaded{fields: map[string]string{}}
	in.fields = form.fields
	defer func() {
		for _, f := range form.files {
			if err := f.draft.Release(ctx); err != nil {
				i.logger.WarnContext(ctx, "a file may be left behind until the next start", "hash", f.draft.Hash, "error", err)
			}
		}
	}()
	if in.request.ContentLength > i.bodyLimit(in.request) {
		return notebook.ErrUploadSize.Of(i.kind)
	}
	if err := i.read(form, in.request); err != nil {
		_, _ = io.CopyN(io.Discard, in.request.Body, maxLeftover)
		return err
	}
	return commit(form)
}

// read reads the form, and stops at the first part that the kind does not allow.
func (i items) read(form *uploaded, r *http.Request) error {
	parts, err := r.MultipartReader()
	if err != nil {
		return notebook.ErrUploadMalformed
	}
	for fields := 0; ; {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return i.readError(err)
		}
		if part.FormName() == "files" && part.FileName() != "" {
			err = i.readFile(form, part)
		} else if fields++; fields > maxFields {
			err = notebook.ErrUploadSize.Of(i.kind)
		} else {
			err = i.readField(form, part)
		}
		if err != nil {
			return err
		}
	}
}

func (i items) readField(form *uploaded, part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, maxField+1))
	if err != nil {
		return i.readError(err)
	}
	if len(value) > maxField {
		return notebook.ErrUploadSize.Of(i.kind)
	}
	form.fields[part.FormName()] = strings.ToValidUTF8(string(value), "\uFFFD")
	return nil
}

func (i items) readFile(form *uploaded, part *multipart.Part) error {
	if len(form.files) == i.kind.MaxFiles() {
		return notebook.ErrFileCount.Of(i.kind)
	}
	name := part.FileName()
	extension, err := i.kind.FileType(name)
	if err != nil {
		return err
	}
	draft, err := i.files.PutFrom(&fileReader{i, part, i.kind.MaxFileSize()})
	if err != nil {
		return err
	}
	form.files = append(form.files, uploadedFile{name, extension, draft})
	if i.kind == notebook.TargetKnowledge && draft.Size == 0 {
		return notebook.ErrFileEmpty.Of(i.kind).With("filename", name)
	}
	return nil
}

// fileReader reads a part that may have only so many bytes left. Its errors are
// what the client is told, unlike those of the disk that the bytes go to.
type fileReader struct {
	items
	part *multipart.Part
	left int64
}

// Read implements io.Reader.
func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.part.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return n, notebook.ErrFileSize.Of(r.kind)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.readError(err)
	}
	return n, err
}

func (i items) readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return notebook.ErrUploadSize.Of(i.kind)
	}
	return notebook.ErrUploadMalformed
}

// version returns the version that the files of an item declare.
func (i items) version(form *uploaded) (string, error) {
	switch {
	case len(form.files) == 0:
		return "", notebook.ErrNoFiles.Of(i.kind)
	case i.kind == notebook.TargetKnowledge:
		return notebook.FirstVersion, nil
	}
	data, err := i.files.Read(form.files[0].draft.Hash)
	if err != nil {
		return "", err
	}
	return notebook.BotConfigVersion(data)
}

// rows returns the files as they are recorded.
func (form *uploaded) rows(now time.Time) []notebook.ItemFile {
	list := make([]notebook.ItemFile, len(form.files))
	for n, f := range form.files {
		list[n] = notebook.ItemFile{
			FileName: f.name, OriginalName: f.name, FileType: f.extension, Hash: f.draft.Hash, FileSize: f.draft.Size, CreatedAt: now, UpdatedAt: now,
		}
	}
	return list
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

// collect removes files whose rows are gone. The deletion has succeeded whether
// or not this does: the next start removes what is left.
func (s *server) collect(ctx context.Context, hashes []string) {
	if err := s.files.Collect(ctx, hashes...); err != nil {
		s.logger.WarnContext(ctx, "files may be left behind until the next start", "error", err)
	}
}
