package site

import "testing"

func TestLocal(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		"/me?tab=stars#x": "/me?tab=stars#x", "": "/", "me": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/",
		"/a\nb": "/", "///evil.example": "/", "javascript:alert(1)": "/",
	} {
		if got := local(next); got != want {
			t.Errorf("local(%q) = %q, want %q", next, got, want)
		}
	}
}
