package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The suite as npm has it.
const (
	pinnedName    = "http-cache-tests"
	pinnedVersion = "0.4.5"
)

// suiteScript prints the tests of a suite as JSON, which are defined in JavaScript.
//
//go:embed suite.mjs
var suiteScript string

// A suite is an installed copy of the test suite.
type suite struct {
	name   string
	dir    string
	engine string // where its programs are, below dir
}

// findSuite returns the suite in dir, or the pinned one where dir is "". That is
// installed below cache, unless it is there.
func findSuite(ctx context.Context, dir, cache string, stderr io.Writer) (*suite, error) {
	name := "the suite in " + dir
	if dir == "" {
		var err error
		if dir, err = install(ctx, cache, stderr); err != nil {
			return nil, err
		}
		name = pinnedName + " " + pinnedVersion
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, engine := range [...]string{".", "test-engine"} { // as npm has it, and as it is now
		if _, err := os.Stat(filepath.Join(dir, engine, "cli.mjs")); err == nil {
			return &suite{name: name, dir: dir, engine: engine}, nil
		}
	}
	return nil, fmt.Errorf("no suite in %s", dir)
}

// install has npm install the pinned suite, and returns its directory.
func install(ctx context.Context, cache string, stderr io.Writer) (string, error) {
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(user, "unstale-conformance")
	}
	prefix := filepath.Join(cache, pinnedName+"-"+pinnedVersion)
	modules := filepath.Join(prefix, "node_modules")
	if _, err := os.Stat(filepath.Join(modules, ".package-lock.json")); err == nil { // npm writes it last
		return filepath.Join(modules, pinnedName), nil
	}
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return "", err
	}
	npm := exec.CommandContext(ctx, "npm", "install", "--prefix", prefix, "--no-save", "--no-audit", "--no-fund",
		"--no-update-notifier", "--ignore-scripts", "--omit=dev", "--loglevel=error", pinnedName+"@"+pinnedVersion)
	npm.Dir, npm.Stdout, npm.Stderr = prefix, stderr, stderr
	if err := npm.Run(); err != nil {
		return "", fmt.Errorf("npm install %s: %w", pinnedName, err)
	}
	return filepath.Join(modules, pinnedName), nil
}

// node returns a command that runs node in the suite's directory, with the
// settings that "npm run" would pass on.
func (s *suite) node(ctx context.Context, settings []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "node", append([]string{"--no-warnings"}, args...)...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), settings...)
	return cmd
}

func (s *suite) program(path ...string) string {
	return filepath.Join(append([]string{s.dir, s.engine}, path...)...)
}

// tests returns the tests of the suite.
func (s *suite) tests(ctx context.Context) ([]test, error) {
	out, err := s.node(ctx, nil, "--input-type=module", "--eval", suiteScript, "--", s.dir).Output()
	if err != nil {
		return nil, fmt.Errorf("the suite's tests: %w", withStderr(err))
	}
	return parseTests(out)
}

// ask has the suite's client ask through the proxy at base, and returns what it
// found.
func (s *suite) ask(ctx context.Context, base string, stderr io.Writer) (results, error) {
	cmd := s.node(ctx, []string{"npm_config_base=" + base, "npm_config_id=", "npm_package_config_id="}, s.program("cli.mjs"))
	cmd.Stderr = stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("the suite's client: %w", err)
	}
	return parseResults(out)
}

// An origin is the suite's server, which answers each test as it asks for.
type origin struct {
	url  *url.URL
	stop func()
}

// startOrigin starts the suite's server on a port of its own. It is up when this
// returns.
func (s *suite) startOrigin(ctx context.Context, stderr io.Writer) (*origin, error) {
	scratch, err := os.MkdirTemp("", "unstale-conformance-")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := s.node(ctx, []string{
		"npm_config_protocol=http", "npm_config_port=0", "npm_config_pidfile=" + filepath.Join(scratch, "pid"),
	}, s.program("server", "server.mjs"))
	cmd.Stderr, cmd.WaitDelay = stderr, time.Second
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, errors.Join(fmt.Errorf("the suite's server: %w", err), os.RemoveAll(scratch))
	}
	listening, read := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); { // to the end, for the server not to wait
			if at, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
				select {
				case listening <- at:
				default:
				}
			}
		}
	}()
	stop := func() {
		cancel()
		<-read
		_ = cmd.Wait() // it was killed
		_ = os.RemoveAll(scratch)
	}
	select {
	case at := <-listening:
		u, err := url.Parse(at)
		if err != nil {
			stop()
			return nil, fmt.Errorf("the suite's server: %w", err)
		}
		return &origin{url: &url.URL{Scheme: u.Scheme, Host: "localhost:" + u.Port()}, stop: stop}, nil
	case <-read:
		stop()
		return nil, errors.New("the suite's server ended before it listened")
	case <-time.After(time.Minute):
		stop()
		return nil, errors.New("the suite's server does not listen")
	}
}

// withStderr adds what a command complained of to its error.
func withStderr(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w\n%s", err, exit.Stderr)
	}
	return err
}

func parseTests(b []byte) ([]test, error) {
	var tests []test
	if err := json.Unmarshal(b, &tests); err != nil {
		return nil, fmt.Errorf("the suite's tests: %w", err)
	}
	return tests, nil
}
