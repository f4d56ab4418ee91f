package unstale

import (
	"fmt"
	"slices"
	"strings"
)

// checkFields refuses options about request fields and cookies that contradict
// what a field means, or one another.
func (o *HandlerOptions) checkFields() error {
	known := newFieldClasses(&HandlerOptions{})
	for _, name := range o.Credentials {
		if err := known.check("Credentials", name, nil); err != nil {
			return err
		}
	}
	for _, name := range o.SelectFields {
		if err := known.check("SelectFields", name, o.Credentials); err != nil {
			return err
		}
	}
	for _, name := range o.IgnoreFields {
		if err := known.checkIgnored(name, o.Credentials, o.SelectFields); err != nil {
			return err
		}
	}
	for _, name := range o.IgnoreCookies {
		if bare, _ := strings.CutSuffix(name, "*"); !fieldName(bare) {
			return fmt.Errorf("unstale: HandlerOptions.IgnoreCookies: %q is neither a cookie name nor the beginning of one and \"*\"", name)
		}
	}
	return nil
}

// check refuses a name in a list of exact names, of which none may be among
// others.
func (f *fieldClasses) check(list, name string, credentials []string) error {
	refuse := func(why string) error { return fmt.Errorf("unstale: HandlerOptions.%s: %q %s", list, name, why) }
	class := f.of(dashed(name))
	switch {
	case !fieldName(name):
		return refuse("is no field name")
	case containsName(credentials, name):
		return refuse("is among Credentials")
	case class > fieldCookie || class == fieldEncoding || connectionField(dashed(name)):
		return refuse("has a meaning of its own")
	case list == "Credentials":
		return nil
	case class == fieldCookie || containsName([]string{"Authorization", "Proxy-Authorization"}, name):
		return refuse("says who asks, which is what HandlerOptions.Identity is for")
	}
	return nil
}

// checkIgnored refuses a name, or the beginning of names and "*", in IgnoreFields.
func (f *fieldClasses) checkIgnored(name string, credentials, selected []string) error {
	refuse := func(why string) error { return fmt.Errorf("unstale: HandlerOptions.IgnoreFields: %q %s", name, why) }
	bare, prefix := strings.CutSuffix(name, "*")
	if !fieldName(bare) {
		return refuse(`is neither a field name nor the beginning of one and "*"`)
	}
	canonical := dashed(bare)
	covers := func(other string) bool {
		return other == canonical || prefix && strings.HasPrefix(other, canonical)
	}
	for _, other := range credentials {
		if covers(dashed(other)) {
			return refuse("would include " + other + ", which is among Credentials")
		}
	}
	for _, other := range selected {
		if covers(dashed(other)) {
			return refuse("would include " + other + ", which is among SelectFields")
		}
	}
	if saysWho(canonical) {
		return refuse("says who asks, or sounds like it")
	}
	for other, class := range f.exact {
		if covers(other) && (class >= fieldHidden || class == fieldEncoding) {
			return refuse("would include " + other + ", which says who asks or has a meaning of its own")
		}
	}
	for other, class := range f.prefixes {
		if class == fieldCredential && (strings.HasPrefix(canonical, other) || covers(other)) {
			return refuse("would include " + other + "*, which says who asks")
		}
	}
	return nil
}

// connectionField reports whether a field belongs to one connection.
func connectionField(canonical string) bool {
	switch canonical {
	case "Expect", "Http2-Settings", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding":
		return true
	}
	return false
}

// containsName reports whether a list holds a field name, under any spelling.
func containsName(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return dashed(s) == dashed(name) })
}

// fieldName reports whether s is a token (RFC 9110 §5.6.2), as names of fields and
// cookies are. A "*" is none here: whoever writes one means several.
func fieldName(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) && !strings.Contains("!#$%&'+^`|", s[i:i+1]) {
			return false
		}
	}
	return s != ""
}
