package main

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// ask sends a form and returns the answer.
func (p *process) ask(path string, fields url.Values) (status int, body string) {
	p.Helper()
	client := &http.Client{Timeout: time.Minute}
	w, err := client.PostForm(p.base+path, fields)
	if err != nil {
		p.Fatal(err)
	}
	defer w.Body.Close()
	var text strings.Builder
	if _, err := bufio.NewReader(w.Body).WriteTo(&text); err != nil {
		p.Fatal(err)
	}
	return w.StatusCode, text.String()
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// TestWithoutMail says that there is none, at the start and to who needs it, and
// no code gets into the log.
func TestWithoutMail(t *testing.T) {
	t.Parallel()
	p := spawn(t, nil, "--addr=127.0.0.1:0").started()
	for _, path := range []string{"send_verification_code", "send_reset_password_code"} {
		status, body := p.ask("/api/auth/"+path, url.Values{"email": {"ann@example.com"}})
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "MAIL_NOT_CONFIGURED") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	p.stop()
	stdout, stderr := p.outputs()
	if !strings.Contains(stdout, "--mail") {
		t.Errorf("the start does not say that there is no mail:\n%s", stdout)
	}
	if strings.Contains(stderr, "ann@example.com") {
		t.Errorf("the log tells of a mail:\n%s", stderr)
	}
}

// TestMailToTheLog registers with the code in the log.
func TestMailToTheLog(t *testing.T) {
	t.Parallel()
	for _, call := range [][]string{{"--mail=log"}, {"--demo"}} {
		t.Run(call[0], func(t *testing.T) {
			t.Parallel()
			p := spawn(t, nil, append(call, "--addr=127.0.0.1:0")...).started()
			if status, body := p.ask("/api/auth/send_verification_code", url.Values{"email": {"ann@example.com"}}); status != http.StatusOK {
				t.Fatalf("%d %s", status, body)
			}
			var code string
			for deadline := time.Now().Add(time.Minute); code == "" && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
				_, stderr := p.outputs()
				if _, mail, ok := strings.Cut(stderr, "to=ann@example.com"); ok && strings.Contains(mail, "\n") {
					code = sixDigits.FindString(mail)
				}
			}
			if status, body := p.ask("/api/auth/user/register", url.Values{
				"username": {"ann"}, "password": {"secret12"}, "email": {"ann@example.com"}, "verification_code": {code},
			}); status != http.StatusOK {
				t.Errorf("%d %s", status, body)
			}
			if _, err := p.logIn("ann", "secret12"); err != nil {
				t.Error(err)
			}
			p.stop()
		})
	}
}

// TestMailServerThatIsGone answers that, and keeps the password and the code to
// itself.
func TestMailServerThatIsGone(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	p := spawn(t, []string{envMailPassword + "=hunter2-secret"}, "--addr=127.0.0.1:0", "--mail=smtp://notes@"+gone.Addr().String()).started()
	status, body := p.ask("/api/auth/send_verification_code", url.Values{"email": {"ann@example.com"}})
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "MAIL_FAILED") || strings.Contains(body, gone.Addr().String()) {
		t.Errorf("%d %s", status, body)
	}
	p.stop()
	stdout, stderr := p.outputs()
	if !strings.Contains(stdout, gone.Addr().String()) || !strings.Contains(stderr, "mailing a code failed") {
		t.Errorf("%s\n%s", stdout, stderr)
	}
	if strings.Contains(stdout+stderr, "hunter2") || strings.Contains(stderr, "Your code") || strings.Contains(stderr, "验证码是") {
		t.Errorf("a secret is in the log:\n%s", stderr)
	}
}

func TestRefusedNetworkSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		env  []string
		arg  string
		says []string
	}{
		{"no address", nil, "--mail=mail.example.com", []string{"--mail", "smtp://"}},
		{"a password in the address", nil, "--mail=smtp://notes:hunter2@mail.example.com", []string{"--mail", envMailPassword}},
		{"no password", nil, "--mail=smtp://notes@mail.example.com", []string{envMailPassword, "password"}},
		{"a password without a server", []string{envMailPassword + "=hunter2"}, "--cache=on", []string{envMailPassword, "--mail"}},
		{"a password for the log", []string{envMailPassword + "=hunter2"}, "--mail=log", []string{envMailPassword}},
		{"a proxy that is none", nil, "--proxies=10.0.0.1,nginx", []string{"--proxies", "nginx"}},
		{"every origin", nil, "--origins=*", []string{"--origins", "name each origin"}},
		{"an origin with a path", nil, "--origins=https://www.example.com/app", []string{"--origins", "www.example.com/app"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := spawn(t, c.env, "--addr=127.0.0.1:0", c.arg)
			p.fails(2, c.says...)
			if _, stderr := p.outputs(); strings.Contains(stderr, "hunter2") {
				t.Errorf("a secret is told: %s", stderr)
			}
		})
	}
}

func TestParseProxies(t *testing.T) {
	t.Parallel()
	got, err := parseProxies(" 10.0.0.0/8, 127.0.0.1,::1,")
	if err != nil || len(got) != 3 || got[0].String() != "10.0.0.0/8" || got[1].String() != "127.0.0.1/32" || got[2].String() != "::1/128" {
		t.Errorf("%v %v", got, err)
	}
}
