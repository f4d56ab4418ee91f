package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	gomail "github.com/wneessen/go-mail"

	"github.com/unstale/unstale/notebook"
)

// SMTP is a Sender that hands mail to a server, over a connection for each. It
// may be used concurrently.
type SMTP struct {
	host, user, password, from string
	port                       int
	implicit                   bool // TLS from the first byte
	policy                     gomail.TLSPolicy
	tls                        *tls.Config // nil for the system's trust
}

// ParseSMTP returns a sender for smtp://[USER@]HOST[:PORT][?from=ADDRESS], which
// demands STARTTLS, or smtps://…, which is TLS from the start. Without TLS it
// speaks only to this machine, and only where there is no user. The sender's
// address is from, else USER if that is one, else USER@HOST. The password is
// not part of the address, which others can see; USER needs one. Errors do not
// repeat the address.
func ParseSMTP(address, password string) (*SMTP, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it is no URL") // which the error of Parse would repeat
	}
	s := &SMTP{host: u.Hostname(), user: u.User.Username(), password: password, implicit: u.Scheme == "smtps", policy: gomail.TLSMandatory}
	_, inURL := u.User.Password()
	query := u.Query()
	s.from = query.Get("from")
	query.Del("from")
	switch {
	case u.Scheme != "smtp" && u.Scheme != "smtps":
		return nil, errors.New("it begins neither with smtp:// nor with smtps://")
	case inURL:
		return nil, errors.New("it holds a password")
	case s.host == "" || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.Fragment != "" || len(query) > 0:
		return nil, errors.New("it is not of the form smtp://USER@HOST:PORT?from=ADDRESS")
	case s.user != "" && password == "":
		return nil, errors.New("its user needs a password")
	case s.user == "" && password != "":
		return nil, errors.New("there is a password but no user")
	}
	s.port = 587
	if s.implicit {
		s.port, s.policy = 465, gomail.TLSOpportunistic // nothing can be taken out of a stream that is encrypted
	} else if s.user == "" && onThisMachine(s.host) {
		s.policy = gomail.NoTLS
	}
	if p := u.Port(); p != "" {
		if s.port, err = strconv.Atoi(p); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errors.New("its port is none")
		}
	}
	if s.from == "" {
		if s.from = s.user; s.user != "" {
			if _, err := notebook.NormalizeEmail(s.user); err != nil {
				s.from = s.user + "@" + s.host
			}
		}
	}
	if _, err := notebook.NormalizeEmail(s.from); err != nil {
		return nil, errors.New("nothing says from which address to send: add ?from=ADDRESS")
	}
	return s, nil
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Server returns where mail goes, for people.
func (s *SMTP) Server() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// Send implements Sender.
func (s *SMTP) Send(ctx context.Context, m notebook.Mail) error {
	if err := s.send(ctx, m); err != nil {
		return fmt.Errorf("mail: handing over to %s: %w", s.Server(), errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

func (s *SMTP) send(ctx context.Context, m notebook.Mail) error {
	message, err := s.message(m)
	if err != nil {
		return err
	}
	// The library minds ctx while it dials, and no longer; a connection on which
	// the greeting fails it leaves open. So this one is ours to end.
	end := func() {}
	defer func() { end() }()
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(dialing, network, address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		end = func() {
			stop()
			_ = conn.Close() // what counts has been answered by then
		}
		if !s.implicit {
			return conn, nil
		}
		secure := tls.Client(conn, s.tlsConfig())
		return secure, secure.HandshakeContext(dialing)
	}
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTLSPolicy(s.policy), gomail.WithTLSConfig(s.tlsConfig()), gomail.WithDialContextFunc(dial),
	}
	if s.user != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	}
	client, err := gomail.NewClient(s.host, options...)
	if err != nil {
		return err
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	if err := client.SendWithSMTPClient(session, message); err != nil && !message.IsDelivered() {
		return err
	}
	_ = client.CloseWithSMTPClient(session) // the server has taken the mail, however it says goodbye
	return nil
}

func (s *SMTP) tlsConfig() *tls.Config {
	if s.tls != nil {
		return s.tls.Clone()
	}
	return &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
}

func (s *SMTP) message(m notebook.Mail) (*gomail.Msg, error) {
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := message.From(s.from); err != nil {
		return nil, err
	}
	if err := message.To(m.To); err != nil {
		return nil, err
	}
	message.Subject(m.Subject)
	message.SetDate()
	message.SetMessageID()
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday notices, please
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}
