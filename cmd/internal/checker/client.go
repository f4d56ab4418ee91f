package checker

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer bounds the body of an answer.
const maxAnswer = 16 << 20

// A client is what one worker asks through: a kept-alive HTTP/1.1 connection to
// each origin. It is plainer than net/http's, because on a small machine what
// the client burns, the service lacks; and it never repeats a write by itself.
type client struct {
	timeout time.Duration
	conns   map[string]*conn // by origin, such as http://localhost:80
	out     []byte
	body    []byte
}

type conn struct {
	net.Conn
	r    *bufio.Reader
	used bool // it has brought an answer
	stop func() bool
}

// An answer is what came back. Its body is valid until the client's next call.
type answer struct {
	status int
	hit    bool // Cache-Status says that a cache had it
	body   []byte
}

var errLeft = errors.New("hung up before the answer")

// A filling is what is put in place of {key}, {other}, {version} and {user}.
type filling struct {
	key, other string
	version    int64
	user       User
}

func (f filling) expand(template string) string {
	if !strings.Contains(template, "{") {
		return template
	}
	return strings.NewReplacer("{key}", f.key, "{other}", f.other,
		"{version}", strconv.FormatInt(f.version, 10), "{user}", url.PathEscape(f.user.Name)).Replace(template)
}

// A patience is how long a client stays.
type patience int

const (
	stays patience = iota // until the end of the answer
	sends                 // until its request is sent
	peeks                 // until the answer begins
)

// send sends a request and, if it has the patience, reads the answer.
func (c *client) send(ctx context.Context, r Request, f filling, p patience) (answer, error) {
	origin, target := split(f.expand(r.URL))
	c.render(r, origin, target, f)
	for {
		cn, err := c.connection(ctx, origin)
		if err != nil {
			return answer{}, err
		}
		a, err := c.exchange(cn, r.Method, p)
		if err == nil {
			return a, nil
		}
		c.drop(origin)
		// A server may close an idle connection while a request is on its way.
		if !cn.used || r.Method != http.MethodGet || errors.Is(err, errLeft) || ctx.Err() != nil {
			return answer{}, err
		}
	}
}

// split cuts a URL into its origin and the rest.
func split(u string) (origin, target string) {
	from := strings.Index(u, "://") + 3
	end := strings.IndexAny(u[from:], "/?")
	if end < 0 {
		return u, "/"
	}
	origin, target = u[:from+end], u[from+end:]
	target, _, _ = strings.Cut(target, "#")
	if target[0] == '?' {
		target = "/" + target
	}
	return origin, target
}

func (c *client) render(r Request, origin, target string, f filling) {
	body, user := f.expand(r.Body), f.user
	_, host, _ := strings.Cut(origin, "://")
	b := append(c.out[:0], r.Method...)
	b = append(append(append(b, ' '), target...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, host...), "\r\nUser-Agent: unstale-check\r\n"...)
	for _, field := range r.Fields {
		b = append(append(b, f.expand(field)...), "\r\n"...)
	}
	if user.Authorization != "" {
		b = append(append(append(b, "Authorization: "...), user.Authorization...), "\r\n"...)
	}
	if body != "" || r.Method != http.MethodGet {
		b = strconv.AppendInt(append(b, "Content-Length: "...), int64(len(body)), 10)
		b = append(b, "\r\n"...)
	}
	c.out = append(append(b, "\r\n"...), body...)
}

// connection returns the connection to an origin, a new one if there is none.
func (c *client) connection(ctx context.Context, origin string) (*conn, error) {
	if cn := c.conns[origin]; cn != nil {
		return cn, nil
	}
	u, err := url.Parse(origin)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: c.timeout}
	port := u.Port()
	var raw net.Conn
	if u.Scheme == "https" {
		t := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}}
		raw, err = t.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), or(port, "443")))
	} else {
		raw, err = dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), or(port, "80")))
	}
	if err != nil {
		return nil, err
	}
	cn := &conn{Conn: raw, r: bufio.NewReaderSize(raw, 8<<10)}
	cn.stop = context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Now()) })
	if c.conns == nil {
		c.conns = make(map[string]*conn)
	}
	c.conns[origin] = cn
	return cn, nil
}

func (c *client) drop(origin string) {
	if cn := c.conns[origin]; cn != nil {
		cn.stop()
		_ = cn.Close() // what it had to say has been read, or never will be
		delete(c.conns, origin)
	}
}

func (c *client) close() {
	for origin := range c.conns {
		c.drop(origin)
	}
}

// exchange sends what was rendered and reads the answer.
func (c *client) exchange(cn *conn, method string, p patience) (answer, error) {
	if err := cn.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return answer{}, err
	}
	if _, err := cn.Write(c.out); err != nil {
		return answer{}, err
	}
	if p != stays {
		if p == peeks {
			_, _ = cn.r.ReadByte()
		}
		return answer{}, errLeft
	}
	asked := &http.Request{Method: method}
	res, err := http.ReadResponse(cn.r, asked) //nolint:bodyclose // it is read to its end, or the connection is closed
	for err == nil && res.StatusCode >= 100 && res.StatusCode < 200 {
		res, err = http.ReadResponse(cn.r, asked) //nolint:bodyclose // as above
	}
	if err != nil {
		return answer{}, err
	}
	c.body = c.body[:0]
	for {
		if len(c.body) == cap(c.body) {
			c.body = append(c.body, make([]byte, max(512, cap(c.body)))...)[:len(c.body)]
		}
		n, err := res.Body.Read(c.body[len(c.body):cap(c.body)])
		c.body = c.body[:len(c.body)+n]
		if len(c.body) > maxAnswer {
			return answer{}, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return answer{}, err
		}
	}
	cn.used = true
	if res.Close {
		for origin, other := range c.conns {
			if other == cn {
				c.drop(origin)
			}
		}
	}
	return answer{status: res.StatusCode, hit: fromCache(res.Header["Cache-Status"]), body: c.body}, nil
}

// fromCache reports whether one of the caches on the way had the answer.
func fromCache(status []string) bool {
	for _, line := range status {
		for cache := range strings.SplitSeq(line, ",") {
			for i, param := range strings.Split(cache, ";") {
				if p := strings.TrimSpace(param); i > 0 && (p == "hit" || p == "hit=?1") {
					return true
				}
			}
		}
	}
	return false
}
