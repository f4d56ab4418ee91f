// Package mail brings mail to people: over SMTP, or, where there is no mail
// server, to the log.
package mail

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/unstale/unstale/notebook"
)

// A Sender hands mail over. Send returns nil once the mail is taken, and soon
// after ctx has ended. It may be called concurrently.
type Sender interface {
	Send(ctx context.Context, m notebook.Mail) error
}

// Bounds of an Outbox.
const (
	sendLimit = 15 * time.Second // for one mail, from dialing to the server's receipt
	maxUnder  = 16               // mails under way that nobody waits for
)

var errClosed = errors.New("mail: the outbox is closed")

// An Outbox sends mail within a time limit, also behind the back of whoever
// posts it. Its methods may be called concurrently.
type Outbox struct {
	sender Sender
	logger *slog.Logger
	limit  time.Duration
	ctx    context.Context // ends what is under way
	cancel context.CancelFunc
	places chan struct{}

	mu     sync.Mutex
	closed bool // guarded by mu, as is adding to under
	under  sync.WaitGroup
}

// NewOutbox returns an outbox. The caller closes it.
func NewOutbox(sender Sender, logger *slog.Logger) *Outbox {
	ctx, cancel := context.WithCancel(context.Background())
	return &Outbox{sender: sender, logger: logger, limit: sendLimit, ctx: ctx, cancel: cancel, places: make(chan struct{}, maxUnder)}
}

// Send sends the mail and returns nil once it is taken. It gives up after 15
// seconds, when ctx ends, and when the outbox is closed. The error is for the
// log.
func (o *Outbox) Send(ctx context.Context, m notebook.Mail) error {
	if !o.begin() {
		return errClosed
	}
	defer o.under.Done()
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	defer context.AfterFunc(o.ctx, cancel)()
	return o.sender.Send(ctx, m)
}

// Post sends the mail and does not wait: how long it takes, and whether it
// succeeds, cannot be seen by the caller. A mail that cannot be sent, or for
// which too many others are under way, is lost, and the log says so.
func (o *Outbox) Post(m notebook.Mail) {
	select {
	case o.places <- struct{}{}:
	default:
		o.logger.Error("mail is lost: too many are under way", slog.Int("under_way", maxUnder))
		return
	}
	if !o.begin() {
		<-o.places
		o.logger.Error("mail is lost", slog.Any("error", errClosed))
		return
	}
	go func() {
		defer o.under.Done()
		defer func() { <-o.places }()
		ctx, cancel := context.WithTimeout(o.ctx, o.limit)
		defer cancel()
		if err := o.sender.Send(ctx, m); err != nil {
			o.logger.Error("mail is lost", slog.Any("error", err))
		}
	}()
}

// begin reports whether something may get under way, and counts it.
func (o *Outbox) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	o.under.Add(1)
	return true
}

// Close gives up what is under way and returns when nothing is. To close twice
// is fine.
func (o *Outbox) Close() error {
	o.mu.Lock()
	o.closed = true
	o.mu.Unlock()
	o.cancel()
	o.under.Wait()
	return nil
}

// Log is a Sender for development: it writes mail, with the code in it, to the
// log.
type Log struct{ Logger *slog.Logger }

// Send implements Sender.
func (l Log) Send(ctx context.Context, m notebook.Mail) error {
	l.Logger.LogAttrs(ctx, slog.LevelWarn, "mail", slog.String("to", m.To), slog.String("subject", m.Subject), slog.String("text", m.Text))
	return nil
}
