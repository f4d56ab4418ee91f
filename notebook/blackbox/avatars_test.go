package blackbox_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const myAvatar = "/api/users/me/avatar"

// plain is a picture of one colour in the given format.
func (s *site) plain(format string, c color.Color) string {
	s.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 300, 200))
	draw.Draw(m, m.Bounds(), image.NewUniform(c), image.Point{}, draw.Src)
	var b bytes.Buffer
	var err error
	switch format {
	case "jpg":
		err = jpeg.Encode(&b, m, nil)
	case "gif":
		err = gif.Encode(&b, m, nil)
	default:
		err = png.Encode(&b, m)
	}
	if err != nil {
		s.Fatal(err)
	}
	return b.String()
}

var (
	red  = color.RGBA{0xff, 0, 0, 0xff}
	teal = color.RGBA{0, 0x80, 0x80, 0xff}
)

// picture uploads a file as one's avatar.
func (v visitor) picture(name, content string) answer {
	v.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	part, err := w.CreateFormFile("avatar", name)
	if err == nil {
		_, err = part.Write([]byte(content))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		v.Fatal(err)
	}
	return v.send(http.MethodPost, myAvatar, w.FormDataContentType(), &body)
}

// An ownAvatar is what is said of one's picture.
type ownAvatar struct {
	AvatarURL       string `json:"avatar_url"`
	AvatarUpdatedAt string `json:"avatar_updated_at"`
}

func (a answer) avatar() (got ownAvatar) {
	a.Helper()
	a.want(http.StatusOK).data(&got)
	return got
}

// image fails the test unless the answer is a square image of this side and
// colour, which says what it is and is nothing else.
func (a answer) image(side int, c color.RGBA) {
	a.Helper()
	a.want(http.StatusOK)
	m, format, err := image.Decode(bytes.NewReader(a.body))
	if err != nil || m.Bounds().Dx() != side || m.Bounds().Dy() != side {
		a.Fatalf("%s: %v %v, want a side of %d", a.request, m.Bounds(), err, side)
	}
	got := color.RGBAModel.Convert(m.At(side/2, side/2)).(color.RGBA)
	for _, d := range []int{int(got.R) - int(c.R), int(got.G) - int(c.G), int(got.B) - int(c.B)} {
		if d < -8 || d > 8 {
			a.Errorf("%s: the colour is %v, want %v", a.request, got, c)
		}
	}
	for field, want := range map[string]string{"Content-Type": "image/" + format, "X-Content-Type-Options": "nosniff"} {
		if got := a.header.Get(field); got != want {
			a.Errorf("%s: %s is %q, want %q", a.request, field, got, want)
		}
	}
	if a.header.Get("ETag") == "" {
		a.Errorf("%s has no ETag", a.request)
	}
}

// letter fails the test unless the answer shows the letter.
func (a answer) letter(letter string) {
	a.Helper()
	a.want(http.StatusOK)
	if a.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(string(a.body), ">"+letter+"</text>") || a.header.Get("ETag") == "" {
		a.Errorf("%s: %v %s, want %s", a.request, a.header, a.body, letter)
	}
	if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		a.Errorf("%s may do something: %v", a.request, a.header)
	}
}

// onDisk returns how many files there are.
func (s *site) onDisk() (n int) {
	s.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "files"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return n
}

func TestAvatars(t *testing.T) {
	of := func(s *site, name string) string { return "/api/users/" + s.ids[name] + "/avatar" }
	behave(t, []behaviour{
		{"at first it is a letter, which is stored nowhere", func(s *site) {
			s.nobody().get(of(s, "alice")).letter("A")
			s.as("bob").get(of(s, "bob") + "?size=64").letter("B")
			s.equal("files", s.onDisk(), 0)
			s.equal("address", s.as("alice").get("/api/users/me").avatar(), ownAvatar{})
		}},
		{"an unknown user, and a size that makes no sense", func(s *site) {
			s.nobody().get("/api/users/" + unknownID + "/avatar").want(http.StatusNotFound)
			for size, cut := range map[string]string{"0": "1", "-1": "1", "1025": "1024"} {
				s.equal("letter of "+size, string(s.nobody().get(of(s, "alice")+"?size="+size).want(http.StatusOK).body),
					string(s.nobody().get(of(s, "alice")+"?size="+cut).want(http.StatusOK).body))
			}
			for _, size := range []string{"x", "99999999999999999999"} {
				s.nobody().get(of(s, "alice") + "?size=" + size).want(http.StatusUnprocessableEntity)
			}
		}},
		{"a change shows everywhere in the next read", func(s *site) {
			shown := func() ownAvatar { return s.as("alice").get("/api/users/me").avatar() }
			all := func(c color.RGBA, address string) {
				s.Helper()
				s.nobody().get(of(s, "alice")).image(200, c)
				s.as("bob").get(of(s, "alice")+"?size=129").image(200, c)
				s.nobody().get(of(s, "alice")+"?size=128").image(128, c)
				s.nobody().get(address).image(200, c)
			}
			s.nobody().get(of(s, "alice")).letter("A")
			shown()
			first := s.as("alice").picture("me.png", s.plain("png", red)).avatar()
			s.equal("avatar", shown(), first)
			all(red, first.AvatarURL)
			second := s.as("alice").picture("me.png", s.plain("png", teal)).avatar()
			s.equal("avatar", shown(), second)
			all(teal, second.AvatarURL)
			s.nobody().get(first.AvatarURL).want(http.StatusNotFound)
			if first.AvatarURL == second.AvatarURL || first.AvatarUpdatedAt >= second.AvatarUpdatedAt {
				s.Errorf("%+v, then %+v", first, second)
			}
			third := s.as("alice").del(myAvatar).avatar()
			s.equal("avatar", shown(), third)
			s.equal("address", third.AvatarURL, "")
			s.nobody().get(of(s, "alice")).letter("A")
			s.nobody().get(of(s, "alice") + "?size=128").letter("A")
			s.nobody().get(second.AvatarURL).want(http.StatusNotFound)
			s.equal("files", s.onDisk(), 0)
			s.equal("avatar", s.as("alice").del(myAvatar).avatar(), third)
			s.exec("UPDATE users SET username = 'zoe' WHERE username = 'alice'")
			s.nobody().get(of(s, "alice")).letter("Z")
		}},
		{"one user's is not another's", func(s *site) {
			alice := s.as("alice").picture("me.png", s.plain("png", red)).avatar().AvatarURL
			bob := s.as("bob").picture("me.png", s.plain("png", red)).avatar().AvatarURL
			s.nobody().get(of(s, "moderator")).letter("M")
			s.as("alice").del(myAvatar).want(http.StatusOK)
			s.nobody().get(alice).want(http.StatusNotFound)
			s.nobody().get(bob).image(200, red) // the same bytes, which alice no longer needs
		}},
		{"in every format", func(s *site) {
			for _, format := range []string{"jpg", "png", "gif"} {
				s.as("alice").picture("me."+format, s.plain(format, red)).want(http.StatusOK)
				s.nobody().get(of(s, "alice")).image(200, red)
				s.as("alice").picture("me.png", s.plain("png", teal)).want(http.StatusOK)
			}
			webp, err := base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")
			if err != nil {
				s.Fatal(err)
			}
			s.as("alice").picture("me.webp", string(webp)).want(http.StatusOK)
			if a := s.nobody().get(of(s, "alice")); !strings.HasPrefix(a.header.Get("Content-Type"), "image/") || a.header.Get("Content-Type") == "image/svg+xml" {
				s.Errorf("%v", a.header)
			}
		}},
		{"what is refused changes nothing", func(s *site) {
			was := s.as("alice").picture("me.png", s.plain("png", red)).avatar()
			files := s.onDisk()
			good := s.plain("png", teal)
			for name, c := range map[string]struct{ content, code string }{
				"a.txt":    {"hello", "AVATAR_TYPE_INVALID"},
				"a.png":    {"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "AVATAR_TYPE_INVALID"},
				"half.png": {good[:len(good)/2], "AVATAR_CORRUPT"},
				"big.png":  {good + strings.Repeat("x", 2<<20), "AVATAR_SIZE_EXCEEDED"},
				"bomb.gif": {"GIF89a\xff\xff\xff\xff\x00\x00\x00", "AVATAR_PIXELS_EXCEEDED"},
			} {
				s.as("alice").picture(name, c.content).want(http.StatusUnprocessableEntity).code(c.code)
			}
			s.nobody().picture("me.png", good).want(http.StatusUnauthorized)
			s.nobody().del(myAvatar).want(http.StatusUnauthorized)
			s.equal("avatar", s.as("alice").get("/api/users/me").avatar(), was)
			s.nobody().get(was.AvatarURL).image(200, red)
			s.equal("files", s.onDisk(), files)
		}},
		{"only pictures are served where they are", func(s *site) {
			s.newCard("alice", "private")
			hash := fmt.Sprintf("%x", sha256.Sum256([]byte(validTOML)))
			for _, path := range []string{
				hash, s.ids["alice"] + "_" + hash, s.ids["alice"], s.ids["alice"] + "_", "_" + hash, "..%2f..%2fnotebook.db", "x",
			} {
				s.nobody().get("/uploads/avatars/" + path).want(http.StatusNotFound)
			}
		}},
		{"a restart keeps what is somebody's and nothing else", func(s *site) {
			address := s.as("alice").picture("me.png", s.plain("png", red)).avatar().AvatarURL
			files := s.onDisk()
			hash := fmt.Sprintf("%x", sha256.Sum256([]byte("orphan")))
			dir := filepath.Join(s.dir, "files", hash[:2])
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, hash), []byte("orphan"), 0o600)); err != nil {
				s.Fatal(err)
			}
			again := s.twin()
			s.equal("files", s.onDisk(), files)
			again.nobody().get(address).image(200, red)
			again.nobody().get(of(s, "alice")+"?size=1").image(128, red)
		}},
	})
}
