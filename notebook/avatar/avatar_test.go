package avatar

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

var (
	red   = color.RGBA{0xff, 0, 0, 0xff}
	green = color.RGBA{0, 0xff, 0, 0xff}
	blue  = color.RGBA{0, 0, 0xff, 0xff}
	white = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// thirds is an image of three columns, of which the centre is the middle one.
func thirds(side int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, 3*side, side))
	for i, c := range []color.RGBA{red, green, blue} {
		draw.Draw(m, image.Rect(i*side, 0, (i+1)*side, side), image.NewUniform(c), image.Point{}, draw.Src)
	}
	return m
}

func jpegOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gifOf(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := gif.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Single pixels, one lossless and one lossy.
const (
	webpLossless = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
	webpLossy    = "UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA"
)

func fromBase64(t testing.TB, text string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decoded(t testing.TB, data []byte) (m image.Image, format string) {
	t.Helper()
	m, format, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return m, format
}

// near reports whether a pixel has about this colour: JPEG does not keep it.
func near(m image.Image, x, y int, want color.RGBA) bool {
	got := color.RGBAModel.Convert(m.At(x, y)).(color.RGBA)
	differ := func(a, b uint8) bool { return max(a, b)-min(a, b) > 40 }
	return !differ(got.R, want.R) && !differ(got.G, want.G) && !differ(got.B, want.B)
}

func TestPictures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name            string
		file            []byte
		full, thumbnail int
		format          string
	}{
		{"jpg", jpegOf(t, thirds(200)), 200, 128, "jpeg"},
		{"png", pngOf(t, thirds(200)), 200, 128, "jpeg"},
		{"gif", gifOf(t, thirds(100)), 100, 100, "jpeg"},
		{"a little too large", pngOf(t, thirds(1100)), 1024, 128, "jpeg"},
		{"much too large", pngOf(t, thirds(2201).SubImage(image.Rect(2201, 0, 4402, 2201))), 1024, 128, "jpeg"},
	} {
		p, err := New(t.Context(), test.file)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for _, c := range []struct {
			data []byte
			side int
		}{{p.Full, test.full}, {p.Thumbnail, test.thumbnail}} {
			m, format := decoded(t, c.data)
			if m.Bounds() != image.Rect(0, 0, c.side, c.side) || format != test.format {
				t.Errorf("%s: %v %s, want a side of %d", test.name, m.Bounds(), format, c.side)
			}
			for _, at := range []image.Point{{2, 2}, {c.side / 2, c.side / 2}, {c.side - 3, c.side - 3}} {
				if !near(m, at.X, at.Y, green) {
					t.Errorf("%s: %v at %v of %d is not of the centre", test.name, m.At(at.X, at.Y), at, c.side)
				}
			}
		}
	}
	for _, text := range []string{webpLossless, webpLossy} {
		p, err := New(t.Context(), fromBase64(t, text))
		if err != nil {
			t.Error(err)
			continue
		}
		if m, _ := decoded(t, p.Full); m.Bounds().Dx() != 1 {
			t.Errorf("webp: %v", m.Bounds())
		}
	}
}

func TestTransparencyIsKept(t *testing.T) {
	t.Parallel()
	m := thirds(300)
	m.SetRGBA(450, 150, color.RGBA{})
	for y := range 300 {
		for x := 300; x < 330; x++ {
			m.SetRGBA(x, y, color.RGBA{})
		}
	}
	p, err := New(t.Context(), pngOf(t, m))
	if err != nil {
		t.Fatal(err)
	}
	got, format := decoded(t, p.Thumbnail)
	if _, _, _, a := got.At(1, 60).RGBA(); format != "png" || a != 0 {
		t.Errorf("%s, alpha %d", format, a)
	}
	if !near(got, 100, 60, green) {
		t.Errorf("%v", got.At(100, 60))
	}
}

// exif returns the JPEG with an orientation, and a text that could be where it
// was taken, in its EXIF data.
func exif(file []byte, order binary.AppendByteOrder, orientation uint16, text string) []byte {
	tiff := []byte("MM\x00\x2a")
	if order == binary.AppendByteOrder(binary.LittleEndian) {
		tiff = []byte("II\x2a\x00")
	}
	tiff = order.AppendUint32(tiff, 8)
	tiff = order.AppendUint16(tiff, 1)
	tiff = order.AppendUint16(tiff, 0x0112)
	tiff = order.AppendUint16(tiff, 3)
	tiff = order.AppendUint32(tiff, 1)
	tiff = order.AppendUint16(tiff, orientation)
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	segment := "Exif\x00\x00" + string(tiff) + text
	result := append([]byte("\xff\xd8\xff\xe1"), binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2))...)
	return append(append(result, segment...), file[2:]...)
}

func TestUpright(t *testing.T) {
	t.Parallel()
	// Which corner of the stored pixels is to be seen at the top left and at the
	// top right.
	stored := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for y := range 64 {
		for x := range 64 {
			stored.SetRGBA(x, y, []color.RGBA{red, green, blue, white}[y/32*2+x/32])
		}
	}
	file := jpegOf(t, stored)
	for orientation, want := range map[uint16][2]color.RGBA{
		0: {red, green}, 1: {red, green}, 2: {green, red}, 3: {white, blue}, 4: {blue, white},
		5: {red, blue}, 6: {blue, red}, 7: {white, green}, 8: {green, white}, 9: {red, green},
	} {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			p, err := New(t.Context(), exif(file, order, orientation, "at home"))
			if err != nil {
				t.Fatal(err)
			}
			if m, _ := decoded(t, p.Full); !near(m, 8, 8, want[0]) || !near(m, 56, 8, want[1]) {
				t.Errorf("orientation %d, %v: %v at the left, %v at the right", orientation, order, m.At(8, 8), m.At(56, 8))
			}
			if bytes.Contains(p.Full, []byte("at home")) || bytes.Contains(p.Full, []byte("Exif")) {
				t.Error("a picture tells where it was taken")
			}
		}
	}
}

// pngClaiming is the beginning of a PNG with sides that it does not have.
func pngClaiming(width, height uint32) []byte {
	header := []byte("IHDR")
	header = binary.BigEndian.AppendUint32(header, width)
	header = binary.BigEndian.AppendUint32(header, height)
	header = append(header, 8, 6, 0, 0, 0)
	file := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), header...)
	return binary.BigEndian.AppendUint32(file, crc32.ChecksumIEEE(header))
}

// webpClaiming is a small canvas in which a lossless image of 16384 by 16384
// pixels begins.
func webpClaiming() []byte {
	const canvas, lossless = "VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "VP8L\x06\x00\x00\x00\x2f\xff\xff\xff\x0f\x00"
	return []byte("RIFF\x24\x00\x00\x00WEBP" + canvas + lossless)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	good := jpegOf(t, thirds(50))
	for name, test := range map[string]struct {
		file []byte
		want error
	}{
		"nothing":          {nil, notebook.ErrAvatarType},
		"text":             {[]byte("hello"), notebook.ErrAvatarType},
		"svg":              {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), notebook.ErrAvatarType},
		"bmp":              {[]byte("BM\x00\x00\x00\x00"), notebook.ErrAvatarType},
		"half":             {good[:len(good)/2], notebook.ErrAvatarCorrupt},
		"magic alone":      {good[:3], notebook.ErrAvatarCorrupt},
		"no pixels":        {pngClaiming(0, 1), notebook.ErrAvatarCorrupt},
		"bomb, png":        {pngClaiming(50000, 50000), notebook.ErrAvatarPixels},
		"bomb, wide":       {pngClaiming(1<<31-1, 1), notebook.ErrAvatarPixels},
		"bomb, gif":        {[]byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"), notebook.ErrAvatarPixels},
		"bomb, webp":       {webpClaiming(), notebook.ErrAvatarCorrupt},
		"one byte too big": {append(bytes.Clone(good), make([]byte, MaxSize+1-len(good))...), notebook.ErrAvatarSize},
	} {
		if p, err := New(t.Context(), test.file); !errors.Is(err, test.want) || p != nil {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
	if _, err := New(t.Context(), append(good, make([]byte, MaxSize-len(good))...)); err != nil {
		t.Errorf("of the largest size: %v", err)
	}
}

// scans is a progressive JPEG of 4096 by 4096 pixels that goes over all of them
// so many times, each in a few bytes which say that nothing changes.
func scans(n int) []byte {
	file := []byte("\xff\xd8" +
		"\xff\xc2\x00\x0b\x08\x10\x00\x10\x00\x01\x01\x11\x00" + // progressive, one component
		"\xff\xdb\x00\x43\x00" + strings.Repeat("\x01", 64) + // quantization
		"\xff\xc4\x00\x14\x10\x01" + strings.Repeat("\x00", 15) + "\xe0") // one code, 0: a run of 2^14 blocks and more
	scan := []byte("\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00")
	// Nine times the code and fourteen ones: 0111 1111 1111 1110 1111 ...
	bits := strings.Repeat("0"+strings.Repeat("1", 14), 9) + "1"
	for i := 0; i < len(bits); i += 8 {
		var b byte
		for _, bit := range bits[i : i+8] {
			b = b<<1 | byte(bit-'0')
		}
		if scan = append(scan, b); b == 0xff {
			scan = append(scan, 0)
		}
	}
	return append(append(file, bytes.Repeat(scan, n)...), 0xff, 0xd9)
}

func TestWorkEndsWithItsContext(t *testing.T) {
	t.Parallel()
	if _, err := New(t.Context(), scans(2)); err != nil {
		t.Fatalf("two passes: %v", err) // so that what ends below is work, not nonsense
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	file := scans(40000) // a minute's work
	if len(file) > MaxSize {
		t.Fatalf("%d bytes", len(file))
	}
	if _, err := New(ctx, file); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("40000 passes: %v", err)
	}
}

func TestLetter(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"ann": "A", "麦麦": "麦", "  émile": "É", "<script>": "<", "&": "&", "": "?", "\xff": "?", "\u202eann": "?", "🐱": "🐱"} {
		svg := Letter(name, 200)
		var got struct {
			XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
			Width   string   `xml:"width,attr"`
			Text    string   `xml:"text"`
		}
		if err := xml.Unmarshal(svg, &got); err != nil || got.Text != want || got.Width != "200" {
			t.Errorf("%q: %v %+v", name, err, got)
		}
		if !bytes.Equal(svg, Letter(name, 200)) {
			t.Errorf("%q: another picture the second time", name)
		}
	}
}

func FuzzNew(f *testing.F) {
	small := thirds(20)
	transparent := image.NewNRGBA(image.Rect(0, 0, 5, 9))
	for _, seed := range [][]byte{
		jpegOf(f, small), pngOf(f, small), gifOf(f, small), pngOf(f, transparent), exif(jpegOf(f, small), binary.BigEndian, 6, ""),
		fromBase64(f, webpLossless), fromBase64(f, webpLossy), webpClaiming(), pngClaiming(9, 9), nil,
	} {
		f.Add(seed)
	}
	known := []error{notebook.ErrAvatarSize, notebook.ErrAvatarPixels, notebook.ErrAvatarType, notebook.ErrAvatarCorrupt}
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := New(t.Context(), file)
		if err != nil {
			for _, k := range known {
				if errors.Is(err, k) {
					return
				}
			}
			t.Fatal(err)
		}
		for _, c := range []struct {
			data []byte
			side int
		}{{p.Full, Side}, {p.Thumbnail, ThumbnailSide}} {
			m, format := decoded(t, c.data)
			if b := m.Bounds(); b.Dx() != b.Dy() || b.Dx() < 1 || b.Dx() > c.side || format != "jpeg" && format != "png" {
				t.Errorf("%v %s", b, format)
			}
		}
	})
}
