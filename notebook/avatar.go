package notebook

// What can be wrong with an uploaded avatar.
var (
	ErrAvatarMissing   = newError(Invalid, "AVATAR_MISSING", "请选择要上传的头像文件", "A file named avatar is needed")
	ErrAvatarSize      = newError(Invalid, "AVATAR_SIZE_EXCEEDED", "头像文件过大，最大允许 2MB", "The picture is larger than 2 MB")
	ErrAvatarPixels    = newError(Invalid, "AVATAR_PIXELS_EXCEEDED", "头像尺寸过大，最多允许 1600 万像素", "The picture has more than 16 million pixels")
	ErrAvatarType      = newError(Invalid, "AVATAR_TYPE_INVALID", "不支持的图片格式，仅支持 jpg、png、gif、webp", "Only jpg, png, gif and webp are supported")
	ErrAvatarCorrupt   = newError(Invalid, "AVATAR_CORRUPT", "图片已损坏或无法读取", "The picture is damaged or cannot be read")
	ErrAvatarWork      = newError(Invalid, "AVATAR_TOO_COMPLEX", "图片处理超时，请换一张图片", "The picture takes too long to read; please choose another one")
	ErrAvatarNotStored = newError(NotFound, "AVATAR_NOT_FOUND", "头像不存在", "There is no such avatar")
)

// An Avatar is what a user is shown with: a picture that he has uploaded, or his
// name.
type Avatar struct {
	Username  string
	Full      *string // the hashes under which package files keeps the picture
	Thumbnail *string
}

// Fitting returns the hash of the picture to show at a size in pixels, given the
// side of the thumbnail, or "" if there is none.
func (a *Avatar) Fitting(size, thumbnail int) string {
	switch {
	case size <= thumbnail && a.Thumbnail != nil:
		return *a.Thumbnail
	case a.Full != nil:
		return *a.Full
	}
	return ""
}
