package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/unstale/unstale/bench/report"
)

// Host is what requests name as their host.
const Host = "bench.example"

// A Load asks one server over kept-alive connections, for one URI unless Vary
// was called. It is cheap on purpose: on a small machine what the client burns,
// the server lacks.
type Load struct {
	Body []byte // that every answer must have; nil: any
	Line []byte // what the head of every answer must contain

	conns    []*Conn
	requests [][]byte // by turns
	sample   []byte   // the first answer, header and body
}

// A Conn is a connection to a server.
type Conn struct {
	net.Conn
	r *bufio.Reader
}

// Dial connects.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Conn{conn, bufio.NewReaderSize(conn, 16<<10)}, nil
}

// NewLoad connects and asks once on every connection.
func NewLoad(ctx context.Context, addr, path string, connections int) (*Load, error) {
	l := &Load{Line: hitLine, requests: [][]byte{loadRequest(path)}}
	for range connections {
		c, err := Dial(ctx, addr)
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		l.conns = append(l.conns, c)
		head, body, err := c.Exchange(l.requests[0])
		if err != nil {
			return nil, errors.Join(err, l.Close())
		}
		if l.sample == nil {
			l.sample = append(bytes.Clone(head), body...)
			l.Body = bytes.Clone(body)
		}
	}
	return l, nil
}

func loadRequest(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + Host + "\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n\r\n")
}

// Vary has the load ask for these paths by turns, whose bodies may differ.
func (l *Load) Vary(paths []string) {
	l.Body, l.requests = nil, nil
	for _, path := range paths {
		l.requests = append(l.requests, loadRequest(path))
	}
}

// Close closes the connections.
func (l *Load) Close() error {
	var errs []error
	for _, c := range l.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// perAnswer matches what differs from answer to answer of the same server.
var perAnswer = regexp.MustCompile(`(?m)^(Date: |Age: |Cache-Status: unstale;hit;ttl=)[^\r]*`)

// Comparable returns the sample answer, byte for byte as it came, but for the
// values of Date, Age and the ttl in Cache-Status.
func (l *Load) Comparable() []byte { return perAnswer.ReplaceAll(l.sample, []byte("$1*")) }

var (
	statusOK      = []byte("HTTP/1.1 200 OK\r\n")
	hitLine       = []byte("\r\nCache-Status: unstale;hit")
	contentLength = []byte("\r\nContent-Length: ")
	headEnd       = []byte("\r\n\r\n")
	lineEnd       = []byte("\r\n")
)

// Exchange sends the request and reads the answer, whose bytes are valid until
// the next call.
func (c *Conn) Exchange(request []byte) (head, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return nil, nil, err
	}
	return c.Receive()
}

// Receive reads the next answer, whose bytes are valid until the next call.
func (c *Conn) Receive() (head, body []byte, err error) {
	for n := 1; ; {
		if _, err := c.r.Peek(n); err != nil {
			return nil, nil, err
		}
		b, err := c.r.Peek(c.r.Buffered())
		if err != nil {
			return nil, nil, err
		}
		end := bytes.Index(b, headEnd)
		if end < 0 {
			n = len(b) + 1
			continue
		}
		head = b[:end+len(headEnd)]
		_, rest, found := bytes.Cut(head, contentLength)
		if !found {
			return nil, nil, fmt.Errorf("an answer without Content-Length: %q", head)
		}
		value, _, _ := bytes.Cut(rest, lineEnd)
		length, err := strconv.Atoi(string(value))
		if err != nil {
			return nil, nil, err
		}
		b, err = c.r.Peek(len(head) + length)
		if err != nil {
			return nil, nil, err
		}
		if _, err := c.r.Discard(len(b)); err != nil {
			return nil, nil, err
		}
		return b[:len(head)], b[len(head):], nil
	}
}

// Run asks on all connections for a while, each as soon as it has its answer,
// and checks every answer. It returns how many there were, how long it took, and
// the latency of every 16th.
func (l *Load) Run(length time.Duration) (n int, elapsed time.Duration, latencies []float64, err error) {
	var wg sync.WaitGroup
	counts := make([]int, len(l.conns))
	sampled := make([][]float64, len(l.conns))
	errs := make([]error, len(l.conns))
	start := time.Now()
	for i, c := range l.conns {
		wg.Go(func() {
			for now := start; now.Sub(start) < length; counts[i]++ {
				// Each connection begins elsewhere.
				head, body, err := c.Exchange(l.requests[(counts[i]+i*len(l.requests)/len(l.conns))%len(l.requests)])
				if err != nil {
					errs[i] = err
					return
				}
				if !bytes.HasPrefix(head, statusOK) || !bytes.Contains(head, l.Line) || l.Body != nil && !bytes.Equal(body, l.Body) {
					errs[i] = fmt.Errorf("%w: %q", ErrOtherAnswer, head)
					return
				}
				after := time.Now()
				if counts[i]%16 == 0 {
					sampled[i] = append(sampled[i], float64(after.Sub(now)))
				}
				now = after
			}
		})
	}
	wg.Wait()
	elapsed = time.Since(start)
	for i := range l.conns {
		n += counts[i]
		latencies = append(latencies, sampled[i]...)
	}
	err = errors.Join(errs...)
	if n == 0 && err == nil {
		err = io.ErrNoProgress
	}
	return n, elapsed, latencies, err
}

// ErrOtherAnswer says that an answer was not the one that was expected.
var ErrOtherAnswer = errors.New("an answer differs from the first")

// An Arm is one of the servers that are compared.
type Arm struct {
	Name      string
	Load      *Load
	Processor func(collect bool) (time.Duration, error) // that the server has used, after it has collected garbage if it is to
}

// Figures are what the rounds of an arm gave.
type Figures struct {
	Rate      report.Series // requests in a second
	Processor report.Series // the server's for a request, in ns
	Latency   report.Series // of every 16th request, in ns
	Requests  int
}

// Compare lets the loads run by turns, each for a while, after two rounds that do
// not count. Every round begins with an equally empty heap.
func Compare(ctx context.Context, arms []Arm, rounds int, length time.Duration) ([]Figures, error) {
	all := make([]Figures, len(arms))
	round := func(i int) error {
		a, f := arms[i], &all[i]
		before, err := a.Processor(true)
		if err != nil {
			return err
		}
		n, elapsed, latencies, err := a.Load.Run(length)
		if err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
		after, err := a.Processor(false)
		f.Rate = append(f.Rate, float64(n)/elapsed.Seconds())
		f.Processor = append(f.Processor, float64(after-before)/float64(n))
		f.Latency = append(f.Latency, latencies...)
		f.Requests += n
		return err
	}
	if err := Interleave(ctx, 2, len(arms), round); err != nil {
		return nil, err
	}
	clear(all)
	return all, Interleave(ctx, rounds, len(arms), round)
}
