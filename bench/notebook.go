package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A notebookServer is the notebook's own command, started on an empty data
// directory.
type notebookServer struct {
	cmd  *exec.Cmd
	dir  string
	base string
	http *http.Client
}

const (
	adminName     = "bench_admin"
	benchPassword = "Bench-Notebook-1"
)

// buildNotebook builds the command into dir.
func buildNotebook(ctx context.Context, dir string) (binary string, err error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/unstale/unstale").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	binary = filepath.Join(dir, "notebook")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/notebook")
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), "notebook")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// startNotebook starts the command and waits until it says where it listens.
// Its log goes to a file beside its data.
func startNotebook(ctx context.Context, binary, dir, cache string) (_ *notebookServer, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, log.Close()) }() // the command has its own descriptor
	n := &notebookServer{dir: dir, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}}
	n.cmd = exec.CommandContext(ctx, binary, "--addr=127.0.0.1:0", "--data", filepath.Join(dir, "data"), "--cache", cache, "--super-admin", adminName)
	n.cmd.Env = append(os.Environ(), "NOTEBOOK_SUPER_ADMIN_PASSWORD="+benchPassword)
	n.cmd.Stderr = log
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, base, found := strings.Cut(lines.Text(), "The notebook is at "); found {
			n.base = base
			go io.Copy(io.Discard, out) //nolint:errcheck // ends with the command
			return n, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("the notebook did not start; see %s", log.Name()), n.cmd.Wait())
}

// stop asks the command to end and waits for it.
func (n *notebookServer) stop() error {
	n.http.CloseIdleConnections()
	if err := n.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return n.cmd.Wait()
}

// A guest talks to one notebook, as somebody.
type guest struct {
	*notebookServer
	token string
	id    string
}

// send sends a request and reads the data of the answer into data, if that is
// not nil. It returns the body.
func (g *guest) send(ctx context.Context, method, path, contentType string, body io.Reader, data any) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, g.base+path, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if g.token != "" {
		r.Header.Set("Authorization", "Bearer "+g.token)
	}
	w, err := g.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer w.Body.Close()
	got, err := io.ReadAll(w.Body)
	if err != nil {
		return nil, err
	}
	if w.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, path, w.Status, got)
	}
	if data != nil {
		err = json.Unmarshal(got, &struct {
			Data any `json:"data"`
		}{data})
	}
	return got, err
}

func (g *guest) get(ctx context.Context, path string, data any) error {
	_, err := g.send(ctx, http.MethodGet, path, "", nil, data)
	return err
}

// call sends input as JSON, nothing for nil.
func (g *guest) call(ctx context.Context, method, path string, input, data any) error {
	if input == nil {
		_, err := g.send(ctx, method, path, "", nil, data)
		return err
	}
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	_, err = g.send(ctx, method, path, "application/json", bytes.NewReader(body), data)
	return err
}

// logIn returns a guest that is somebody.
func (n *notebookServer) logIn(ctx context.Context, name string) (*guest, error) {
	g := &guest{notebookServer: n}
	var got struct {
		AccessToken string `json:"access_token"`
		User        struct{ ID string }
	}
	form := url.Values{"username": {name}, "password": {benchPassword}}.Encode()
	_, err := g.send(ctx, http.MethodPost, "/api/auth/token", "application/x-www-form-urlencoded", strings.NewReader(form), &got)
	g.token, g.id = got.AccessToken, got.User.ID
	return g, err
}

// upload uploads a card that is to be public and lets the admin approve it. It
// returns the card's id.
func (g *guest) upload(ctx context.Context, admin *guest, name string) (string, error) {
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
	if _, err := g.send(ctx, http.MethodPost, "/api/persona/upload", form.FormDataContentType(), &body, &card); err != nil {
		return "", err
	}
	return card.ID, admin.call(ctx, http.MethodPost, "/api/review/persona/"+card.ID+"/approve", struct{}{}, nil)
}

// A scrape is the notebook's counters in Prometheus' text format.
type scrape []byte

func (n *notebookServer) scrape(ctx context.Context) (scrape, error) {
	g := guest{notebookServer: n}
	return g.send(ctx, http.MethodGet, "/api/metrics/prometheus", "", nil, nil)
}

// A sample is one line of a scrape.
type sample struct {
	labels map[string]string
	value  float64
}

var (
	sampleLine  = regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? (\S+)$`)
	sampleLabel = regexp.MustCompile(`(\w+)=("(?:[^"\\]|\\.)*")`)
)

// samples returns the lines of a counter.
func (s scrape) samples(name string) (list []sample) {
	for _, m := range sampleLine.FindAllSubmatch(s, -1) {
		value, err := strconv.ParseFloat(string(m[3]), 64)
		if string(m[1]) != name || err != nil {
			continue
		}
		labels := make(map[string]string)
		for _, l := range sampleLabel.FindAllSubmatch(m[2], -1) {
			if text, err := strconv.Unquote(string(l[2])); err == nil {
				labels[string(l[1])] = text
			}
		}
		list = append(list, sample{labels, value})
	}
	return list
}

// sum adds up a counter over its labels.
func (s scrape) sum(name string) (total float64) {
	for _, l := range s.samples(name) {
		total += l.value
	}
	return total
}

// byRoute adds up a counter for each route.
func (s scrape) byRoute(name string) map[string]float64 {
	sums := make(map[string]float64)
	for _, l := range s.samples(name) {
		sums[l.labels["route"]] += l.value
	}
	return sums
}
