package api

import (
	"net/http"
	"testing"

	"github.com/unstale/unstale/notebook"
)

func TestDeletedUserLeavesNoFiles(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	annID, ann := s.user("ann", notebook.RoleUser)
	_, bob := s.user("bob", notebook.RoleUser)
	_, admin := s.user("admin", notebook.RoleAdmin)
	for i, token := range []string{bob, ann} {
		if w := s.avatar(token, dots(t, uint64(i))); w.Code != http.StatusOK {
			t.Fatal(w.Body)
		}
	}
	before := s.files()
	s.upload(ann, "hers")
	if n := s.files(); n != before+1 {
		t.Fatalf("%d files with a card, %d without", n, before)
	}
	if w := s.send("DELETE", "/api/admin/users/"+annID, admin, nil); w.Code != http.StatusOK {
		t.Fatal(w.Body)
	}
	if n := s.files(); n != before/2 {
		t.Errorf("%d files are left, want those of bob's picture, %d", n, before/2)
	}
	s.wantFailure(s.send("DELETE", "/api/admin/users/"+annID, admin, nil), 404, "NOT_FOUND_ERROR", "USER_NOT_FOUND")
}
