package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

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
