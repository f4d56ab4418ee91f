package service

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
)

// A Form is a request whose body is a multipart form. Its parts are read by the
// operation, once it knows that it wants them.
type Form struct {
	Request *http.Request
	Fields  map[string]string // that have been read
	files   []uploadedFile
	left    int64 // bytes that the files may have
}

// uploadedFile is a file that is on disk, and stays if a row refers to it.
type uploadedFile struct {
	name, extension string
	draft           *files.Draft
}

// MaxBody bounds the body of a request, in bytes, except for an upload of a
// knowledge base.
const MaxBody = 16 << 20

// MaxUpload returns how large an upload of items of the kind may be, in bytes.
func MaxUpload(k notebook.ItemKind) int64 {
	if k == notebook.TargetKnowledge {
		return notebook.MaxKnowledgeFiles*notebook.MaxKnowledgeFileSize + MaxBody
	}
	return MaxBody
}

// maxFields is how many fields a form may have besides its files, those that nobody
// reads and choices of no file included.
const maxFields = 100

// isField reports whether an upload has a field of this name. What others hold
// is not kept.
func isField(name string) bool {
	switch name {
	case "name", "description", "content", "tags", "copyright_owner", "is_public":
		return true
	}
	return false
}

// discard reads what is left of a refused form, within bounds: a client that is
// still sending would not see the answer.
func (f *Form) discard() { _, _ = io.CopyN(io.Discard, f.Request.Body, MaxBody) }

// Upload creates an item from a form.
func (i Items) Upload(ctx context.Context, by *notebook.User, form *Form) (made *notebook.Item, err error) {
	if err := i.admitUpload(ctx, by, by.ID, 1, form); err != nil {
		return nil, err
	}
	err = i.receive(ctx, form, func() error {
		now := i.now()
		made = &notebook.Item{
			Kind: i.Kind, Name: strings.TrimSpace(form.Fields["name"]), Description: strings.TrimSpace(form.Fields["description"]),
			UploaderID: by.ID, Author: by.Username, CopyrightOwner: form.optional("copyright_owner"), Content: form.optional("content"),
			Tags: form.optional("tags"), BasePath: "files", CreatedAt: now, UpdatedAt: now,
		}
		if made.CopyrightOwner == nil {
			made.CopyrightOwner = &by.Username
		}
		if err := made.CheckTexts(); err != nil {
			return err
		}
		publish, err := form.flag("is_public")
		if err != nil {
			return err
		}
		version, err := i.version(ctx, form)
		if err != nil {
			return err
		}
		made.Pending, made.Version = publish, version
		return i.store.CreateItem(ctx, made, form.rows(now), i.limits.quota())
	})
	return made, err
}

// AddFiles adds the files of a form to an item; the file of a persona card is
// replaced.
func (i Items) AddFiles(ctx context.Context, by *notebook.User, id string, form *Form) error {
	// Once before the upload is read, for a prompt answer; what counts is the
	// question inside the transaction.
	found, err := i.store.Item(ctx, i.Kind, id)
	if err == nil {
		err = found.FilesChangeableBy(by)
	}
	if err != nil {
		return err
	}
	if err := i.admitUpload(ctx, by, found.UploaderID, 0, form); err != nil {
		return err
	}
	var replaced []string
	err = i.receive(ctx, form, func() error {
		version, err := i.version(ctx, form)
		if err != nil {
			return err
		}
		now := i.now()
		replaced, err = i.store.AddFiles(ctx, i.Kind, id, form.rows(now), i.limits.quota(), func(found *notebook.Item) error {
			found.Version, found.UpdatedAt = version, now
			return found.FilesChangeableBy(by)
		})
		return err
	})
	if err == nil {
		i.collect(ctx, replaced)
	}
	return err
}

// admitUpload returns nil if a user may upload something now that is so many items
// of the owner, before anything of it is read. The form takes as many bytes as the
// owner may still have; what counts in the end is the question in the transaction.
func (i Items) admitUpload(ctx context.Context, by *notebook.User, owner string, items int, form *Form) error {
	err := i.rates.uploads.Admit(by.ID, 1)
	if err == nil {
		var has int
		if has, form.left, err = i.store.Holdings(ctx, owner); err == nil {
			err = i.limits.quota().Check(has+items, form.left)
			form.left = i.limits.Bytes - form.left
		}
	}
	if err != nil {
		form.discard()
	}
	return err
}

// receive reads an upload, the files of which go to disk as they come, and lets
// commit commit the rows that refer to them. It leaves no file behind to which
// none does.
func (i Items) receive(ctx context.Context, form *Form, commit func() error) error {
	form.Fields = map[string]string{}
	defer func() {
		for _, f := range form.files {
			i.release(ctx, f.draft)
		}
	}()
	if form.Request.ContentLength > MaxUpload(i.Kind) {
		return notebook.ErrUploadSize.Of(i.Kind)
	}
	if err := i.readForm(form); err != nil {
		form.discard()
		return err
	}
	return commit()
}

// readForm reads the form, and stops at the first part that the kind does not
// allow.
func (i Items) readForm(form *Form) error {
	parts, err := form.Request.MultipartReader()
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
			err = notebook.ErrUploadSize.Of(i.Kind)
		} else if isField(part.FormName()) {
			err = i.readField(form, part)
		}
		if err != nil {
			return err
		}
	}
}

func (i Items) readField(form *Form, part *multipart.Part) error {
	value, err := io.ReadAll(io.LimitReader(part, notebook.MaxFormField+1))
	if err != nil {
		return i.readError(err)
	}
	if len(value) > notebook.MaxFormField {
		return notebook.ErrUploadSize.Of(i.Kind)
	}
	form.Fields[part.FormName()] = strings.ToValidUTF8(string(value), "\uFFFD") // to be shown again
	return notebook.CheckText(string(value))
}

func (i Items) readFile(form *Form, part *multipart.Part) error {
	if len(form.files) == i.Kind.MaxFiles() {
		return notebook.ErrFileCount.Of(i.Kind)
	}
	name := part.FileName()
	extension, err := i.Kind.FileType(name)
	if err != nil {
		return err
	}
	draft, err := i.files.PutFrom(&fileReader{i, part, i.Kind.MaxFileSize()})
	if err != nil {
		return err
	}
	form.files = append(form.files, uploadedFile{name, extension, draft})
	if form.left -= draft.Size; form.left < 0 {
		return i.limits.quota().Check(0, i.limits.Bytes+1)
	}
	if i.Kind == notebook.TargetKnowledge && draft.Size == 0 {
		return notebook.ErrFileEmpty.Of(i.Kind).With("filename", name)
	}
	return nil
}

// fileReader reads a part that may have only so many bytes left. Its errors are
// what the client is told, unlike those of the disk that the bytes go to.
type fileReader struct {
	items Items
	part  *multipart.Part
	left  int64
}

// Read implements io.Reader.
func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.part.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return n, notebook.ErrFileSize.Of(r.items.Kind)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.items.readError(err)
	}
	return n, err
}

func (i Items) readError(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return notebook.ErrUploadSize.Of(i.Kind)
	}
	return notebook.ErrUploadMalformed
}

// version returns the version that the files of an item declare.
func (i Items) version(ctx context.Context, form *Form) (string, error) {
	switch {
	case len(form.files) == 0:
		return "", notebook.ErrNoFiles.Of(i.Kind)
	case i.Kind == notebook.TargetKnowledge:
		return notebook.FirstVersion, nil
	}
	data, err := i.files.Read(form.files[0].draft.Hash)
	if err != nil {
		return "", err
	}
	done, err := i.configs.take(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return notebook.BotConfigVersion(data)
}

// rows returns the files as they are recorded.
func (f *Form) rows(now time.Time) []notebook.ItemFile {
	list := make([]notebook.ItemFile, len(f.files))
	for n, u := range f.files {
		list[n] = notebook.ItemFile{
			FileName: u.name, OriginalName: u.name, FileType: u.extension, Hash: u.draft.Hash, FileSize: u.draft.Size, CreatedAt: now, UpdatedAt: now,
		}
	}
	return list
}

// optional returns the field, or nil if it is absent or empty.
func (f *Form) optional(name string) *string {
	if v := f.Fields[name]; v != "" {
		return &v
	}
	return nil
}

var errFlag = &notebook.Error{Kind: notebook.Invalid, Code: "IS_PUBLIC_INVALID", Text: notebook.Text{
	ZH: "is_public 必须是 true 或 false", EN: "is_public must be true or false"}}

// flag returns a field that is true or false in one of the usual spellings.
func (f *Form) flag(name string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(f.Fields[name])) {
	case "true", "1", "yes", "on", "t", "y":
		return true, nil
	case "", "false", "0", "no", "off", "f", "n":
		return false, nil
	}
	return false, errFlag
}
