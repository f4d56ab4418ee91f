//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
)

// A server is a service as a process that can be killed and started anew at the
// same address.
type server struct {
	settings []byte
	listener *os.File
	address  string

	mu      sync.Mutex // held over what may kill or start it
	process *process
}

// A process is one life of a child.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	pipe  io.Closer
	out   *bufio.Reader
	ended chan struct{}    // closed when it has ended
	state *os.ProcessState // how, then
	err   error
}

// spawn starts a child in a role.
func spawn(ctx context.Context, role, settings, failpoints string, files ...*os.File) (*process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.CommandContext(ctx, binary), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, settingsVariable+"="+settings, "UNSTALE_FAILPOINTS="+failpoints)
	p.cmd.Stderr = os.Stderr
	p.cmd.ExtraFiles = files
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.pipe, p.out = out, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		// Not cmd.Wait, which closes the pipe that its last words are in.
		p.state, p.err = p.cmd.Process.Wait()
		close(p.ended)
	}()
	return p, nil
}

// newServer listens and starts the server.
func newServer(ctx context.Context, s serverSettings, failpoints string) (_ *server, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }() // the file below is a descriptor of its own
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("%T is no TCP listener", l)
	}
	v := &server{address: "http://" + l.Addr().String()}
	if v.settings, err = json.Marshal(s); err != nil {
		return nil, err
	}
	if v.listener, err = tcp.File(); err != nil {
		return nil, err
	}
	if err := v.start(ctx, failpoints); err != nil {
		return nil, errors.Join(err, v.listener.Close())
	}
	return v, nil
}

func (v *server) start(ctx context.Context, failpoints string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.startLocked(ctx, failpoints)
}

func (v *server) startLocked(ctx context.Context, failpoints string) (err error) {
	v.process, err = spawn(ctx, "server", string(v.settings), failpoints, v.listener)
	return err
}

// kill ends the server as kill -9 does.
func (v *server) kill() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.killLocked()
}

// restart kills the server and starts it anew; commands wait for that.
func (v *server) restart(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.killLocked(); err != nil {
		return err
	}
	return v.startLocked(ctx, "")
}

func (v *server) killLocked() error {
	if err := v.process.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-v.process.ended
	return v.process.close()
}

// tell gives the server a command, see obey, and returns the number that it
// answers.
func (v *server) tell(command string) (n uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, err := fmt.Fprintln(v.process.in, command); err != nil {
		return 0, err
	}
	line, err := v.process.out.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(line, "ok %d\n", &n); err != nil {
		return 0, fmt.Errorf("%s: %s", command, line)
	}
	return n, nil
}

// close lets the server end and waits for it.
func (v *server) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return errors.Join(v.process.end(), v.listener.Close())
}

// end closes the process's input and waits until it has ended, by itself.
func (p *process) end() error {
	err := p.in.Close()
	if errors.Is(err, os.ErrClosed) {
		err = nil
	}
	<-p.ended
	if p.err == nil && !p.state.Success() {
		p.err = fmt.Errorf("a child ended with %s", p.state)
	}
	return errors.Join(err, p.err, p.pipe.Close())
}

// close closes the pipes to a process that has ended.
func (p *process) close() error { return errors.Join(p.in.Close(), p.pipe.Close()) }
