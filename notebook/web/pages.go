package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"path"
	"strings"
	"time"

	"github.com/unstale/unstale/notebook"
)

//go:embed pages/*.gohtml
var pageSources embed.FS

//go:embed assets/*
var assetFiles embed.FS

// Pages renders the pages of the front in one language. It may be used
// concurrently.
type Pages struct{ templates *template.Template }

// NewPages returns the pages in the language. The error is one of the templates.
func NewPages(lang notebook.Lang, assets Assets) (*Pages, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"t": func(zh, en string) string { return notebook.Text{ZH: zh, EN: en}.In(lang) },
		"lang": func() string {
			return map[notebook.Lang]string{notebook.Chinese: "zh-CN", notebook.English: "en"}[lang]
		},
		"asset": assets.URL,
		"noun":  func(k notebook.ItemKind) string { return k.Noun().In(lang) },
		"day":   func(at time.Time) string { return at.UTC().Format(time.DateOnly) },
		"minute": func(at time.Time) string {
			return at.UTC().Format("2006-01-02 15:04 UTC")
		},
		"iso":  func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"seen": func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) },
		"tags": tags,
		"size": size,
		"list": func(values ...any) []any { return values },
	}).ParseFS(pageSources, "pages/*.gohtml")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return &Pages{t}, nil
}

// Render writes the page of this name, which the data must fit.
func (p *Pages) Render(w io.Writer, name string, data any) error {
	return p.templates.ExecuteTemplate(w, name, data)
}

// tags returns what is between the commas of a text, Chinese ones among them.
func tags(text *string) []string {
	if text == nil {
		return nil
	}
	var list []string
	for tag := range strings.FieldsFuncSeq(*text, func(r rune) bool { return r == ',' || r == '，' }) {
		if tag = strings.TrimSpace(tag); tag != "" {
			list = append(list, tag)
		}
	}
	return list
}

// size returns a number of bytes as people read it.
func size(bytes int64) string {
	switch {
	case bytes < 1<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}

// An Asset is a file that pages refer to.
type Asset struct {
	ContentType string
	Content     []byte
	Version     string // another one for another content
}

// Assets are the files that pages refer to, by name.
type Assets map[string]Asset

// LoadAssets returns the files that are built in.
func LoadAssets() (Assets, error) {
	list, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	assets := Assets{}
	for _, f := range list {
		content, err := assetFiles.ReadFile("assets/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		sum := sha256.Sum256(content)
		assets[f.Name()] = Asset{
			ContentType: map[string]string{
				".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
			}[path.Ext(f.Name())],
			Content: content, Version: hex.EncodeToString(sum[:6]),
		}
	}
	return assets, nil
}

// AssetsPath is the path under which assets are served, by name.
const AssetsPath = "/static/"

// URL returns where pages find the asset.
func (a Assets) URL(name string) string { return AssetsPath + name + "?v=" + a[name].Version }
