package api

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
)

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
func (s *server) attach(contentType, name string, write func(io.Writer) error) *attachment {
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": name})
	if disposition == "" {
		disposition = "attachment; filename*=UTF-8''" + url.PathEscape(name)
	}
	return &attachment{ContentType: contentType, ContentDisposition: disposition, Sniff: "nosniff", Body: func(ctx huma.Context) {
		if err := write(ctx.BodyWriter()); err != nil {
			s.logger.LogAttrs(ctx.Context(), slog.LevelWarn, "an answer was cut off",
				slog.String("request_id", callerOf(ctx).requestID), slog.Any("error", err))
			panic(http.ErrAbortHandler) // so that it does not look whole
		}
	}}
}

func (i items) download(ctx context.Context, in *byID) (*attachment, error) {
	found, err := i.readable(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := i.store.ItemFiles(ctx, i.kind, in.ID)
	if err != nil {
		return nil, err
	}
	// What cannot be read is better found before the archive has begun.
	for _, f := range list {
		content, err := i.content(ctx, &f)
		if err != nil {
			return nil, err
		}
		if err := content.Close(); err != nil {
			return nil, err
		}
	}
	if callerIn(ctx).method != http.MethodHead {
		if err := i.store.CountDownload(ctx, i.kind, in.ID, i.now()); err != nil {
			return nil, err
		}
	}
	a := i.attach("application/zip", found.Name+".zip", func(w io.Writer) error { return i.zip(ctx, w, found, list) })
	a.CacheControl = "no-store" // it is counted
	return a, nil
}

// zip writes an archive of the files and a README.txt that says what they are.
func (i items) zip(ctx context.Context, to io.Writer, found *notebook.Item, list []notebook.ItemFile) error {
	w := zip.NewWriter(to)
	for _, f := range list {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: f.FileName, Modified: f.UpdatedAt, Method: zip.Deflate})
		if err != nil {
			return err
		}
		content, err := i.content(ctx, &f)
		if err != nil {
			return err
		}
		_, err = io.Copy(entry, content)
		if closing := content.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return err
		}
	}
	entry, err := w.CreateHeader(&zip.FileHeader{Name: readmeName(list), Modified: found.UpdatedAt, Method: zip.Deflate})
	if err != nil {
		return err
	}
	if _, err := entry.Write(i.readme(found, list)); err != nil {
		return err
	}
	return w.Close()
}

// readmeName returns README.txt, with a number if one of the files is called so:
// not every system tells large letters from small ones.
func readmeName(list []notebook.ItemFile) string {
	taken := map[string]bool{}
	for _, f := range list {
		taken[strings.ToLower(f.FileName)] = true
	}
	name := "README.txt"
	for n := 1; taken[strings.ToLower(name)]; n++ {
		name = "README-" + strconv.Itoa(n) + ".txt"
	}
	return name
}

func (i items) readme(found *notebook.Item, list []notebook.ItemFile) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, i.text("{zh} / {En}: %s\n描述 / Description: %s\n作者 / Author: %s\n"), found.Name, found.Description, found.Author)
	if found.CopyrightOwner != nil {
		fmt.Fprintf(&b, "版权所有者 / Copyright: %s\n", *found.CopyrightOwner)
	}
	fmt.Fprintf(&b, "版本 / Version: %s\n更新时间 / Updated: %s\n\n文件 / Files:\n", found.Version, found.UpdatedAt.Format("2006-01-02 15:04:05 MST"))
	for _, f := range list {
		fmt.Fprintf(&b, "- %s (%d B)\n", f.OriginalName, f.FileSize)
	}
	return b.Bytes()
}
