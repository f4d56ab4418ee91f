package mail

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A server speaks SMTP on a port of its own, well or badly.
type server struct {
	testing.TB
	port     int
	says     map[string]string // instead of the usual answer to this verb; "greeting" and "body" are verbs too
	hangs    string            // the verb to which there is no answer
	secure   *tls.Config       // offers STARTTLS and AUTH, "user" with "right"
	implicit bool              // TLS from the start
	hanging  chan struct{}     // receives when a client waits for an answer that does not come

	mu    sync.Mutex
	lines []string // what clients said
	mail  string   // the last one
}

// listen starts the server, which ends with the test.
func (s *server) listen(t testing.TB) *server {
	t.Helper()
	s.TB, s.hanging = t, make(chan struct{}, 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			clients.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(time.Minute))
				if s.implicit {
					c = tls.Server(c, s.secure)
				}
				s.converse(c, s.implicit, false)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		clients.Wait()
	})
	return s
}

func (s *server) converse(c net.Conn, encrypted, greeted bool) {
	in := bufio.NewReader(c)
	answer := func(verb, usual string) bool {
		if s.hangs == verb {
			s.hanging <- struct{}{}
			_, _ = in.ReadByte() // until the client gives up
			return false
		}
		if other, ok := s.says[verb]; ok {
			usual = other
		}
		_, err := fmt.Fprintf(c, "%s\r\n", usual)
		return err == nil && usual != ""
	}
	if !greeted && !answer("greeting", "220 here") {
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		verb, rest, _ := strings.Cut(line, " ")
		usual := "250 fine"
		switch verb {
		case "EHLO":
			if s.secure != nil && encrypted {
				usual = "250-here\r\n250 AUTH PLAIN"
			} else if s.secure != nil {
				usual = "250-here\r\n250 STARTTLS"
			}
		case "STARTTLS":
			if !answer(verb, "220 go on") {
				return
			}
			s.converse(tls.Server(c, s.secure), true, true)
			return
		case "AUTH":
			usual = "235 welcome"
			text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if err != nil || string(text) != "\x00user\x00right" {
				usual = "535 who are you"
			}
		case "DATA":
			if !answer(verb, "354 go on") {
				return
			}
			var mail strings.Builder
			for line := ""; line != ".\r\n"; {
				mail.WriteString(line)
				if line, err = in.ReadString('\n'); err != nil {
					return
				}
			}
			s.mu.Lock()
			s.mail = mail.String()
			s.mu.Unlock()
			verb = "body"
		case "QUIT":
			usual = "221 bye"
		}
		if !answer(verb, usual) || verb == "QUIT" {
			return
		}
	}
}

func (s *server) heard() (lines, mail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n"), s.mail
}

// certificate returns what the server needs, and what a client that trusts it
// needs.
func certificate(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: pool, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12}
}
