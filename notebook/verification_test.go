package notebook

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestNewCode(t *testing.T) {
	t.Parallel()
	six := regexp.MustCompile(`^[0-9]{6}$`)
	seen := map[string]bool{}
	for range 1000 {
		c := NewCode()
		if !six.MatchString(c) {
			t.Fatalf("%q", c)
		}
		seen[c] = true
	}
	if len(seen) < 990 {
		t.Errorf("%d different codes of 1000", len(seen))
	}
}

func TestCodeMail(t *testing.T) {
	t.Parallel()
	seen := map[Mail]bool{}
	for _, p := range []Purpose{PurposeRegister, PurposeReset} {
		for _, l := range []Lang{Chinese, English} {
			m := CodeMail("ann@example.com", p, "012345", l)
			if m.To != "ann@example.com" || m.Subject == "" || !strings.Contains(m.Text, "012345") || !strings.Contains(m.Text, "2") || strings.Contains(m.Text, "%!") {
				t.Errorf("%+v", m)
			}
			seen[Mail{Subject: m.Subject}] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("subjects: %v", seen)
	}
}

func TestCodeWait(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 12, 0, 0, 0, time.UTC)
	by := func(client string, minutes ...int) (list []MailedCode) {
		for _, m := range minutes {
			list = append(list, MailedCode{client, now.Add(-time.Duration(m) * time.Minute)})
		}
		return list
	}
	ago := func(minutes ...int) []MailedCode { return by("ann", minutes...) }
	for _, test := range []struct {
		mailed []MailedCode
		want   time.Duration
	}{
		{nil, 0},
		{ago(0), time.Minute},
		{ago(1), 0},
		{ago(50, 40, 30, 20), 0},
		{ago(50, 40, 30, 20, 10), 10 * time.Minute},
		{ago(60, 40, 30, 20, 10), 0},
		{ago(59, 40, 30, 20, 0), time.Minute},
		{by("eve", 50, 40, 30, 20, 0), 0}, // whose haste is not ann's
		{by("eve", 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 0},
		{by("eve", 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1), 45 * time.Minute},
	} {
		if got := CodeWait(test.mailed, "ann", now); got != test.want {
			t.Errorf("CodeWait(%v) = %v, want %v", test.mailed, got, test.want)
		}
	}
}

func TestNormalizeEmail(t *testing.T) {
	t.Parallel()
	if got, err := NormalizeEmail(" Ann@Example.COM "); got != "ann@example.com" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	for _, bad := range []string{
		"", "ann", "ann@", "Ann <ann@example.com>", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com",
		strings.Repeat("a", 243) + "@example.com", "a@b", "a@localhost", "x@[127.0.0.1]", "a@b.", "a\u202e@example.com",
	} {
		if got, err := NormalizeEmail(bad); !errors.Is(err, ErrEmailInvalid) || got != "" {
			t.Errorf("NormalizeEmail(%q) = %q, %v", bad, got, err)
		}
	}
}
