package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// binary is the command, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "notebook-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "notebook")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the command:", err)
		return 1
	}
	return m.Run()
}

// A process is the command as somebody runs it.
type process struct {
	testing.TB
	cmd    *exec.Cmd
	temp   string // its TMPDIR
	base   string // where it listens, once it does
	mu     sync.Mutex
	stdout bytes.Buffer
	stderr bytes.Buffer
	ready  chan struct{} // closed when base is known
	exited chan struct{}
	err    error // of the exit
}

// spawn starts the command with a clean environment. Lines in env have the form
// NAME=value.
func spawn(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	return spawnAs(t, env, exec.Command(binary, args...))
}

func spawnAs(t testing.TB, env []string, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{TB: t, cmd: cmd, temp: t.TempDir(), ready: make(chan struct{}), exited: make(chan struct{})}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.temp, "TMPDIR=" + p.temp}, env...)
	cmd.Dir = p.temp
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	readers.Go(func() { p.copy(&p.stdout, out, p.announced) })
	readers.Go(func() { p.copy(&p.stderr, errs, func(string) {}) })
	go func() {
		readers.Wait()
		p.err = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // gone already, most of the time
		<-p.exited
	})
	return p
}

// announced notices the line that says where the notebook is.
func (p *process) announced(line string) {
	if base, ok := strings.CutPrefix(line, "The notebook is at "); ok {
		p.base = strings.TrimSpace(base)
		close(p.ready)
	}
}

// copy collects output and shows each line of it.
func (p *process) copy(to *bytes.Buffer, from io.Reader, show func(line string)) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		rest, _ := lines.Peek(lines.Buffered()) // what was written with it
		line += string(rest)
		_, _ = lines.Discard(len(rest))
		p.mu.Lock()
		to.WriteString(line)
		p.mu.Unlock()
		for l := range strings.Lines(line) {
			show(l)
		}
		if err != nil {
			return
		}
	}
}

func (p *process) outputs() (stdout, stderr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stdout.String(), p.stderr.String()
}

// started waits until the command serves.
func (p *process) started() *process {
	p.Helper()
	select {
	case <-p.ready:
	case <-p.exited:
		_, stderr := p.outputs()
		p.Fatalf("the command ended: %v\n%s", p.err, stderr)
	case <-time.After(3 * time.Minute):
		p.Fatal("the command does not serve")
	}
	return p
}

// wait waits for the end and returns the exit code, -1 for a signal.
func (p *process) wait() int {
	p.Helper()
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		stdout, stderr := p.outputs()
		p.Fatalf("the command does not end\n%s%s", stdout, stderr)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode()
	}
	if p.err != nil {
		p.Fatal(p.err)
	}
	return 0
}

// stop interrupts the command and expects it to end well.
func (p *process) stop() {
	p.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.Fatal(err)
	}
	if code := p.wait(); code != 0 {
		_, stderr := p.outputs()
		p.Errorf("exit code %d after an interrupt\n%s", code, stderr)
	}
}

// fails expects the command to end by itself with the exit code, and with one
// sentence on standard error that contains the words.
func (p *process) fails(code int, words ...string) {
	p.Helper()
	got := p.wait()
	stdout, stderr := p.outputs()
	if got != code {
		p.Errorf("exit code %d, want %d\n%s%s", got, code, stdout, stderr)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "notebook: ") {
		p.Errorf("standard error is not one sentence:\n%s", stderr)
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			p.Errorf("standard error does not say %q:\n%s", word, stderr)
		}
	}
	if stdout != "" {
		p.Errorf("a failed start prints to standard output:\n%s", stdout)
	}
}

// get asks the running notebook.
func (p *process) get(path, token string) (status int, body string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	defer w.Body.Close()
	data, err := io.ReadAll(w.Body)
	if err != nil {
		p.Fatal(err)
	}
	return w.StatusCode, string(data)
}

// logIn returns somebody who has logged in.
func (p *process) logIn(name, password string) (*visitor, error) {
	v := &visitor{ctx: p.Context(), base: p.base}
	return v, v.logIn(name, password)
}

func (p *process) host() string {
	p.Helper()
	u, err := url.Parse(p.base)
	if err != nil {
		p.Fatal(err)
	}
	return u.Host
}
