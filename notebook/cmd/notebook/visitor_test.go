package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
)

// A visitor talks to the notebook like any program would.
type visitor struct {
	ctx         context.Context
	base, token string
}

func (v *visitor) logIn(name, password string) error {
	var got struct {
		AccessToken string `json:"access_token"`
	}
	err := v.post("/api/auth/token", map[string]string{"username": name, "password": password}, &got)
	v.token = got.AccessToken
	return err
}

// post sends input as JSON, nothing at all for nil, and reads the data of the
// answer into output where it is not nil.
func (v *visitor) post(path string, input, output any) error {
	if input == nil {
		return v.send(path, "", nil, output)
	}
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	return v.send(path, "application/json", bytes.NewReader(body), output)
}

func (v *visitor) upload(fields map[string]string, toml string, output any) error {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			return err
		}
	}
	part, err := form.CreateFormFile("files", "bot_config.toml")
	if err != nil {
		return err
	}
	if _, err := io.WriteString(part, toml); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}
	return v.send("/api/persona/upload", form.FormDataContentType(), &body, output)
}

func (v *visitor) send(path, contentType string, body io.Reader, output any) error {
	request, err := http.NewRequestWithContext(v.ctx, http.MethodPost, v.base+path, body)
	if err != nil {
		return err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if v.token != "" {
		request.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s: %s", path, response.Status, answer)
	}
	if output == nil {
		return nil
	}
	return json.Unmarshal(answer, &struct {
		Data any `json:"data"`
	}{output})
}

// get reads the data of what is at the path.
func (v *visitor) get(path string, output any) error {
	r, err := http.NewRequestWithContext(v.ctx, http.MethodGet, v.base+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+v.token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer w.Body.Close()
	if w.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, w.Status)
	}
	return json.NewDecoder(w.Body).Decode(&struct {
		Data any `json:"data"`
	}{output})
}
