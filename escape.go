package unstale

// Escape returns id in the form in which keys hold it: every byte other than
// the unreserved characters of RFC 3986 (letters, digits, "-", ".", "_", "~")
// is percent-encoded. Use it for ids inside a key given to Load, so that no id
// can look like a separator or a wildcard.
func Escape(id string) string {
	for i := 0; i < len(id); i++ {
		if !unreserved(id[i]) {
			return escape(make([]byte, 0, len(id)+16), id)
		}
	}
	return id
}

func escape(dst []byte, s string) string { return string(appendEscaped(dst, s)) }

func appendEscaped(dst []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(s); i++ {
		if b := s[i]; unreserved(b) {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', hex[b>>4], hex[b&15])
		}
	}
	return dst
}

func unreserved(b byte) bool { return unreservedBytes[b] }

// unreservedBytes is looked up for every byte of every request's URL.
var unreservedBytes = func() (set [256]bool) {
	for _, b := range []byte("-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		set[b] = true
	}
	return set
}()
