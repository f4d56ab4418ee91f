package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// roleVariable tells a process made from this binary what it is.
const roleVariable = "UNSTALE_BENCH_ROLE"

// A Role is what a process made from this same binary does.
type Role struct {
	Name  string
	Serve func(*Talk) error // reads its settings, and ends with Obey
}

// A Talk is what a process and the one that started it say to each other, as the
// process has it.
type Talk struct {
	in  *json.Decoder
	out *json.Encoder
}

// Settings reads what the process was started with.
func (t *Talk) Settings(into any) error { return t.in.Decode(into) }

// An order is one thing to do, or nothing but to say what processor time was
// used; a done is the reply.
type (
	order struct {
		Do      any
		Collect bool
	}
	done struct {
		Used  time.Duration
		Reply any
	}
)

// Obey says that the process is ready, and does each order until there are no
// more.
func Obey[Order, Reply any](t *Talk, ready any, do func(Order) (Reply, error)) error {
	if err := t.out.Encode(ready); err != nil {
		return err
	}
	for {
		var o struct {
			Do      *Order
			Collect bool
		}
		if err := t.in.Decode(&o); err != nil {
			return err
		}
		var reply done
		var err error
		if o.Do != nil {
			reply.Reply, err = do(*o.Do)
		} else if o.Collect {
			runtime.GC()
		}
		if err == nil {
			reply.Used, err = processorTime()
		}
		if err != nil {
			return err
		}
		if err := t.out.Encode(reply); err != nil {
			return err
		}
	}
}

// Play plays the role that the environment names, if it names one, and does not
// return then.
func Play(roles ...Role) {
	name := os.Getenv(roleVariable)
	if name == "" {
		return
	}
	err := fmt.Errorf("no role %q", name)
	for _, r := range roles {
		if r.Name == name {
			err = r.Serve(&Talk{json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)})
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		fmt.Fprintf(os.Stderr, "bench: %s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A Process plays a role.
type Process struct {
	name string
	cmd  *exec.Cmd
	in   io.Closer
	enc  *json.Encoder
	dec  *json.Decoder
}

// Start starts a process and waits until it is ready. ready receives what it
// says then.
func (r Role) Start(ctx context.Context, settings, ready any) (*Process, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), roleVariable+"="+r.Name)
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
	p := &Process{r.Name, cmd, in, json.NewEncoder(in), json.NewDecoder(out)}
	if err := p.exchange(settings, ready); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

func (p *Process) exchange(request, reply any) error {
	err := p.enc.Encode(request)
	if err == nil {
		err = p.dec.Decode(reply)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// Order has the process do something.
func (p *Process) Order(do, reply any) error {
	return p.exchange(order{Do: do}, &done{Reply: reply})
}

// Processor returns what processor time the process has used, after it has
// collected garbage if it is to.
func (p *Process) Processor(collect bool) (time.Duration, error) {
	var d done
	err := p.exchange(order{Collect: collect}, &d)
	return d.Used, err
}

// Stop lets the process end and waits for it.
func (p *Process) Stop() error {
	if err := p.in.Close(); err != nil {
		return err
	}
	return p.cmd.Wait()
}
