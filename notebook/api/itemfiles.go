package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

func (i items) fileRoutes() {
	a := i.api
	create, add, download := i.pattern("POST", "upload"), i.pattern("POST", "{id}/files"), i.pattern("GET", "{id}/download")
	for _, route := range []string{create, add} {
		a.Mux.Limit(route, service.MaxUpload(i.Kind))
	}
	a.Mux.Uncached(download)
	broken := i.fails(notebook.ErrNoFiles, notebook.ErrFileCount, notebook.ErrFileName, notebook.ErrFileType, notebook.ErrFileSize, notebook.ErrUploadSize)
	malformed, own := fails(notebook.ErrUploadMalformed, notebook.ErrTextLength, notebook.ErrQuota, notebook.ErrTooManyRequests), fails(notebook.ErrConfigSyntax, notebook.ErrConfigKeys, notebook.ErrConfigVersion)
	adding := "Replace the file of a private {en}"
	if i.Kind == notebook.TargetKnowledge {
		own = i.fails(notebook.ErrNameTaken, notebook.ErrFileTaken, notebook.ErrFileEmpty)
		adding = "Add files to a private {en}"
	}
	changing := i.fails(notebook.ErrItemNotFound, notebook.ErrFilesFixed)
	documentUpload(handle(a, create, notebook.RoleUser, i.Kind.Say("Upload a {en}"), i.upload, malformed, broken, own, i.fails(notebook.ErrFieldsMissing, notebook.ErrItemName)),
		"files", "name", "description")
	documentUpload(handle(a, add, notebook.RoleUser, i.Kind.Say(adding), i.addFiles, malformed, broken, own, changing), "files")
	handle(a, i.pattern("DELETE", "{id}/{file_id}"), notebook.RoleUser, i.Kind.Say("Delete a file of a private {en}"), i.deleteFile, changing, fails(notebook.ErrFileNotFound))
	notFound := i.fails(notebook.ErrItemNotFound)
	handle(a, download, anyone, i.Kind.Say("Download a {en} with its files"), i.download, binary("application/zip"), notFound, a.limited(a.Downloads))
	handle(a, i.pattern("GET", "{id}/file/{file_id}"), notebook.RoleUser, i.Kind.Say("Download a file of a {en}"), i.file, binary("application/octet-stream"), notFound, fails(notebook.ErrFileNotFound))
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

// documentUpload documents a multipart body. It is said after registration: else
// huma would read the body, which the service does part by part.
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

// upload is a multipart form, which is read by the service.
type upload struct{ form service.Form }

// Resolve implements huma.Resolver.
func (u *upload) Resolve(ctx huma.Context) []error {
	u.form.Request, _ = humago.Unwrap(ctx)
	return nil
}

func (i items) upload(ctx context.Context, in *upload) (*answer[item], error) {
	made, err := i.Upload(ctx, server.User(ctx), &in.form)
	return shown(ctx, made, err, showItem, i.Kind.Say("{zh}上传成功"), i.Kind.Say("{En} uploaded"))
}

type addFilesInput struct {
	ID string `path:"id"`
	upload
}

func (i items) addFiles(ctx context.Context, in *addFilesInput) (*answer[*nothing], error) {
	err := i.AddFiles(ctx, server.User(ctx), in.ID, &in.form)
	if i.Kind == notebook.TargetPersona {
		return done(ctx, err, "文件添加成功", "File replaced")
	}
	return done(ctx, err, "文件添加成功", "Files added")
}

// itemGone is by what front ends know, in any language, that an item has gone with
// its last file.
const itemGone = "{zh}已自动删除"

type byFile struct {
	ID     string `path:"id"`
	FileID string `path:"file_id"`
}

func (i items) deleteFile(ctx context.Context, in *byFile) (*answer[*nothing], error) {
	itemDeleted, err := i.DeleteFile(ctx, server.User(ctx), in.ID, in.FileID)
	if itemDeleted {
		gone := i.Kind.Say(itemGone)
		return done(ctx, err, "最后一个文件已删除，"+gone, i.Kind.Say("The last file is deleted, and the {en} with it: ")+gone)
	}
	return done(ctx, err, "文件删除成功", "File deleted")
}

func (i items) file(ctx context.Context, in *byFile) (*attachment, error) {
	f, content, err := i.Open(ctx, server.User(ctx), in.ID, in.FileID)
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

type downloadInput struct {
	ID string `path:"id"`
	asking
}

func (i items) download(ctx context.Context, in *downloadInput) (*attachment, error) {
	found, err := i.Find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	archive, err := i.Download(ctx, found, i.api.Held(in.request), server.CallerIn(ctx).Method != http.MethodHead)
	if err != nil {
		return nil, err
	}
	a := i.attach("application/zip", found.Name+".zip", func(w io.Writer) error { return archive.Write(ctx, w) })
	a.CacheControl = "no-store" // it is counted
	return a, nil
}

// attachment is an answer that is a file, written piece by piece.
type attachment struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	ContentLength      string `header:"Content-Length"`
	CacheControl       string `header:"Cache-Control"`
	Sniff              string `header:"X-Content-Type-Options"`
	Body               func(huma.Context)
}

// attach returns an answer that write writes.
func (i items) attach(contentType, name string, write func(io.Writer) error) *attachment {
	name = notebook.SafeFileName(name)
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if disposition == "" {
		disposition = "attachment; filename*=UTF-8''" + url.PathEscape(name)
	}
	return &attachment{ContentType: contentType, ContentDisposition: disposition, Sniff: "nosniff", Body: func(ctx huma.Context) {
		if err := write(ctx.BodyWriter()); err != nil {
			i.api.Logger.LogAttrs(ctx.Context(), slog.LevelWarn, "an answer was cut off",
				slog.String("request_id", callerOf(ctx).RequestID), slog.Any("error", err))
			panic(http.ErrAbortHandler) // so that it does not look whole
		}
	}}
}
