package service

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/avatar"
	"github.com/unstale/unstale/notebook/files"
)

// avatarTime is how long making a picture may take.
const avatarTime = 10 * time.Second

// Avatars makes and shows the users' pictures.
type Avatars struct {
	*base
	turns turns
}

// Set gives the user the picture that the form holds.
func (a Avatars) Set(ctx context.Context, u *notebook.User, form *Form) (*notebook.User, error) {
	if err := a.rates.uploads.Admit(u.ID, 1); err != nil {
		form.discard()
		return nil, err
	}
	data, err := form.avatar()
	if err != nil {
		form.discard()
		return nil, err
	}
	p, err := a.make(ctx, data)
	if err != nil {
		return nil, err
	}
	full, err := a.files.Put(p.Full)
	if err != nil {
		return nil, err
	}
	defer a.release(ctx, full)
	thumbnail, err := a.files.Put(p.Thumbnail)
	if err != nil {
		return nil, err
	}
	defer a.release(ctx, thumbnail)
	return a.replace(ctx, u, full.Hash, thumbnail.Hash)
}

// Remove takes the user's picture away.
func (a Avatars) Remove(ctx context.Context, u *notebook.User) (*notebook.User, error) {
	return a.replace(ctx, u, "", "")
}

func (a Avatars) replace(ctx context.Context, u *notebook.User, full, thumbnail string) (*notebook.User, error) {
	u, replaced, err := a.store.SetAvatar(ctx, u.ID, full, thumbnail, a.now())
	if err == nil {
		a.collect(ctx, replaced)
	}
	return u, err
}

// make makes the picture when it is its turn.
func (a Avatars) make(ctx context.Context, data []byte) (*avatar.Picture, error) {
	done, err := a.turns.take(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	limited, cancel := context.WithTimeout(ctx, avatarTime)
	defer cancel()
	p, err := avatar.New(limited, data)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, notebook.ErrAvatarWork
	}
	return p, err
}

// avatar reads the picture out of the form, and stops where it is too large.
func (f *Form) avatar() ([]byte, error) {
	malformed := func(err error) error {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return notebook.ErrAvatarSize
		}
		return notebook.ErrUploadMalformed
	}
	parts, err := f.Request.MultipartReader()
	if err != nil {
		return nil, notebook.ErrUploadMalformed
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, notebook.ErrAvatarMissing
		}
		if err != nil {
			return nil, malformed(err)
		}
		if part.FormName() != "avatar" || part.FileName() == "" {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(part, avatar.MaxSize+1))
		switch {
		case err != nil:
			return nil, malformed(err)
		case len(data) > avatar.MaxSize:
			return nil, notebook.ErrAvatarSize
		}
		return data, nil
	}
}

// Show returns the user's picture in the size, up to that of a thumbnail as such,
// and the letter of who has none.
func (a Avatars) Show(ctx context.Context, userID string, size int) (contentType string, image []byte, err error) {
	return a.show(ctx, userID, size, func(v *notebook.Avatar) (string, error) { return v.Fitting(size, avatar.ThumbnailSide), nil })
}

// Stored returns the picture with this name, which Name returns.
func (a Avatars) Stored(ctx context.Context, name string) (contentType string, image []byte, err error) {
	id, hash, _ := strings.Cut(name, "_")
	contentType, image, err = a.show(ctx, id, 0, func(v *notebook.Avatar) (string, error) {
		if v.Full == nil || *v.Full != hash {
			return "", notebook.ErrAvatarNotStored
		}
		return hash, nil
	})
	if errors.Is(err, notebook.ErrUserNotFound) {
		err = notebook.ErrAvatarNotStored
	}
	return contentType, image, err
}

// show returns the file that choose picks of the user's avatar, and their letter
// where it picks none.
func (a Avatars) show(ctx context.Context, userID string, size int, choose func(*notebook.Avatar) (string, error)) (contentType string, image []byte, err error) {
	var missing string
	for {
		v, err := a.store.Avatar(ctx, userID)
		if err != nil {
			return "", nil, err
		}
		hash, err := choose(v)
		if err != nil {
			return "", nil, err
		}
		if hash == "" {
			return avatar.LetterType, avatar.Letter(v.Username, size), nil
		}
		data, err := a.files.Read(hash)
		if errors.Is(err, files.ErrNotFound) && hash != missing {
			missing = hash // gone because its row changed meanwhile, or lost
			continue
		}
		return http.DetectContentType(data), data, err
	}
}
