package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/avatar"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/service"
)

// avatars answers for the users' pictures.
type avatars struct{ service.Avatars }

func (a *api) avatarRoutes() {
	v := avatars{a.Avatars}
	documentAvatar(handle(a, "POST /api/users/me/avatar", notebook.RoleUser, "Give myself a picture", v.put, fails(
		notebook.ErrAvatarMissing, notebook.ErrAvatarSize, notebook.ErrAvatarPixels, notebook.ErrAvatarType, notebook.ErrAvatarCorrupt, notebook.ErrAvatarWork)))
	handle(a, "DELETE /api/users/me/avatar", notebook.RoleUser, "Remove my picture", v.remove)
	handle(a, "GET /api/users/{id}/avatar", anyone, "Show a user's picture, or his letter", v.show, picture, fails(notebook.ErrUserNotFound))
	handle(a, "GET "+avatarPath+"{path}", anyone, "Show an uploaded picture", v.file, picture, fails(notebook.ErrAvatarNotStored))
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
	for _, kind := range []string{"image/jpeg", "image/png", avatar.LetterType} {
		op.Responses["200"].Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
}

// ownAvatar is what a user sees of their picture.
type ownAvatar struct {
	AvatarURL       *string    `json:"avatar_url"`
	AvatarUpdatedAt *time.Time `json:"avatar_updated_at"`
}

const avatarPath = "/uploads/avatars/"

// avatarURL returns where the user's picture is, nil if they have none. The path
// names user and content: another picture has another path.
func avatarURL(u *notebook.User) *string {
	if u.AvatarPath == nil {
		return nil
	}
	path := avatarPath + u.ID + "_" + *u.AvatarPath
	return &path
}

func (v avatars) put(ctx context.Context, in *upload) (*answer[ownAvatar], error) {
	u, err := v.Set(ctx, server.User(ctx), &in.form)
	return shown(ctx, u, err, showOwnAvatar, "头像上传成功", "Picture uploaded")
}

func (v avatars) remove(ctx context.Context, _ *struct{}) (*answer[ownAvatar], error) {
	u, err := v.Remove(ctx, server.User(ctx))
	return shown(ctx, u, err, showOwnAvatar, "头像删除成功", "Picture removed")
}

func showOwnAvatar(u *notebook.User) ownAvatar { return ownAvatar{avatarURL(u), u.AvatarUpdatedAt} }

// imageAnswer is an answer that is an image. No image is a document that does
// anything, when it is opened on its own.
type imageAnswer struct {
	ContentType string `header:"Content-Type"`
	Sniff       string `header:"X-Content-Type-Options"`
	Policy      string `header:"Content-Security-Policy"`
	ETag        string `header:"ETag"`
	Body        []byte
}

func showImage(contentType string, data []byte, err error) (*imageAnswer, error) {
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return &imageAnswer{
		ContentType: contentType, Sniff: "nosniff", Policy: "default-src 'none'; sandbox",
		ETag: `"` + hex.EncodeToString(sum[:16]) + `"`, Body: data,
	}, nil
}

// maxLetter is the side of the largest letter, in pixels.
const maxLetter = 1024

type showInput struct {
	ID   string `path:"id"`
	Size int    `query:"size" default:"200" doc:"of the letter, in pixels, 1 to 1024, cut to that; a picture comes whole, up to 128 as its thumbnail"`
}

func (v avatars) show(ctx context.Context, in *showInput) (*imageAnswer, error) {
	return showImage(v.Show(ctx, in.ID, min(max(in.Size, 1), maxLetter)))
}

type fileInput struct {
	Path string `path:"path" doc:"the end of an avatar_url"`
}

func (v avatars) file(ctx context.Context, in *fileInput) (*imageAnswer, error) {
	return showImage(v.Stored(ctx, in.Path))
}
