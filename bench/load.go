package main

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
)

const benchHost = "bench.example"

// A load asks one server over kept-alive connections, for one URI unless vary
// was called. It is cheap on purpose: on a small machine what the client burns,
// the server lacks.
type load struct {
	conns    []*loadConn
	requests [][]byte // by turns
	sample   []byte   // the first answer, header and body
	body     []byte   // the body that every answer must have; nil: any
	line     []byte   // what the head of every answer must contain
}

type loadConn struct {
	net.Conn
	r *bufio.Reader
}

// newLoad connects and asks once on every connection.
func newLoad(ctx context.Context, addr, path string, connections int) (*load, error) {
	l := &load{line: hitLine, requests: [][]byte{loadRequest(path)}}
	for range connections {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		c := &loadConn{conn, bufio.NewReaderSize(conn, 16<<10)}
		l.conns = append(l.conns, c)
		head, body, err := c.exchange(l.requests[0])
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		if l.sample == nil {
			l.sample = append(bytes.Clone(head), body...)
			l.body = bytes.Clone(body)
		}
	}
	return l, nil
}

func loadRequest(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + benchHost + "\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n\r\n")
}

// vary has the load ask for these paths by turns, whose bodies may differ.
func (l *load) vary(paths []string) {
	l.body, l.requests = nil, nil
	for _, path := range paths {
		l.requests = append(l.requests, loadRequest(path))
	}
}

func (l *load) close() error {
	var errs []error
	for _, c := range l.conns {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// perAnswer matches what differs from answer to answer of the same server.
var perAnswer = regexp.MustCompile(`(?m)^(Date: |Age: |Cache-Status: unstale;hit;ttl=)[^\r]*`)

// comparable returns the sample answer, byte for byte as it came, but for the
// values of Date, Age and the ttl in Cache-Status.
func (l *load) comparable() []byte { return perAnswer.ReplaceAll(l.sample, []byte("$1*")) }

var (
	statusOK      = []byte("HTTP/1.1 200 OK\r\n")
	hitLine       = []byte("\r\nCache-Status: unstale;hit")
	contentLength = []byte("\r\nContent-Length: ")
	headEnd       = []byte("\r\n\r\n")
	lineEnd       = []byte("\r\n")
)

// exchange sends the request and reads the answer, whose bytes are valid until
// the next call.
func (c *loadConn) exchange(request []byte) (head, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return nil, nil, err
	}
	return c.receive()
}

// receive reads the next answer, whose bytes are valid until the next call.
func (c *loadConn) receive() (head, body []byte, err error) {
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

// run asks on all connections for a while, each as soon as it has its answer,
// and checks every answer. It returns how many there were, how long it took, and
// the latency of every 16th.
func (l *load) run(length time.Duration) (n int, elapsed time.Duration, latencies []float64, err error) {
	var wg sync.WaitGroup
	counts := make([]int, len(l.conns))
	sampled := make([][]float64, len(l.conns))
	errs := make([]error, len(l.conns))
	start := time.Now()
	for i, c := range l.conns {
		wg.Go(func() {
			for now := start; now.Sub(start) < length; counts[i]++ {
				// Each connection begins elsewhere.
				head, body, err := c.exchange(l.requests[(counts[i]+i*len(l.requests)/len(l.conns))%len(l.requests)])
				if err != nil {
					errs[i] = err
					return
				}
				if !bytes.HasPrefix(head, statusOK) || !bytes.Contains(head, l.line) || l.body != nil && !bytes.Equal(body, l.body) {
					errs[i] = fmt.Errorf("%w: %q", errOtherAnswer, head)
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

var errOtherAnswer = errors.New("an answer differs from the first")
