package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/unstale/unstale/bench/harness"
)

const (
	adminName = "bench_admin"
	password  = "Bench-Notebook-1"
)

// A user speaks to a notebook in this process.
type user struct {
	site  http.Handler
	token string
	id    string
}

// send sends a request and reads the data of the answer into data, if that is
// not nil.
func (u *user) send(ctx context.Context, method, path, contentType string, body io.Reader, data any) error {
	r, err := http.NewRequestWithContext(ctx, method, "http://site.test"+path, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", contentType)
	if u.token != "" {
		r.Header.Set("Authorization", "Bearer "+u.token)
	}
	a := harness.Ask(u.site, r)
	if a.Status != http.StatusOK {
		return fmt.Errorf("%s %s: %d: %.300s", method, path, a.Status, a.Body)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(a.Body, &struct {
		Data any `json:"data"`
	}{data})
}

// logIn returns the user of a name.
func logIn(ctx context.Context, site http.Handler, name string) (*user, error) {
	u := &user{site: site}
	var got struct {
		AccessToken string `json:"access_token"`
		User        struct{ ID string }
	}
	form := url.Values{"username": {name}, "password": {password}}.Encode()
	err := u.send(ctx, http.MethodPost, "/api/auth/token", "application/x-www-form-urlencoded", strings.NewReader(form), &got)
	u.token, u.id = got.AccessToken, got.User.ID
	return u, err
}

// upload uploads a card that is to be public, lets the admin approve it, and
// returns its id.
func (u *user) upload(ctx context.Context, admin *user, name string) (string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	var errs []error
	for field, value := range map[string]string{
		"name": name, "description": "about " + name, "copyright_owner": "the artist", "content": "0", "tags": "one,two", "is_public": "true",
	} {
		errs = append(errs, form.WriteField(field, value))
	}
	file, err := form.CreateFormFile("files", "bot_config.toml")
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(file, "[inner]\nversion = \"1.0.0\"\n")
	if err := errors.Join(append(errs, err, form.Close())...); err != nil {
		return "", err
	}
	var card struct{ ID string }
	if err := u.send(ctx, http.MethodPost, "/api/persona/upload", form.FormDataContentType(), &body, &card); err != nil {
		return "", err
	}
	return card.ID, admin.send(ctx, http.MethodPost, "/api/review/persona/"+card.ID+"/approve", "application/json", strings.NewReader("{}"), nil)
}
