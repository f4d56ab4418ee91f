package api

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
)

func (s *server) personaFileRoutes() {
	documentUpload(handle(s, "POST /api/persona/upload", users, "Upload a persona card", s.uploadPersona), "files", "name", "description")
	documentUpload(handle(s, "POST /api/persona/{id}/files", users, "Replace the file of a private persona card", s.replacePersonaFile), "files")
	handle(s, "DELETE /api/persona/{id}/{file_id}", users, "Delete a file of a private persona card", s.deletePersonaFile)
	handle(s, downloadRoute, anyone, "Download a persona card with its files", s.downloadPersona, binary("application/zip"))
	handle(s, "GET /api/persona/{id}/file/{file_id}", users, "Download a file of a persona card", s.personaFile, binary("application/octet-stream"))
}

// binary documents an answer that is not JSON.
func binary(contentType string) func(*huma.Operation) {
	return func(op *huma.Operation) {
		op.Responses = map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{
				contentType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			},
		}}
	}
}

func (s *server) uploadPersona(ctx context.Context, in *upload) (*answer[persona], error) {
	u := userOf(ctx)
	form, err := in.read()
	if err != nil {
		return nil, err
	}
	name, description := strings.TrimSpace(form.fields["name"]), strings.TrimSpace(form.fields["description"])
	if err := notebook.CheckCardText(name, description); err != nil {
		return nil, err
	}
	publish, err := form.flag("is_public")
	if err != nil {
		return nil, err
	}
	data, version, err := form.botConfig()
	if err != nil {
		return nil, err
	}
	c := &notebook.PersonaCard{
		Name: name, Description: description, UploaderID: u.ID, Author: u.Username,
		CopyrightOwner: form.optional("copyright_owner"), Content: form.optional("content"), Tags: form.optional("tags"),
		BasePath: "files", Pending: publish, Version: version,
	}
	if c.CopyrightOwner == nil {
		c.CopyrightOwner = &u.Username
	}
	err = s.keep(ctx, data, func(f *notebook.PersonaFile) error {
		c.CreatedAt, c.UpdatedAt = f.CreatedAt, f.CreatedAt
		return s.store.CreateCard(ctx, c, f)
	})
	if err != nil {
		return nil, err
	}
	return say(ctx, showPersona(c), "人设卡上传成功", "Persona card uploaded"), nil
}

type replaceInput struct {
	ID string `path:"id"`
	upload
}

func (s *server) replacePersonaFile(ctx context.Context, in *replaceInput) (*answer[*nothing], error) {
	u := userOf(ctx)
	allow := func(c *notebook.PersonaCard) error { return c.FilesChangeableBy(u) }
	// Once before the upload is read, for a prompt answer; what counts is the
	// question inside the transaction.
	c, err := s.store.Card(ctx, in.ID)
	if err == nil {
		err = allow(c)
	}
	if err != nil {
		return nil, err
	}
	form, err := in.read()
	if err != nil {
		return nil, err
	}
	data, version, err := form.botConfig()
	if err != nil {
		return nil, err
	}
	var replaced []string
	err = s.keep(ctx, data, func(f *notebook.PersonaFile) (err error) {
		replaced, err = s.store.ReplaceFile(ctx, in.ID, f, version, allow)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.collect(ctx, replaced)
	return said(ctx, "文件添加成功", "File replaced"), nil
}

type byFile struct {
	ID     string `path:"id"`
	FileID string `path:"file_id"`
}

func (s *server) deletePersonaFile(ctx context.Context, in *byFile) (*answer[*nothing], error) {
	u := userOf(ctx)
	hashes, cardDeleted, err := s.store.DeleteFile(ctx, in.ID, in.FileID, func(c *notebook.PersonaCard) error { return c.FilesChangeableBy(u) })
	if err != nil {
		return nil, err
	}
	s.collect(ctx, hashes)
	if cardDeleted {
		return said(ctx, "最后一个文件已删除，人设卡已自动删除", "The last file is deleted, and the persona card with it"), nil
	}
	return said(ctx, "文件删除成功", "File deleted"), nil
}

// attachment is an answer that is a file.
type attachment struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	CacheControl       string `header:"Cache-Control"`
	Sniff              string `header:"X-Content-Type-Options"`
	Body               []byte
}

func attach(contentType, name string, data []byte) *attachment {
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if disposition == "" {
		disposition = "attachment; filename*=UTF-8''" + url.PathEscape(name)
	}
	return &attachment{ContentType: contentType, ContentDisposition: disposition, Sniff: "nosniff", Body: data}
}

func (s *server) personaFile(ctx context.Context, in *byFile) (*attachment, error) {
	c, err := s.store.Card(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := c.ReadableBy(userOf(ctx)); err != nil {
		return nil, err
	}
	f, err := s.store.CardFile(ctx, in.ID, in.FileID)
	if err != nil {
		return nil, err
	}
	data, err := s.content(ctx, f)
	if err != nil {
		return nil, err
	}
	return attach("application/octet-stream", f.FileName, data), nil
}

// content returns what the file contains. If it is gone because its row went
// meanwhile, the error is notebook.ErrFileNotFound.
func (s *server) content(ctx context.Context, f *notebook.PersonaFile) ([]byte, error) {
	data, err := s.files.Read(f.Hash)
	if errors.Is(err, files.ErrNotFound) {
		if _, gone := s.store.CardFile(ctx, f.CardID, f.ID); gone != nil {
			return nil, gone
		}
	}
	return data, err
}

func (s *server) downloadPersona(ctx context.Context, in *byID) (*attachment, error) {
	c, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.store.CardFiles(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	archive, err := s.zip(ctx, c, list)
	if err != nil {
		return nil, err
	}
	if callerIn(ctx).method != http.MethodHead {
		if err := s.store.CountDownload(ctx, in.ID, s.now()); err != nil {
			return nil, err
		}
	}
	a := attach("application/zip", c.Name+".zip", archive)
	a.CacheControl = "no-store" // it is counted
	return a, nil
}

// zip returns an archive of the files and a README.txt that says what they are.
func (s *server) zip(ctx context.Context, c *notebook.PersonaCard, list []notebook.PersonaFile) ([]byte, error) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	add := func(f *zip.FileHeader, data []byte) error {
		f.Method = zip.Deflate
		entry, err := w.CreateHeader(f)
		if err == nil {
			_, err = entry.Write(data)
		}
		return err
	}
	for _, f := range list {
		data, err := s.content(ctx, &f)
		if err != nil {
			return nil, err
		}
		if err := add(&zip.FileHeader{Name: f.FileName, Modified: f.UpdatedAt}, data); err != nil {
			return nil, err
		}
	}
	if err := add(&zip.FileHeader{Name: "README.txt", Modified: c.UpdatedAt}, readme(c, list)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

func readme(c *notebook.PersonaCard, list []notebook.PersonaFile) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "人设卡 / Persona card: %s\n描述 / Description: %s\n作者 / Author: %s\n", c.Name, c.Description, c.Author)
	if c.CopyrightOwner != nil {
		fmt.Fprintf(&b, "版权所有者 / Copyright: %s\n", *c.CopyrightOwner)
	}
	fmt.Fprintf(&b, "版本 / Version: %s\n更新时间 / Updated: %s\n\n文件 / Files:\n", c.Version, c.UpdatedAt.Format("2006-01-02 15:04:05 MST"))
	for _, f := range list {
		fmt.Fprintf(&b, "- %s (%d B)\n", f.OriginalName, f.FileSize)
	}
	return b.Bytes()
}
