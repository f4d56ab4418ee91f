package notebook

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Purpose says what a mailed code is good for. A code for one purpose is of no
// use for another.
type Purpose string

// The purposes.
const (
	PurposeRegister Purpose = "register"
	PurposeReset    Purpose = "reset" // of a forgotten password
)

// Limits on mailed codes.
const (
	CodeLife        = 2 * time.Minute // how long a code is good
	CodePause       = time.Minute     // between two codes that one client asks for, to one address
	MaxCodesPerHour = 5               // that one client asks for, to one address
	MaxCodesToBox   = 15              // in an hour, to one address, whoever asks
	MaxCodesOfSite  = 1000            // in an hour, to all addresses
	MaxCodeTries    = 25              // wrong ones, whoever sends them, make a code void
)

// NewCode returns six random digits.
func NewCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand.Reader never fails, as its documentation says
	}
	return fmt.Sprintf("%06d", n)
}

// A MailedCode is a code that somebody asked for.
type MailedCode struct {
	Client string // who asked
	At     time.Time
}

// CodeWait returns how long a client may not have a code mailed to an address to
// which these were mailed for the same purpose: 0 if another may go now.
func CodeWait(mailed []MailedCode, client string, now time.Time) time.Duration {
	var wait time.Duration
	var own, all []time.Time
	for _, m := range mailed {
		if m.At.After(now.Add(-time.Hour)) {
			all = append(all, m.At)
			if m.Client == client {
				own = append(own, m.At)
				wait = max(wait, m.At.Add(CodePause).Sub(now))
			}
		}
	}
	for _, bound := range []struct {
		times []time.Time
		most  int
	}{{own, MaxCodesPerHour}, {all, MaxCodesToBox}} {
		if len(bound.times) >= bound.most {
			wait = max(wait, slices.MinFunc(bound.times, time.Time.Compare).Add(time.Hour).Sub(now))
		}
	}
	return wait
}

// A Verification is a code as it is kept.
type Verification struct {
	ID         string
	Client     string // who asked for it
	Code       string
	Used       bool
	WrongTries int
	ExpiresAt  time.Time
}

// Accepts reports whether the code is the right one and still good. It takes as
// long for a wrong code, however much of it is right.
func (v *Verification) Accepts(code string, now time.Time) bool {
	same := subtle.ConstantTimeCompare([]byte(v.Code), []byte(code)) == 1
	return same && !v.Used && v.WrongTries < MaxCodeTries && now.Before(v.ExpiresAt)
}

// A Mail is a plain text to one address.
type Mail struct{ To, Subject, Text string }

var (
	codeSubjects = map[Purpose]Text{
		PurposeRegister: {"注册验证码", "Your code to register"},
		PurposeReset:    {"重置密码验证码", "Your code to reset your password"},
	}
	codeText = Text{
		"您的验证码是 %s，%d 分钟内有效。如果不是您本人操作，请忽略此邮件。\n",
		"Your code is %s. It is good for %d minutes. If you did not ask for it, ignore this mail.\n",
	}
)

// CodeMail returns the mail that brings somebody a code.
func CodeMail(to string, p Purpose, code string, l Lang) Mail {
	return Mail{To: to, Subject: codeSubjects[p].In(l), Text: fmt.Sprintf(codeText.In(l), code, int(CodeLife.Minutes()))}
}
