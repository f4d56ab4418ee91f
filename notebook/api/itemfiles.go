package api

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/files"
)

func (i items) fileRoutes() {
	s := i.server
	create, add := uploadRoutes(i.kind)
	broken := i.fails(notebook.ErrNoFiles, notebook.ErrFileCount, notebook.ErrFileName, notebook.ErrFileType, notebook.ErrFileSize, notebook.ErrUploadSize)
	malformed, own := fails(notebook.ErrUploadMalformed), fails(notebook.ErrConfigSyntax, notebook.ErrConfigVersion)
	adding := "Replace the file of a private {en}"
	if i.kind == notebook.TargetKnowledge {
		own = i.fails(notebook.ErrNameTaken, notebook.ErrFileTaken, notebook.ErrFileEmpty)
		adding = "Add files to a private {en}"
	}
	changing := i.fails(notebook.ErrItemNotFound, notebook.ErrFilesFixed)
	documentUpload(handle(s, create, users, i.text("Upload a {en}"), i.upload, malformed, broken, own, i.fails(notebook.ErrFieldsMissing, notebook.ErrItemName)),
		"files", "name", "description")
	documentUpload(handle(s, add, users, i.text(adding), i.addFiles, malformed, broken, own, changing), "files")
	handle(s, i.pattern("DELETE", "{id}/{file_id}"), users, i.text("Delete a file of a private {en}"), i.deleteFile, changing, fails(notebook.ErrFileNotFound))
	notFound := i.fails(notebook.ErrItemNotFound)
	handle(s, downloadRoute(i.kind), anyone, i.text("Download a {en} with its files"), i.download, binary("application/zip"), notFound)
	handle(s, i.pattern("GET", "{id}/file/{file_id}"), users, i.text("Download a file of a {en}"), i.file, binary("application/octet-stream"), notFound, fails(notebook.ErrFileNotFound))
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

func (i items) upload(ctx context.Context, in *upload) (*answer[item], error) {
	u := userOf(ctx)
	var made *notebook.Item
	err := i.receive(ctx, in, func(form *uploaded) error {
		name, description := strings.TrimSpace(form.fields["name"]), strings.TrimSpace(form.fields["description"])
		if err := i.kind.CheckText(name, description); err != nil {
			return err
		}
		publish, err := form.flag("is_public")
		if err != nil {
			return err
		}
		version, err := i.version(form)
		if err != nil {
			return err
		}
		now := i.now()
		made = &notebook.Item{
			Kind: i.kind, Name: name, Description: description, UploaderID: u.ID, Author: u.Username,
			CopyrightOwner: form.optional("copyright_owner"), Content: form.optional("content"), Tags: form.optional("tags"),
			BasePath: "files", Pending: publish, Version: version, CreatedAt: now, UpdatedAt: now,
		}
		if made.CopyrightOwner == nil {
			made.CopyrightOwner = &u.Username
		}
		return i.store.CreateItem(ctx, made, form.rows(now))
	})
	if err != nil {
		return nil, err
	}
	return sayOf(ctx, i, showItem(made), "{zh}上传成功", "{En} uploaded"), nil
}

type addFilesInput struct {
	ID string `path:"id"`
	upload
}

func (i items) addFiles(ctx context.Context, in *addFilesInput) (*answer[*nothing], error) {
	u := userOf(ctx)
	// Once before the upload is read, for a prompt answer; what counts is the
	// question inside the transaction.
	found, err := i.store.Item(ctx, i.kind, in.ID)
	if err == nil {
		err = found.FilesChangeableBy(u)
	}
	if err != nil {
		return nil, err
	}
	var replaced []string
	err = i.receive(ctx, &in.upload, func(form *uploaded) error {
		version, err := i.version(form)
		if err != nil {
			return err
		}
		now := i.now()
		replaced, err = i.store.AddFiles(ctx, i.kind, in.ID, form.rows(now), func(found *notebook.Item) error {
			found.Version, found.UpdatedAt = version, now
			return found.FilesChangeableBy(u)
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	i.collect(ctx, replaced)
	if i.kind == notebook.TargetPersona {
		return said(ctx, "文件添加成功", "File replaced"), nil
	}
	return said(ctx, "文件添加成功", "Files added"), nil
}

type byFile struct {
	ID     string `path:"id"`
	FileID string `path:"file_id"`
}

func (i items) deleteFile(ctx context.Context, in *byFile) (*answer[*nothing], error) {
	u, now := userOf(ctx), i.now()
	hashes, itemDeleted, err := i.store.DeleteFile(ctx, i.kind, in.ID, in.FileID, func(found *notebook.Item) error {
		found.UpdatedAt = now
		return found.FilesChangeableBy(u)
	})
	if err != nil {
		return nil, err
	}
	i.collect(ctx, hashes)
	if itemDeleted {
		return sayOf[*nothing](ctx, i, nil, "最后一个文件已删除，{zh}已自动删除", "The last file is deleted, and the {en} with it"), nil
	}
	return said(ctx, "文件删除成功", "File deleted"), nil
}

func (i items) file(ctx context.Context, in *byFile) (*attachment, error) {
	found, err := i.store.Item(ctx, i.kind, in.ID)
	if err != nil {
		return nil, err
	}
	if err := found.ReadableBy(userOf(ctx)); err != nil {
		return nil, err
	}
	f, err := i.store.ItemFile(ctx, i.kind, in.ID, in.FileID)
	if err != nil {
		return nil, err
	}
	content, err := i.content(ctx, f)
	if err != nil {
		return nil, err
	}
	a := i.attach("application/octet-stream", f.FileName, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return errors.Join(err, content.Close())
	})
	a.ContentLength = strconv.FormatInt(f.FileSize, 10)
	return a, nil
}

// content returns what the file contains, which the caller closes. If it is gone
// because its row went meanwhile, the error is notebook.ErrFileNotFound.
func (i items) content(ctx context.Context, f *notebook.ItemFile) (io.ReadCloser, error) {
	content, err := i.files.Open(f.Hash)
	if errors.Is(err, files.ErrNotFound) {
		if _, gone := i.store.ItemFile(ctx, i.kind, f.ItemID, f.ID); gone != nil {
			return nil, gone
		}
	}
	return content, err
}
