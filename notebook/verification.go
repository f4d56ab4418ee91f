package notebook

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"math/big"
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
	CodePause       = time.Minute     // between two codes to one address, whatever their purpose
	MaxCodesPerHour = 5               // to one address, whatever their purpose
	MaxCodeTries    = 5               // wrong ones make a code void
)

// NewCode returns six random digits.
func NewCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand.Reader never fails, as its documentation says
	}
	return fmt.Sprintf("%06d", n)
}

// CodeWait returns how long nothing may be mailed to an address to which codes
// were mailed at the given times: 0 if another may go now.
func CodeWait(mailed []time.Time, now time.Time) time.Duration {
	var wait time.Duration
	lastHour, oldest := 0, now
	for _, t := range mailed {
		wait = max(wait, t.Add(CodePause).Sub(now))
		if t.After(now.Add(-time.Hour)) {
			lastHour++
			if t.Before(oldest) {
				oldest = t
			}
		}
	}
	if lastHour >= MaxCodesPerHour {
		wait = max(wait, oldest.Add(time.Hour).Sub(now))
	}
	return wait
}

// A Verification is a code as it is kept.
type Verification struct {
	ID         string
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
