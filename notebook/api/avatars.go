package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/avatar"
	"github.com/unstale/unstale/notebook/files"
)

// What making pictures may cost: so many at once, each for so long.
const (
	avatarTurns = 2
	avatarTime  = 10 * time.Second
)

// avatars makes and shows the users' pictures.
type avatars struct {
	*server
	turns chan struct{} // full while as many pictures are made as may be
}

func (s *server) avatarRoutes() {
	a := &avatars{s, make(chan struct{}, avatarTurns)}
	documentAvatar(handle(s, "POST /api/users/me/avatar", users, "Give myself a picture", a.put, fails(
		notebook.ErrAvatarMissing, notebook.ErrAvatarSize, notebook.ErrAvatarPixels, notebook.ErrAvatarType, notebook.ErrAvatarCorrupt, notebook.ErrAvatarWork)))
	handle(s, "DELETE /api/users/me/avatar", users, "Remove my picture", a.remove)
	handle(s, "GET /api/users/{id}/avatar", anyone, "Show a user's picture, or his letter", a.show, picture, fails(notebook.ErrUserNotFound))
	handle(s, "GET "+avatarPath+"{path}", anyone, "Show an uploaded picture", a.file, picture, fails(notebook.ErrAvatarNotStored))
}

// documentAvatar documents the body, which is read by the handler.
func documentAvatar(op *huma.Operation) {
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"avatar"}, Properties: map[string]*huma.Schema{
			"avatar": {Type: huma.TypeString, Format: "binary", Description: "jpg, png, gif or webp of at most 2 MB"},
		},
	}}}}
}

// picture documents an answer that is an image.
func picture(op *huma.Operation) {
	op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{}}}
	for _, kind := range []string{"image/jpeg", "image/png", svgType} {
		op.Responses["200"].Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
}

// ownAvatar is what a user sees of his picture.
type ownAvatar struct {
	AvatarURL       *string    `json:"avatar_url"`
	AvatarUpdatedAt *time.Time `json:"avatar_updated_at"`
}

const avatarPath = "/uploads/avatars/"

// avatarURL returns where the user's picture is, nil if he has none. The path
// names user and content: another picture has another path.
func avatarURL(u *notebook.User) *string {
	if u.AvatarPath == nil {
		return nil
	}
	path := avatarPath + u.ID + "_" + *u.AvatarPath
	return &path
}

func (a *avatars) put(ctx context.Context, in *upload) (*answer[ownAvatar], error) {
	data, err := in.avatar()
	if err != nil {
		_, _ = io.CopyN(io.Discard, in.request.Body, maxLeftover)
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
	return a.set(ctx, full.Hash, thumbnail.Hash, "头像上传成功", "Picture uploaded")
}

func (a *avatars) remove(ctx context.Context, _ *struct{}) (*answer[ownAvatar], error) {
	return a.set(ctx, "", "", "头像删除成功", "Picture removed")
}

func (a *avatars) set(ctx context.Context, full, thumbnail, zh, en string) (*answer[ownAvatar], error) {
	u, replaced, err := a.store.SetAvatar(ctx, userOf(ctx).ID, full, thumbnail, a.now())
	if err != nil {
		return nil, err
	}
	a.collect(ctx, replaced)
	return say(ctx, ownAvatar{avatarURL(u), u.AvatarUpdatedAt}, zh, en), nil
}

// make makes the picture when it is its turn.
func (a *avatars) make(ctx context.Context, data []byte) (*avatar.Picture, error) {
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, avatarTime)
	defer cancel()
	p, err := avatar.New(limited, data)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, notebook.ErrAvatarWork
	}
	return p, err
}

// avatar reads the picture out of the form, and stops where it is too large.
func (u *upload) avatar() ([]byte, error) {
	malformed := func(err error) error {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return notebook.ErrAvatarSize
		}
		return notebook.ErrUploadMalformed
	}
	parts, err := u.request.MultipartReader()
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

const svgType = "image/svg+xml"

// shown is an answer that is an image. No image is a document that does
// anything, whoever opens it on its own.
type shown struct {
	ContentType string `header:"Content-Type"`
	Sniff       string `header:"X-Content-Type-Options"`
	Policy      string `header:"Content-Security-Policy"`
	ETag        string `header:"ETag"`
	Body        []byte
}

func showImage(contentType string, data []byte) *shown {
	sum := sha256.Sum256(data)
	return &shown{
		ContentType: contentType, Sniff: "nosniff", Policy: "default-src 'none'; sandbox",
		ETag: `"` + hex.EncodeToString(sum[:16]) + `"`, Body: data,
	}
}

type showInput struct {
	ID   string `path:"id"`
	Size int    `query:"size" minimum:"1" maximum:"1024" default:"200" doc:"of the letter, in pixels; a picture comes whole, up to 128 as its thumbnail"`
}

func (a *avatars) show(ctx context.Context, in *showInput) (*shown, error) {
	return a.read(ctx, in.ID, func(v *notebook.Avatar) (string, error) { return v.Fitting(in.Size, avatar.ThumbnailSide), nil }, in.Size)
}

type fileInput struct {
	Path string `path:"path" doc:"the end of an avatar_url"`
}

func (a *avatars) file(ctx context.Context, in *fileInput) (*shown, error) {
	id, hash, _ := strings.Cut(in.Path, "_")
	s, err := a.read(ctx, id, func(v *notebook.Avatar) (string, error) {
		if v.Full == nil || *v.Full != hash {
			return "", notebook.ErrAvatarNotStored
		}
		return hash, nil
	}, 0)
	if errors.Is(err, notebook.ErrUserNotFound) {
		return nil, notebook.ErrAvatarNotStored
	}
	return s, err
}

// read returns the file that choose picks of the user's avatar, and his letter
// where it picks none.
func (a *avatars) read(ctx context.Context, userID string, choose func(*notebook.Avatar) (string, error), letter int) (*shown, error) {
	var missing string
	for {
		v, err := a.store.Avatar(ctx, userID)
		if err != nil {
			return nil, err
		}
		hash, err := choose(v)
		if err != nil {
			return nil, err
		}
		if hash == "" {
			return showImage(svgType, avatar.Letter(v.Username, letter)), nil
		}
		data, err := a.files.Read(hash)
		if errors.Is(err, files.ErrNotFound) && hash != missing {
			missing = hash // gone because its row changed meanwhile, or lost
			continue
		}
		if err != nil {
			return nil, err
		}
		return showImage(http.DetectContentType(data), data), nil
	}
}

// release ends the hold on a file, which leaves it to its row.
func (s *server) release(ctx context.Context, d *files.Draft) {
	if err := d.Release(ctx); err != nil {
		s.logger.WarnContext(ctx, "a file may be left behind until the next start", "hash", d.Hash, "error", err)
	}
}
