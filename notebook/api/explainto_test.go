package api

import (
	"strings"
	"testing"

	"github.com/unstale/unstale/notebook"
)

// Cache-Status says what caused a miss to admins alone.
func TestExplainTo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, ann := s.user("ann", notebook.RoleUser)
	_, mod := s.user("mod", notebook.RoleModerator)
	_, admin := s.user("admin", notebook.RoleAdmin)
	card := s.upload(ann, "one")
	s.exec("UPDATE persona_cards SET is_public = 1, is_pending = 0")
	const list = "/api/persona/public"
	s.get(list, "")
	for _, who := range []struct {
		token string
		told  bool
	}{{"", false}, {ann, false}, {mod, false}, {"garbage", false}, {admin, true}} {
		s.json("DELETE", "/api/persona/"+card+"/star", ann, "")
		s.json("POST", "/api/persona/"+card+"/star", ann, "")
		status := s.get(list, who.token).Header().Get("Cache-Status")
		if told := strings.Contains(status, "write by POST /api/persona/{id}/star") && strings.Contains(status, card); told != who.told || !strings.Contains(status, `detail="changed`) {
			t.Errorf("%.5s is told %s", who.token, status)
		}
	}
}
