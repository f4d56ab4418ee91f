package unstale

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// checkFields refuses options about request fields and cookies that contradict
// what a field means, or one another.
func (o *Options) checkFields() error {
	for _, name := range o.Credentials {
		if !fieldName(name) {
			return fmt.Errorf("unstale: Options.Credentials: %q is no field name", name)
		}
	}
	classes := newFieldClasses(&Options{Credentials: o.Credentials})
	for _, name := range o.SelectFields {
		if !fieldName(name) {
			return fmt.Errorf("unstale: Options.SelectFields: %q is no field name", name)
		}
		if why := classes.notToSelect(name, o.Credentials); why != "" {
			return fmt.Errorf("unstale: Options.SelectFields: %q %s", name, why)
		}
	}
	for _, name := range o.IgnoreFields {
		bare, prefix := strings.CutSuffix(name, "*")
		if !fieldName(bare) || strings.Contains(bare, "*") {
			return fmt.Errorf("unstale: Options.IgnoreFields: %q is neither a field name nor the beginning of one and \"*\"", name)
		}
		if containsName(o.SelectFields, name) {
			return fmt.Errorf("unstale: Options.IgnoreFields: %q is among SelectFields", name)
		}
		if why := classes.notToIgnore(bare, prefix); why != "" {
			return fmt.Errorf("unstale: Options.IgnoreFields: %q %s", name, why)
		}
	}
	for _, name := range o.IgnoreCookies {
		bare, _ := strings.CutSuffix(name, "*")
		if !fieldName(bare) || strings.Contains(bare, "*") {
			return fmt.Errorf("unstale: Options.IgnoreCookies: %q is neither a cookie name nor the beginning of one and \"*\"", name)
		}
	}
	return nil
}

// notToSelect says why answers cannot be kept apart by a field, or "".
func (f *fieldClasses) notToSelect(name string, credentials []string) string {
	name = http.CanonicalHeaderKey(name)
	switch class := f.of(name); {
	case containsName(credentials, name):
		return "is among Credentials"
	case class == fieldCookie || name == "Authorization" || name == "Proxy-Authorization":
		return "says who asks, which is what Options.Identity is for"
	case class > fieldCookie || slices.Contains([]string{"Te", "Trailer", "Transfer-Encoding", "Expect"}, name):
		return "has a meaning of its own"
	}
	return ""
}

// notToIgnore says why a field, or those whose names begin with name, cannot be
// taken for one that never matters, or "".
func (f *fieldClasses) notToIgnore(name string, prefix bool) string {
	name = http.CanonicalHeaderKey(name)
	if !prefix {
		switch class := f.of(name); {
		case class == fieldCredential || class == fieldCookie:
			return "says who asks, or sounds like it"
		case class > fieldCookie:
			return "has a meaning of its own"
		}
		return ""
	}
	for known, class := range f.exact {
		if class >= fieldCredential && strings.HasPrefix(known, name) {
			return "would include " + known
		}
	}
	for known, class := range f.prefixes {
		if class == fieldCredential && (strings.HasPrefix(known, name) || strings.HasPrefix(name, known)) {
			return "would include " + known + "*"
		}
	}
	return ""
}

// containsName reports whether a list holds a field name, in any case.
func containsName(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}

// fieldName reports whether s is a token (RFC 9110 §5.6.2), as names of fields and
// cookies are.
func fieldName(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) && !strings.Contains("!#$%&'*+^`|", s[i:i+1]) {
			return false
		}
	}
	return s != ""
}
