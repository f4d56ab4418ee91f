package service

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale/notebook"
)

// TestFieldsNobodyReads reads forms with many large fields beside the name.
func TestFieldsNobodyReads(t *testing.T) {
	t.Parallel()
	read := func(names ...string) (*Form, error) {
		var body bytes.Buffer
		w := multipart.NewWriter(&body)
		for _, name := range names {
			if err := w.WriteField(name, strings.Repeat("x", notebook.MaxFormField)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodPost, "/", &body)
		r.Header.Set("Content-Type", w.FormDataContentType())
		form := &Form{Request: r, Fields: map[string]string{}}
		return form, Items{Kind: notebook.TargetKnowledge}.readForm(form)
	}
	names := []string{"name"}
	for i := range maxFields - 1 {
		names = append(names, fmt.Sprintf("f%d", i))
	}
	form, err := read(names...)
	if err != nil || len(form.Fields) != 1 || len(form.Fields["name"]) != notebook.MaxFormField {
		t.Errorf("%d fields are kept: %v", len(form.Fields), err)
	}
	if _, err := read(slices.Repeat([]string{"f"}, maxFields+1)...); err == nil {
		t.Error("any number of fields is read")
	}
}
