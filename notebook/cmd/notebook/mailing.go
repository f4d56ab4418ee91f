package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"

	"github.com/unstale/unstale/notebook/mail"
)

// mailToLog is the setting that writes mail to the log.
const mailToLog = "log"

// parseMail reads how mail goes: nil and "" for not at all. Where it goes is for
// people.
func parseMail(setting, password string) (server *mail.SMTP, where string, err error) {
	switch {
	case setting == "" && password != "":
		return nil, "", fmt.Errorf("there is a password in the environment variable %s but no --mail", envMailPassword)
	case setting == "":
		return nil, "", nil
	case setting == mailToLog && password != "":
		return nil, "", fmt.Errorf("--mail=log needs no password in the environment variable %s", envMailPassword)
	case setting == mailToLog:
		return nil, "the log", nil
	}
	server, err = mail.ParseSMTP(setting, password)
	if err != nil { // which does not repeat the setting: somebody may have put a password there
		return nil, "", fmt.Errorf("--mail is neither log nor the address of a mail server (the password belongs into the environment variable %s): %w", envMailPassword, err)
	}
	return server, server.Server(), nil
}

// outbox returns what sends the mail, nil for nothing.
func (s *settings) outbox(logger *slog.Logger) *mail.Outbox {
	switch {
	case s.mailServer != nil:
		return mail.NewOutbox(s.mailServer, logger)
	case s.Mail == mailToLog:
		return mail.NewOutbox(mail.Log{Logger: logger}, logger)
	}
	return nil
}

// parseProxies reads addresses and networks, separated by commas.
func parseProxies(list string) ([]netip.Prefix, error) {
	var proxies []netip.Prefix
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		network, err := netip.ParsePrefix(item)
		if addr, addrErr := netip.ParseAddr(item); addrErr == nil {
			network, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		if err != nil {
			return nil, errors.New("--proxies: " + item + " is neither an address nor a network such as 10.0.0.0/8")
		}
		proxies = append(proxies, network)
	}
	return proxies, nil
}
