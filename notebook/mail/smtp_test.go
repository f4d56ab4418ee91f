package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook"
)

var letter = notebook.Mail{To: "ann@example.com", Subject: "验证码", Text: "Your code is 012345.\n"}

// sender returns a sender to the server.
func sender(t testing.TB, format string, s *server, password string, trust *tls.Config) *SMTP {
	t.Helper()
	c, err := ParseSMTP(fmt.Sprintf(format, s.port), password)
	if err != nil {
		t.Fatal(err)
	}
	c.tls = trust
	return c
}

const plain = "smtp://127.0.0.1:%d?from=notes@example.org"

func TestDelivery(t *testing.T) {
	t.Parallel()
	secure, trust := certificate(t)
	for _, test := range []struct {
		name, format, password, from string
		server                       *server
	}{
		{"plain, on this machine", plain, "", "notes@example.org", &server{}},
		{"with STARTTLS", "smtp://user@127.0.0.1:%d?from=notes@example.org", "right", "notes@example.org", &server{secure: secure}},
		{"with TLS from the start", "smtps://user@127.0.0.1:%d?from=notes@example.org", "right", "notes@example.org", &server{secure: secure, implicit: true}},
		{"to a server that does not say goodbye", plain, "", "notes@example.org", &server{says: map[string]string{"QUIT": "500 stay", "RSET": "500 no"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := test.server.listen(t)
			if err := sender(t, test.format, s, test.password, trust).Send(t.Context(), letter); err != nil {
				t.Fatal(err)
			}
			lines, mail := s.heard()
			for _, want := range []string{"MAIL FROM:<" + test.from + ">", "RCPT TO:<ann@example.com>"} {
				if !strings.Contains(lines, want) {
					t.Errorf("the server did not hear %s:\n%s", want, lines)
				}
			}
			for _, want := range []string{"Your code is 012345.", "Subject: =?UTF-8?", "Date: ", "Message-ID: ", "Auto-Submitted: auto-generated", "To: <ann@example.com>"} {
				if !strings.Contains(mail, want) {
					t.Errorf("the mail lacks %s:\n%s", want, mail)
				}
			}
			if strings.Contains(lines, "AUTH") != (test.password != "") {
				t.Errorf("authentication:\n%s", lines)
			}
		})
	}
}

func TestNoDelivery(t *testing.T) {
	t.Parallel()
	secure, trust := certificate(t)
	const withUser = "smtp://user@127.0.0.1:%d?from=notes@example.org"
	for _, test := range []struct {
		name, format, password, says string
		server                       *server
		trust                        *tls.Config
	}{
		{"no service", plain, "", "554", &server{says: map[string]string{"greeting": "554 go away"}}, nil},
		{"a greeting that is none", plain, "", "", &server{says: map[string]string{"greeting": "HTTP/1.1 200 OK"}}, nil},
		{"the sender is refused", plain, "", "550", &server{says: map[string]string{"MAIL": "550 not you"}}, nil},
		{"the recipient is refused", plain, "", "550", &server{says: map[string]string{"RCPT": "550 nobody here"}}, nil},
		{"the body is refused", plain, "", "554", &server{says: map[string]string{"body": "554 spam"}}, nil},
		{"cut off after the body", plain, "", "", &server{says: map[string]string{"body": ""}}, nil},
		{"no TLS", withUser, "right", "STARTTLS", &server{}, nil},
		{"a certificate of nobody's", withUser, "right", "certificate", &server{secure: secure}, nil},
		{"a wrong password", withUser, "wrong-and-secret", "535", &server{secure: secure}, trust},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := test.server.listen(t)
			err := sender(t, test.format, s, test.password, test.trust).Send(t.Context(), letter)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v", err)
			}
			if text := err.Error(); strings.Contains(text, "012345") || test.password != "" && strings.Contains(text, test.password) {
				t.Errorf("a secret is told: %v", err)
			}
			if lines, _ := s.heard(); test.trust == nil && strings.Contains(lines, "AUTH") {
				t.Errorf("a password went over the wire:\n%s", lines)
			}
		})
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{port: closed.Addr().(*net.TCPAddr).Port}
	closed.Close()
	if err := sender(t, plain, s, "", nil).Send(t.Context(), letter); err == nil {
		t.Error("nobody listens, and the mail was taken")
	}
}

// A server that hangs, wherever it does, holds nobody longer than his context.
func TestHangingServer(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "body"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			s := (&server{hangs: verb}).listen(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				<-s.hanging
				cancel(errors.New("enough"))
			}()
			if err := sender(t, plain, s, "", nil).Send(ctx, letter); err == nil || !strings.Contains(err.Error(), "enough") {
				t.Error(err)
			}
		})
	}
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	var log lockedLog
	s := (&server{}).listen(t)
	o := NewOutbox(sender(t, plain, s, "", nil), slog.New(slog.NewTextHandler(&log, nil)))
	if err := o.Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := o.Send(t.Context(), letter); !errors.Is(err, errClosed) {
		t.Error(err)
	}
	o.Post(letter)
	if got := log.String(); strings.Count(got, "mail is lost") != 1 || strings.Contains(got, "012345") {
		t.Error(got)
	}
}

func TestOutboxLimitsWhatHangs(t *testing.T) {
	t.Parallel()
	var log lockedLog
	s := (&server{hangs: "DATA"}).listen(t)
	o := NewOutbox(sender(t, plain, s, "", nil), slog.New(slog.NewTextHandler(&log, nil)))
	o.limit = 50 * time.Millisecond
	if err := o.Send(t.Context(), letter); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a mail to a server that hangs: %v", err)
	}
	<-s.hanging
	o.limit = time.Hour
	for range maxUnder {
		o.Post(letter)
	}
	for range maxUnder {
		<-s.hanging
	}
	if got := log.String(); got != "" {
		t.Error(got)
	}
	o.Post(letter)
	if got := log.String(); !strings.Contains(got, "too many") {
		t.Errorf("more mails than there may be are under way: %s", got)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if got := log.String(); strings.Count(got, "mail is lost") != maxUnder+1 || strings.Contains(got, "012345") {
		t.Error(got)
	}
}

func TestPostDelivers(t *testing.T) {
	t.Parallel()
	var log lockedLog
	s := (&server{hangs: "QUIT"}).listen(t)
	o := NewOutbox(sender(t, plain, s, "", nil), slog.New(slog.NewTextHandler(&log, nil)))
	o.Post(letter)
	<-s.hanging // it has taken the mail
	if _, mail := s.heard(); !strings.Contains(mail, "012345") {
		t.Errorf("%q", mail)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	if got := log.String(); got != "" {
		t.Errorf("what was delivered is called lost: %s", got)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var log lockedLog
	if err := (Log{slog.New(slog.NewTextHandler(&log, nil))}).Send(t.Context(), letter); err != nil {
		t.Fatal(err)
	}
	if got := log.String(); !strings.Contains(got, "012345") || !strings.Contains(got, "ann@example.com") {
		t.Error(got)
	}
}

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestParseSMTP(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ address, password, server, user, from string }{
		{"smtp://notes@mail.example.com", "p", "mail.example.com:587", "notes", "notes@mail.example.com"},
		{"smtp://notes%40example.com@mail.example.com:2525", "p", "mail.example.com:2525", "notes@example.com", "notes@example.com"},
		{"smtps://notes@mail.example.com/?from=site@example.com", "p", "mail.example.com:465", "notes", "site@example.com"},
		{"smtp://[::1]:25?from=site@example.com", "", "[::1]:25", "", "site@example.com"},
	} {
		s, err := ParseSMTP(test.address, test.password)
		if err != nil {
			t.Errorf("%s: %v", test.address, err)
			continue
		}
		if s.Server() != test.server || s.user != test.user || s.from != test.from {
			t.Errorf("%s: %s %s %s", test.address, s.Server(), s.user, s.from)
		}
	}
	for _, test := range []struct{ address, password, says string }{
		{"", "", "smtp://"},
		{"mail.example.com", "", "smtp://"},
		{"http://mail.example.com", "", "smtp://"},
		{"smtp://user:hunter2@mail.example.com", "", "holds a password"},
		{"smtp://user:hunter2@mail.example.com:x", "", "no URL"},
		{"smtp://user@mail.example.com", "", "needs a password"},
		{"smtp://mail.example.com?from=a@example.com", "p", "no user"},
		{"smtp://mail.example.com", "", "from"},
		{"smtp://mail.example.com?from=nobody", "", "from"},
		{"smtp://mail.example.com:70000?from=a@example.com", "", "port"},
		{"smtp://?from=a@example.com", "", "form"},
		{"smtp://mail.example.com/x?from=a@example.com", "", "form"},
		{"smtp://mail.example.com?from=a@example.com&tls=no", "", "form"},
	} {
		if _, err := ParseSMTP(test.address, test.password); err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", test.address, err, test.says)
		}
	}
}
