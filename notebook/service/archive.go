package service

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
)

// An Archive is an item with its files, to be written as a zip file.
type Archive struct {
	items Items
	item  *notebook.Item
	files []notebook.ItemFile
}

// Download returns the archive of an item that has been found. It counts, unless
// nobody is going to write it, once in an hour for a client; "" is one who speaks for
// many, each of whom counts.
func (i Items) Download(ctx context.Context, found *notebook.Item, client string, counts bool) (*Archive, error) {
	list, err := i.Files(ctx, found)
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
	if counts {
		now := i.now()
		who := ""
		if client != "" {
			who = i.keyed("download", string(i.Kind), found.ID, client, now.Truncate(time.Hour).Format(time.RFC3339))
		}
		err = i.store.CountDownload(ctx, i.Kind, found.ID, who, now)
	}
	return &Archive{i, found, list}, err
}

// Write writes the files and a README.txt that says what they are.
func (a *Archive) Write(ctx context.Context, to io.Writer) error {
	w := zip.NewWriter(to)
	for _, f := range a.files {
		entry, err := w.CreateHeader(&zip.FileHeader{Name: notebook.SafeFileName(f.FileName), Modified: f.UpdatedAt, Method: zip.Deflate})
		if err != nil {
			return err
		}
		content, err := a.items.content(ctx, &f)
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
	entry, err := w.CreateHeader(&zip.FileHeader{Name: a.readmeName(), Modified: a.item.UpdatedAt, Method: zip.Deflate})
	if err != nil {
		return err
	}
	if _, err := entry.Write(a.readme()); err != nil {
		return err
	}
	return w.Close()
}

// readmeName returns README.txt, with a number if one of the files is called so:
// not every system tells large letters from small ones.
func (a *Archive) readmeName() string {
	taken := map[string]bool{}
	for _, f := range a.files {
		taken[strings.ToLower(f.FileName)] = true
	}
	name := "README.txt"
	for n := 1; taken[strings.ToLower(name)]; n++ {
		name = "README-" + strconv.Itoa(n) + ".txt"
	}
	return name
}

func (a *Archive) readme() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, a.items.Kind.Say("{zh} / {En}: %s\n描述 / Description: %s\n作者 / Author: %s\n"), a.item.Name, a.item.Description, a.item.Author)
	if a.item.CopyrightOwner != nil {
		fmt.Fprintf(&b, "版权所有者 / Copyright: %s\n", *a.item.CopyrightOwner)
	}
	fmt.Fprintf(&b, "版本 / Version: %s\n更新时间 / Updated: %s\n\n文件 / Files:\n", a.item.Version, a.item.UpdatedAt.Format("2006-01-02 15:04:05 MST"))
	for _, f := range a.files {
		fmt.Fprintf(&b, "- %s (%d B)\n", f.OriginalName, f.FileSize)
	}
	return b.Bytes()
}
