package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDictionaryFile(t *testing.T) {
	t.Parallel()
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "words.json")
	write := func(path, word string) {
		t.Helper()
		if err := os.WriteFile(path, fmt.Appendf(nil, `{"tokens":{"word":%q}}`, word), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shows := func(p *process, word string) {
		t.Helper()
		if status, body := p.get("/api/dictionary/translation", ""); status != http.StatusOK || !strings.Contains(body, word) {
			t.Errorf("%d %s, want %s", status, body, word)
		}
	}
	p := spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).started()
	shows(p, `"nickname":"昵称"`)
	write(filepath.Join(dir, "dictionary.json"), "first")
	shows(p, "first")
	write(filepath.Join(dir, "dictionary.json"), "later")
	shows(p, "later")
	p.stop()
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir, "--dictionary", elsewhere).fails(1, "--dictionary", elsewhere)
	write(elsewhere, "elsewhere")
	p = spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir, "--dictionary", elsewhere).started()
	shows(p, "elsewhere")
	p.stop()
}

func TestModerationSettings(t *testing.T) {
	t.Parallel()
	list := filepath.Join(t.TempDir(), "words.txt")
	spawn(t, nil, "--addr=127.0.0.1:0", "--moderation-words", list).fails(1, "--moderation-words", list)
	if err := os.WriteFile(list, []byte("abuse Kohlkopf\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		confidence := 0.1
		if r.Header.Get("Authorization") == "Bearer sk-1" {
			confidence = 0.9
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"choices":[{"message":{"role":"assistant","content":"{\"decision\":\"unknown\",\"confidence\":%v}"}}]}`, confidence)
	}))
	t.Cleanup(service.Close)
	for _, c := range []struct {
		env  []string
		args []string
		want string
	}{
		{nil, nil, `"decision":"true"`},
		{nil, []string{"--moderation-words", list}, `"decision":"false"`},
		{[]string{envKey + "=sk-1"}, []string{"--moderation-url", service.URL, "--moderation-model=m"}, `"confidence":0.9`},
	} {
		p := spawn(t, append(c.env, withPassword...), append(c.args, "--addr=127.0.0.1:0", "--super-admin", adminName)...).started()
		v, err := p.logIn(adminName, adminPassword)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/api/moderation/check", strings.NewReader(`{"text":"Kohlkopf!"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+v.token)
		r.Header.Set("Content-Type", "application/json")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body := new(strings.Builder)
		if err := w.Write(body); err != nil || !strings.Contains(body.String(), c.want) {
			t.Errorf("%v: %s, want %s", c.args, body, c.want)
		}
		if stdout, stderr := p.outputs(); strings.Contains(stdout+stderr, "sk-1") {
			t.Errorf("the key is in what the notebook prints: %s%s", stdout, stderr)
		}
		p.stop()
	}
}
