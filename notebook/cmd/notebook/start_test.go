package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"golang.org/x/crypto/bcrypt"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/store"
)

const (
	adminName     = "wen"
	adminPassword = "Long-Enough-1"
)

var withPassword = []string{envPassword + "=" + adminPassword}

// serving starts a notebook with a super admin on the data directory.
func serving(t *testing.T, dir string) *process {
	t.Helper()
	return spawn(t, withPassword, "--addr=127.0.0.1:0", "--data", dir, "--super-admin", adminName).started()
}

func TestStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "data")
	p := serving(t, dir)
	for _, path := range []string{"/health", "/", "/openapi.json", "/docs", "/api/persona/public"} {
		if status, body := p.get(path, ""); status != 200 || body == "" {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	if _, err := p.logIn(adminName, adminPassword); err != nil {
		t.Error(err)
	}
	p.stop()
	stdout, _ := p.outputs() // all of it, now
	for _, want := range []string{p.base, "tier S", "every write of this process shows in the very next read", dir, "/docs"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the start does not say %q:\n%s", want, stdout)
		}
	}
}

// TestWarmStart finds a start that waits for something. The binary is built and
// its file system is warm, the data directory is new or not.
func TestWarmStart(t *testing.T) {
	dir := t.TempDir()
	for _, kind := range []string{"new", "used"} {
		began := time.Now()
		p := spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).started()
		p.get("/api/persona/public", "")
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("with a %s data directory the first answer came after %v", kind, took)
		}
		p.stop()
	}
}

func TestWhatWasWrittenIsThereAfterARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serving(t, dir)
	v, err := p.logIn(adminName, adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.upload(map[string]string{"name": "kept", "description": "d"}, "version = '1'", nil); err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	p = serving(t, dir)
	if _, body := p.get("/api/users/me", v.token); !strings.Contains(body, adminName) {
		t.Errorf("a token from before the restart: %s", body)
	}
	var me struct{ ID string }
	v.base = p.base
	if err := v.get("/api/users/me", &me); err != nil {
		t.Fatal(err)
	}
	if _, body := p.get("/api/persona/user/"+me.ID, v.token); !strings.Contains(body, `"kept"`) {
		t.Errorf("the card is gone: %s", body)
	}
	p.stop()
	again, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil || !bytes.Equal(secret, again) {
		t.Errorf("the secret changed: %v", err)
	}
}

func TestSecretIsForTheOwnerAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	p := spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).started()
	for _, name := range []string{"secret", "notebook.db", "notebook.db-wal", "notebook.db-shm"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		} else if openToOthers(info) {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
	p.stop()
	path := filepath.Join(dir, "secret")
	secret, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).fails(1, path, "chmod 600")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, damaged := range []string{"", "short", strings.Repeat("z", 64), string(secret[:40])} {
		if err := os.WriteFile(path, []byte(damaged), 0o600); err != nil {
			t.Fatal(err)
		}
		spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).fails(1, path, "damaged")
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	p := spawn(t, nil, "--demo", "--addr=127.0.0.1:0").started()
	if left, err := os.ReadDir(p.temp); err != nil || len(left) != 1 {
		t.Errorf("%v %v: the demo keeps its data in one temporary directory", left, err)
	}
	for _, name := range []string{demoAdmin, "demo_moderator", "alice", "bob", "xiaoming"} {
		v, err := p.logIn(name, demoPassword)
		if err != nil {
			t.Error(err)
			continue
		}
		if stdout, _ := p.outputs(); !strings.Contains(stdout, name) || !strings.Contains(stdout, demoPassword) {
			t.Errorf("the start does not say how %s logs in:\n%s", name, stdout)
		}
		if name == "demo_moderator" {
			var waiting []struct{ Name string }
			for _, kind := range notebook.ItemKinds() {
				if err := v.get("/api/review/"+string(kind)+"/pending", &waiting); err != nil || len(waiting) == 0 {
					t.Errorf("no %s waits for review: %v", kind, err)
				}
			}
		}
	}
	looksAlive(t, p)
	printedCommands(t, p)
	p.stop()
	if left, err := os.ReadDir(p.temp); err != nil || len(left) != 0 {
		t.Errorf("%v %v: the demo leaves something behind", left, err)
	}
}

// printedCommands does what the start says, which is understood without Chinese: the
// last of it, done again, comes from the cache.
func printedCommands(t *testing.T, p *process) {
	t.Helper()
	stdout, _ := p.outputs()
	var response *http.Response
	n := 0
	for line := range strings.Lines(stdout) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "curl" {
			continue
		}
		n++
		for range 2 {
			method, header, form := http.MethodGet, make(http.Header), []string{}
			for i, word := range words[1 : len(words)-1] {
				switch next := words[i+2]; word {
				case "-H":
					name, value, _ := strings.Cut(next, ":")
					header.Set(name, value)
				case "-d":
					method, form = http.MethodPost, append(form, next)
				}
			}
			request, err := http.NewRequestWithContext(t.Context(), method, words[len(words)-1], strings.NewReader(strings.Join(form, "&")))
			if err != nil {
				t.Fatal(err)
			}
			request.Header = header
			if method == http.MethodPost {
				request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			}
			if response, err = http.DefaultClient.Do(request); err != nil {
				t.Fatal(err)
			}
			var answer struct{ Message string }
			err = json.NewDecoder(response.Body).Decode(&answer)
			_ = response.Body.Close()
			if err != nil || response.StatusCode != http.StatusOK || answer.Message == "" || strings.ContainsFunc(answer.Message, func(r rune) bool { return r > unicode.MaxASCII }) {
				t.Errorf("%s: %d %q %v", strings.TrimSpace(line), response.StatusCode, answer.Message, err)
			}
		}
	}
	if n != 2 || !strings.Contains(response.Header.Get("Cache-Status"), ";hit") {
		t.Errorf("%d commands are printed; the last one, done again, has %v", n, response.Header)
	}
}

// looksAlive fails the test unless the demo has what a site has that people use.
func looksAlive(t *testing.T, p *process) {
	t.Helper()
	alice, err := p.logIn("alice", demoPassword)
	if err != nil {
		t.Fatal(err)
	}
	type item struct {
		ID        string
		StarCount int `json:"star_count"`
		Downloads int
		Files     []struct {
			FileID string `json:"file_id"`
		}
	}
	get := func(path string, v any) {
		t.Helper()
		if err := alice.get(path, v); err != nil {
			t.Error(err)
		}
	}
	for _, kind := range notebook.ItemKinds() {
		var list []item
		base := "/api/" + string(kind) + "/"
		get(base+"public?sort_by=star_count&page_size=100", &list)
		if len(list) < 25 {
			t.Fatalf("%d public items of kind %s", len(list), kind)
		}
		first, middle := list[0], list[len(list)/2]
		if first.StarCount < 2*(middle.StarCount+1) || first.Downloads <= middle.Downloads {
			t.Errorf("%s: the most popular has %+v, one in the middle %+v", kind, first, middle)
		}
		get(base+first.ID, &first)
		if len(first.Files) == 0 {
			t.Errorf("%s: no files", kind)
		} else if status, body := p.get(base+first.ID+"/file/"+first.Files[0].FileID, alice.token); status != 200 || body == "" {
			t.Errorf("%s: the file: %d %q", kind, status, body)
		}
		var comments []struct {
			ParentID  *string
			LikeCount int
		}
		get("/api/comments?target_type="+string(kind)+"&target_id="+first.ID, &comments)
		answers, likes := 0, 0
		for _, c := range comments {
			likes += c.LikeCount
			if c.ParentID != nil {
				answers++
			}
		}
		if answers == 0 || likes == 0 {
			t.Errorf("%s: %d comments, %d answers, %d likes", kind, len(comments), answers, likes)
		}
	}
	var uploads, stars, announcements, letters []item
	get("/api/users/me/upload-history", &uploads)
	get("/api/users/stars", &stars)
	get("/api/messages/by-type/announcement", &announcements)
	get("/api/messages/by-type/direct", &letters)
	if len(uploads) == 0 || len(stars) == 0 || len(announcements) != 1 || len(letters) == 0 {
		t.Errorf("alice has %d uploads, %d stars, %d announcements and %d letters", len(uploads), len(stars), len(announcements), len(letters))
	}
	var me struct{ ID string }
	get("/api/users/me", &me)
	if status, face := p.get("/api/users/"+me.ID+"/avatar", ""); status != 200 || !strings.Contains(face, "<svg") {
		t.Errorf("alice's letter: %d %.100s", status, face)
	}
}

func TestDemoFillsADirectoryOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var bodies []string
	for range 2 {
		p := spawn(t, []string{"NOTEBOOK_DEMO=true", "NOTEBOOK_DATA=" + dir, "NOTEBOOK_ADDR=127.0.0.1:0"}).started()
		_, body := p.get("/api/persona/public", "")
		bodies = append(bodies, body)
		p.stop()
	}
	if bodies[0] != bodies[1] {
		t.Errorf("the second start changed the demo:\n%s\n%s", bodies[0], bodies[1])
	}
}

// The demo's password is public: no notebook that people use gets its users.
func TestDemoIsForNobodyElsesDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	serving(t, dir).stop()
	spawn(t, withPassword, "--addr=127.0.0.1:0", "--data", dir, "--super-admin", adminName, "--demo").fails(1, "--demo", "--data")
	p := serving(t, dir)
	if _, err := p.logIn(demoAdmin, demoPassword); err == nil {
		t.Error("the demo's admin is there")
	}
	p.stop()
}

func TestCheckDemo(t *testing.T) {
	t.Parallel()
	held, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "notebook.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = held.Close() })
	v := &opened{store: held, cost: bcrypt.MinCost}
	for _, step := range []struct {
		name    string // of the super admin who comes before
		refused bool
	}{{"", false}, {adminName, true}, {demoAdmin, false}} {
		if step.name != "" {
			if _, err := v.superAdmin(t.Context(), step.name, adminPassword); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.checkDemo(t.Context()); (err != nil) != step.refused {
			t.Errorf("after %q: %v", step.name, err)
		}
	}
}

func TestDemoWarnsBeyondThisMachine(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": true, "::": true, "192.0.2.1": true} {
		for _, demo := range []bool{false, true} {
			var out strings.Builder
			announce(&out, &settings{Demo: demo}, &net.TCPAddr{IP: net.ParseIP(host), Port: 8080}, nil, &dataDir{}, true)
			if got := strings.Contains(out.String(), "WARNING"); got != (want && demo) {
				t.Errorf("%s, demo %v: warned %v", host, demo, got)
			}
		}
	}
}

func TestCacheOff(t *testing.T) {
	t.Parallel()
	p := spawn(t, []string{"NOTEBOOK_CACHE=off"}, "--addr=127.0.0.1:0").started()
	if stdout, _ := p.outputs(); !strings.Contains(stdout, "off: every answer is computed anew") {
		t.Errorf("the start does not say that the cache is off:\n%s", stdout)
	}
	p.get("/api/persona/public", "")
	p.stop()
	if _, err := os.Stat(filepath.Join(p.temp, defaultData, "notebook.db")); err != nil {
		t.Errorf("without --data: %v", err)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	p := spawn(t, nil, "--help")
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	stdout, _ := p.outputs()
	for _, want := range []string{"--addr", "--data", "--cache", "--demo", "--super-admin", "--mail", "--proxies", "--origins", "--dictionary", "--moderation-url", "knowledge bases", "NOTEBOOK_ADDR", "NOTEBOOK_DATA", "NOTEBOOK_CACHE", "NOTEBOOK_DEMO", "NOTEBOOK_SUPER_ADMIN", envPassword, "127.0.0.1:8080"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the help does not say %s:\n%s", want, stdout)
		}
	}
}

func TestRefusedSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		args []string
		says []string
	}{
		{"unknown flag", nil, []string{"--adr=x"}, []string{"--adr"}},
		{"an argument", nil, []string{"serve"}, []string{"serve"}},
		{"unknown variable", []string{"NOTEBOOK_ADRR=127.0.0.1:1"}, nil, []string{"NOTEBOOK_ADRR", "NOTEBOOK_ADDR"}},
		{"cache neither on nor off", nil, []string{"--cache=maybe"}, []string{"--cache", "maybe"}},
		{"the same as a variable", []string{"NOTEBOOK_CACHE=maybe"}, nil, []string{"maybe"}},
		{"demo neither true nor false", []string{"NOTEBOOK_DEMO=perhaps"}, nil, []string{"perhaps"}},
		{"a super admin without a password", nil, []string{"--super-admin=wen"}, []string{envPassword}},
		{"with an empty one", []string{envPassword + "="}, []string{"--super-admin=wen"}, []string{envPassword}},
		{"a model nowhere", nil, []string{"--moderation-model=m"}, []string{"--moderation-url", "--moderation-model"}},
		{"a service without a model", nil, []string{"--moderation-url=http://127.0.0.1:1"}, []string{"--moderation-url", "--moderation-model"}},
		{"a service that is none", nil, []string{"--moderation-url=nowhere", "--moderation-model=m"}, []string{"--moderation-url", "http://"}},
		{"a model and a list", nil, []string{"--moderation-url=http://h", "--moderation-model=m", "--moderation-words=w"}, []string{"exclude each other"}},
		{"with a weak one", []string{envPassword + "=secret"}, []string{"--super-admin=wen"}, []string{envPassword, "8 to 72"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := spawn(t, c.env, append([]string{"--addr=127.0.0.1:0"}, c.args...)...)
			p.fails(2, c.says...)
			if _, stderr := p.outputs(); strings.Contains(stderr, notebook.ErrPasswordWeak.Code) {
				t.Errorf("a code for programs is shown to people: %s", stderr)
			}
			if left, err := os.ReadDir(p.temp); err != nil || len(left) != 0 {
				t.Errorf("%v %v: a refused call made files", left, err)
			}
		})
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	spawn(t, nil, "--addr", addr).fails(1, addr, "--addr", "in use")
	spawn(t, nil, "--addr", "127.0.0.1:http-please").fails(1, "--addr")
}

func TestDirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := serving(t, dir)
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir).fails(1, dir, "in use by another notebook (process ")
	if _, err := first.logIn(adminName, adminPassword); err != nil {
		t.Errorf("the first notebook suffered: %v", err)
	}
	// Whatever way the first ends, the directory is free.
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	first.wait()
	second := serving(t, dir)
	if _, err := second.logIn(adminName, adminPassword); err != nil {
		t.Error(err)
	}
	second.stop()
}

func TestNameOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	spawn(t, nil, "--addr=127.0.0.1:0", "--data", dir, "--demo").started().stop()
	spawn(t, withPassword, "--addr=127.0.0.1:0", "--data", dir, "--super-admin=alice").fails(1, "alice", "--super-admin")
}
