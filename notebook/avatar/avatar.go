// Package avatar makes pictures of users from what they upload, and from their
// names where they have uploaded nothing.
package avatar

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/unstale/unstale/notebook"
)

// Limits on what is uploaded, and the sides of what is made of it.
const (
	MaxSize       = 2 << 20 // bytes
	MaxPixels     = 1 << 24 // more than a telephone's camera takes
	Side          = 1024    // pixels, at most
	ThumbnailSide = 128     // pixels, at most
)

// Picture is an avatar in two sizes, each a complete JPEG or PNG file.
type Picture struct{ Full, Thumbnail []byte }

// New makes a picture of an uploaded file: its square centre, turned the way it
// was taken, scaled down to at most Side, and without what else the file held.
// Of an animation it is the first frame. The same file always makes the same
// picture. It fails with notebook.ErrAvatarSize, ErrAvatarPixels, ErrAvatarType
// or ErrAvatarCorrupt, or with ctx's error once ctx has ended.
//
// The file says how much work it is, and may say it in few bytes: the caller
// bounds the time by ctx, and how many pictures are made at once. One takes up to
// 200 MB.
func New(ctx context.Context, file []byte) (*Picture, error) {
	if len(file) > MaxSize {
		return nil, notebook.ErrAvatarSize
	}
	decoded, err := decode(ctx, file)
	if err != nil {
		return nil, err
	}
	full := upright(square(decoded, Side), orientation(file))
	p := &Picture{}
	if p.Full, err = encode(full); err == nil {
		p.Thumbnail, err = encode(square(full, ThumbnailSide))
	}
	return p, err
}

// A format is one that people may upload.
type format struct {
	magic  string // what its files begin with; ? is any byte
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}

func formats() []format {
	return []format{
		{"\xff\xd8\xff", jpeg.DecodeConfig, jpeg.Decode},
		{"\x89PNG\r\n\x1a\n", png.DecodeConfig, png.Decode},
		{"GIF8?a", gif.DecodeConfig, gif.Decode},
		{"RIFF????WEBP", webp.DecodeConfig, webp.Decode},
	}
}

func (f format) matches(file []byte) bool {
	if len(file) < len(f.magic) {
		return false
	}
	for i := range len(f.magic) {
		if f.magic[i] != '?' && f.magic[i] != file[i] {
			return false
		}
	}
	return true
}

// decode looks at what the file claims to be before it believes it.
func decode(ctx context.Context, file []byte) (image.Image, error) {
	for _, f := range formats() {
		if !f.matches(file) {
			continue
		}
		c, err := f.config(bytes.NewReader(file))
		switch {
		case err != nil || c.Width <= 0 || c.Height <= 0:
			return nil, notebook.ErrAvatarCorrupt
		case int64(c.Width)*int64(c.Height) > MaxPixels:
			return nil, notebook.ErrAvatarPixels
		}
		m, err := f.decode(&reader{ctx: ctx, r: bytes.NewReader(file)})
		switch {
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			return nil, err
		case err != nil || m.Bounds().Empty():
			return nil, notebook.ErrAvatarCorrupt
		}
		return m, nil
	}
	return nil, notebook.ErrAvatarType
}

// reader ends with its context. It reads little at a time, because a few bytes
// of a progressive JPEG can be a pass over all of its pixels.
type reader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p[:min(len(p), 512)])
}

// square returns the square centre of m, scaled down to side where it is larger.
func square(m image.Image, side int) *image.RGBA {
	b := m.Bounds()
	n := min(b.Dx(), b.Dy())
	corner := b.Min.Add(image.Pt((b.Dx()-n)/2, (b.Dy()-n)/2))
	from := image.Rectangle{Min: corner, Max: corner.Add(image.Pt(n, n))}
	// Halving costs little and loses nothing; the scaler that is good at the rest
	// of the way needs memory for all the rows it begins with.
	for n > 2*side {
		n /= 2
		half := image.NewRGBA(image.Rect(0, 0, n, n))
		draw.ApproxBiLinear.Scale(half, half.Bounds(), m, from, draw.Src, nil)
		m, from = half, half.Bounds()
	}
	n = min(n, side)
	result := image.NewRGBA(image.Rect(0, 0, n, n))
	draw.CatmullRom.Scale(result, result.Bounds(), m, from, draw.Src, nil)
	return result
}

// encode writes a JPEG, or a PNG where something shines through.
func encode(m *image.RGBA) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if m.Opaque() {
		err = jpeg.Encode(&b, m, &jpeg.Options{Quality: 90})
	} else {
		err = png.Encode(&b, m)
	}
	return b.Bytes(), err
}
