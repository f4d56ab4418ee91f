//go:build unix

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A slowUpload is a request whose second half has not been sent.
type slowUpload struct {
	testing.TB
	conn net.Conn
	in   *bufio.Reader
	rest string
}

// slowly begins an upload and returns when the notebook is reading its body:
// that is when it answers to Expect: 100-continue.
func slowly(p *process) *slowUpload {
	p.Helper()
	v, err := p.logIn(adminName, adminPassword)
	if err != nil {
		p.Fatal(err)
	}
	const boundary = "boundary"
	var body strings.Builder
	for name, value := range map[string]string{"name": "slow", "description": "d"} {
		fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, name, value)
	}
	fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=\"files\"; filename=\"bot_config.toml\"\r\n\r\nversion = '1'\r\n--%s--\r\n", boundary, boundary)
	conn, err := net.Dial("tcp", p.host())
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		p.Fatal(err)
	}
	half := body.Len() / 2
	fmt.Fprintf(conn, "POST /api/persona/upload HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\n"+
		"Content-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n", p.host(), v.token, boundary, body.Len())
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		p.Fatalf("the notebook does not begin to read: %q %v", line, err)
	}
	if _, err := in.ReadString('\n'); err != nil {
		p.Fatal(err)
	}
	if _, err := io.WriteString(conn, body.String()[:half]); err != nil {
		p.Fatal(err)
	}
	return &slowUpload{p, conn, in, body.String()[half:]}
}

// finish sends the rest and returns the answer.
func (u *slowUpload) finish() *http.Response {
	u.Helper()
	if _, err := io.WriteString(u.conn, u.rest); err != nil {
		u.Fatal(err)
	}
	w, err := http.ReadResponse(u.in, nil)
	if err != nil {
		u.Fatal(err)
	}
	return w
}

// refused waits until nobody listens any more: then the notebook knows that it
// is to stop.
func refused(p *process) {
	p.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		conn, err := net.DialTimeout("tcp", p.host(), time.Second)
		if err != nil {
			return
		}
		conn.Close()
	}
	p.Fatal("the notebook still listens")
}

func TestRequestsUnderWayFinish(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := serving(t, dir)
			upload := slowly(p)
			if err := p.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			refused(p)
			w := upload.finish()
			defer w.Body.Close()
			if w.StatusCode != http.StatusOK {
				body, _ := io.ReadAll(w.Body)
				t.Errorf("the upload under way: %s %s", w.Status, body)
			}
			if code := p.wait(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if cards := cardsIn(t, dir); !strings.Contains(cards, `"slow"`) {
				t.Errorf("what was acknowledged is lost: %s", cards)
			}
		})
	}
}

func TestSecondSignalKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := serving(t, dir)
	slowly(p)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	refused(p)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.wait(); code != -1 {
		t.Errorf("exit code %d, want death by the signal", code)
	}
	if cards := cardsIn(t, dir); strings.Contains(cards, `"slow"`) {
		t.Errorf("half of an upload was kept: %s", cards)
	}
}

// cardsIn starts a notebook on the directory and returns the super admin's
// cards.
func cardsIn(t *testing.T, dir string) string {
	t.Helper()
	p := serving(t, dir)
	defer p.stop()
	v, err := p.logIn(adminName, adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	var me struct{ ID string }
	if err := v.get("/api/users/me", &me); err != nil {
		t.Fatal(err)
	}
	status, body := p.get("/api/persona/user/"+me.ID, v.token)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	return body
}
