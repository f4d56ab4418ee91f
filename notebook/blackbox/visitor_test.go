package blackbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// A visitor sends requests, with a token unless it is "".
type visitor struct {
	*site
	token string
}

// An answer is what came back.
type answer struct {
	*site
	request string
	status  int
	header  http.Header
	body    []byte
}

// try sends a request, and returns an error where the connection failed.
func (v visitor) try(method, path, contentType string, body io.Reader) (answer, error) {
	r, err := http.NewRequestWithContext(v.Context(), method, v.url+path, body)
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return v.exchange(r)
}

func (v visitor) exchange(r *http.Request) (answer, error) {
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	w, err := v.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer w.Body.Close()
	got, err := io.ReadAll(w.Body)
	return answer{v.site, r.Method + " " + r.URL.RequestURI(), w.StatusCode, w.Header, got}, err
}

func (v visitor) send(method, path, contentType string, body io.Reader) answer {
	v.Helper()
	a, err := v.try(method, path, contentType, body)
	if err != nil {
		v.Fatal(err)
	}
	return a
}

// once asks once.
func (v visitor) once(path string) answer {
	v.Helper()
	return v.send(http.MethodGet, path, "", nil)
}

// get asks a site that has a cache twice and returns the second answer. Where
// the first was a success the two are the same bytes, and the second is a hit.
func (v visitor) get(path string) answer {
	v.Helper()
	first := v.once(path)
	if !v.cached {
		return first
	}
	second := v.once(path)
	if first.status != second.status {
		v.Fatalf("GET %s: %d at first, then %d", path, first.status, second.status)
	}
	if *onPostgres && first.status == http.StatusOK && !second.hit() {
		second = v.once(path) // see matrix.warm
	}
	if first.status == http.StatusOK && !second.hit() {
		v.Fatalf("GET %s: the second answer is no hit: %q", path, second.header.Get("Cache-Status"))
	}
	if first.status == http.StatusOK && !bytes.Equal(first.body, second.body) {
		v.Fatalf("GET %s: %s at first, then %s", path, first.body, second.body)
	}
	return second
}

// head asks as get does, with the encodings that net/http's client accepts of a
// GET: they select among the answers that are stored.
func (v visitor) head(path string) answer {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), http.MethodHead, v.url+path, nil)
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	a, err := v.exchange(r)
	if err != nil {
		v.Fatal(err)
	}
	return a
}

func (v visitor) del(path string) answer {
	v.Helper()
	return v.send(http.MethodDelete, path, "", nil)
}

// post sends input as JSON, no body for nil.
func (v visitor) post(path string, input any) answer {
	v.Helper()
	return v.json(http.MethodPost, path, input)
}

// put sends input as JSON.
func (v visitor) put(path string, input any) answer {
	v.Helper()
	return v.json(http.MethodPut, path, input)
}

func (v visitor) json(method, path string, input any) answer {
	v.Helper()
	if input == nil {
		return v.send(method, path, "", nil)
	}
	body, err := json.Marshal(input)
	if err != nil {
		v.Fatal(err)
	}
	return v.send(method, path, "application/json", bytes.NewReader(body))
}

// form sends fields as a web page's form does.
func (v visitor) form(path string, fields url.Values) answer {
	v.Helper()
	return v.send(http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(fields.Encode()))
}

// A file is one to upload, as application/toml where its type is "".
type file struct{ name, content, contentType string }

// upload sends fields and files as one multipart form. A field without a value
// is left out.
func (v visitor) upload(path string, fields map[string]string, files ...file) answer {
	v.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	must := func(err error) {
		if err != nil {
			v.Fatal(err)
		}
	}
	for name, value := range fields {
		if value != "" {
			must(w.WriteField(name, value))
		}
	}
	for _, f := range files {
		h := make(textproto.MIMEHeader)
		h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="files"; filename=%q`, f.name))
		h.Set("Content-Type", "application/toml")
		if f.contentType != "" {
			h.Set("Content-Type", f.contentType)
		}
		part, err := w.CreatePart(h)
		must(err)
		_, err = io.WriteString(part, f.content)
		must(err)
	}
	must(w.Close())
	return v.send(http.MethodPost, path, w.FormDataContentType(), &body)
}

// hit reports whether the answer came from the cache (RFC 9211).
func (a answer) hit() bool {
	status := a.header.Get("Cache-Status")
	return strings.HasPrefix(status, "unstale") && strings.Contains(strings.ReplaceAll(status, " ", ""), ";hit")
}

// want fails the test unless the answer has the status and the right envelope.
func (a answer) want(status int) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("%s: status %d, want %d: %s", a.request, a.status, status, a.body)
	}
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
		return a
	}
	var envelope struct {
		Success bool
		Error   struct{ Code, Type, Message string }
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		a.Fatalf("%s: %v: %s", a.request, err, a.body)
	}
	if envelope.Success != (status < 400) {
		a.Errorf("%s: status %d and success %v", a.request, status, envelope.Success)
	}
	if status >= 400 {
		types := map[int]string{
			401: "AUTHENTICATION_ERROR", 403: "AUTHORIZATION_ERROR", 404: "NOT_FOUND_ERROR", 409: "CONFLICT_ERROR",
			422: "VALIDATION_ERROR", 429: "RATE_LIMIT_ERROR",
		}
		if want := types[status]; want != "" && envelope.Error.Type != want {
			a.Errorf("%s: error type %q, want %q", a.request, envelope.Error.Type, want)
		}
		if envelope.Error.Message == "" {
			a.Errorf("%s: the error has no message: %s", a.request, a.body)
		}
	}
	return a
}

// code fails the test unless the answer is an error with this code.
func (a answer) code(want string) {
	a.Helper()
	var envelope struct {
		Error struct{ Details struct{ Code string } }
	}
	if err := json.Unmarshal(a.body, &envelope); err != nil || envelope.Error.Details.Code != want {
		a.Errorf("%s: error code %q, want %q: %s", a.request, envelope.Error.Details.Code, want, a.body)
	}
}

// data reads the data of the answer into v.
func (a answer) data(v any) {
	a.Helper()
	if err := json.Unmarshal(a.body, &struct {
		Data any `json:"data"`
	}{v}); err != nil {
		a.Fatalf("%s: %v: %s", a.request, err, a.body)
	}
}

// A page is one page of cards, or of stars.
type page struct {
	Data       []card
	Pagination struct {
		Page       int
		PageSize   int `json:"page_size"`
		Total      int
		TotalPages int `json:"total_pages"`
	}
}

// A card is what a list or the detail says of one.
type card struct {
	ID, Name, Description, Content, Version, Author string
	AuthorID                                        string `json:"author_id"`
	UploaderID                                      string `json:"uploader_id"`
	CopyrightOwner                                  string `json:"copyright_owner"`
	RejectionReason                                 string `json:"rejection_reason"`
	StarCount                                       int    `json:"star_count"`
	Downloads                                       int
	IsPublic                                        bool   `json:"is_public"`
	IsPending                                       bool   `json:"is_pending"`
	TargetID                                        string `json:"target_id"`
	Type                                            string // of a star
	Tags                                            any
	Files                                           []struct {
		FileID       string `json:"file_id"`
		FileName     string `json:"file_name"`
		OriginalName string `json:"original_name"`
		FileType     string `json:"file_type"`
		FileSize     int64  `json:"file_size"`
	}
}

// page reads a page of cards.
func (a answer) page() page {
	a.Helper()
	var p page
	if err := json.Unmarshal(a.want(http.StatusOK).body, &p); err != nil {
		a.Fatalf("%s: %v: %s", a.request, err, a.body)
	}
	if p.Data == nil {
		a.Errorf("%s: data is no list: %s", a.request, a.body)
	}
	return p
}

// card reads a card.
func (a answer) card() card {
	a.Helper()
	var c card
	a.want(http.StatusOK).data(&c)
	return c
}

// names returns the names on a page, in its order.
func (p page) names() string {
	var names []string
	for _, c := range p.Data {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}
