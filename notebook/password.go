package notebook

import (
	"strings"
	"unicode"

	"golang.org/x/crypto/bcrypt"
)

// maxPassword is how many bytes bcrypt looks at; longer passwords are refused
// rather than cut off.
const maxPassword = 72

// CheckGivenPassword reports, as an error, what keeps a password from being good
// enough for an account that somebody makes for somebody else.
func CheckGivenPassword(password string) error {
	if len(password) < 8 || len(password) > maxPassword ||
		!strings.ContainsFunc(password, unicode.IsLetter) || !strings.ContainsFunc(password, unicode.IsDigit) {
		return ErrPasswordWeak
	}
	return nil
}

// CheckOwnPassword reports, as an error, what keeps a password from being good
// enough for whoever chooses it for himself.
func CheckOwnPassword(password string) error {
	if len(password) < 6 || len(password) > maxPassword {
		return ErrPasswordLength
	}
	return nil
}

// HashPassword returns the bcrypt hash of a password; a cost of 0 means
// bcrypt.DefaultCost. It takes tens of milliseconds by design.
func HashPassword(password string, cost int) (string, error) {
	if cost == 0 {
		cost = bcrypt.DefaultCost
	}
	h, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	return string(h), err
}

// PasswordMatches reports whether the hash was made from the password.
func PasswordMatches(hash, password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil
}
