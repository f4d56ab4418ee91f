package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
)

// roleVariable tells a process made from this binary what it is.
const roleVariable = "UNSTALE_BENCH_ROLE"

// A role is what a child process does: it reads its settings from in, says on
// out when it is ready, and then answers each request with one reply until in
// ends.
type role func(in *json.Decoder, out *json.Encoder) error

func roles() map[string]role {
	return map[string]role{"server": serveHits, "resident": serveResident, "pile": servePile, "peer": servePeer}
}

// playRole runs the role that the environment names, if it names one, and does
// not return then.
func playRole() {
	name := os.Getenv(roleVariable)
	if name == "" {
		return
	}
	play, ok := roles()[name]
	err := fmt.Errorf("no role %q", name)
	if ok {
		err = play(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A child is a process that plays a role.
type child struct {
	name string
	cmd  *exec.Cmd
	in   io.Closer
	enc  *json.Encoder
	dec  *json.Decoder
}

// startChild starts a role and waits until it is ready. ready receives what it
// says then.
func startChild(ctx context.Context, name string, settings, ready any) (*child, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), roleVariable+"="+name)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{name, cmd, in, json.NewEncoder(in), json.NewDecoder(out)}
	if err := c.call(settings, ready); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// call sends a request and reads the reply.
func (c *child) call(request, reply any) error {
	if err := c.enc.Encode(request); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	if err := c.dec.Decode(reply); err != nil {
		return fmt.Errorf("%s: %w", c.name, err)
	}
	return nil
}

// stop lets the child end and waits for it.
func (c *child) stop() error {
	if err := c.in.Close(); err != nil {
		return err
	}
	return c.cmd.Wait()
}
