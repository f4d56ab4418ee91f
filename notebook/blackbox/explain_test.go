package blackbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/unstale/unstale"
)

// TestExplain: an admin asks over HTTP why a list was a miss after a star, and is
// told which request changed which column of which card. Others are refused.
func TestExplain(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		c := s.newPublic("alice", "explained")
		const list = "/api/persona/public"
		explain := "/api/admin/cache/explain?url=" + unstale.Escape(s.url+list)
		for range 3 {
			s.nobody().once(list).want(http.StatusOK)
		}
		s.as("bob").post("/api/persona/"+c.ID+"/star", nil).want(http.StatusOK)
		for _, name := range []string{"alice", "bob", "moderator"} {
			s.as(name).once(explain).want(http.StatusForbidden)
		}
		s.nobody().once(explain).want(http.StatusUnauthorized)
		if !s.cached {
			s.as("admin").once(explain).want(http.StatusNotFound)
			return
		}
		if a := s.nobody().once(list).want(http.StatusOK); a.hit() || strings.Contains(a.header.Get("Cache-Status"), "star") {
			t.Errorf("after a star: %s", a.header.Get("Cache-Status"))
		}
		for _, name := range []string{"admin", "root"} {
			var got struct {
				Variants []struct {
					LastMiss struct {
						Reason string
						Change struct {
							Request string
							Rows    []struct {
								Table, Key string
								Columns    []string
							}
						}
					} `json:"last_miss"`
				}
			}
			a := s.as(name).once(explain).want(http.StatusOK)
			a.data(&got)
			if a.header.Get("Cache-Control") != "no-store" || len(got.Variants) != 1 {
				t.Fatalf("%v %s", a.header, a.body)
			}
			miss := got.Variants[0].LastMiss
			told := false
			for _, r := range miss.Change.Rows {
				told = told || r.Table == "persona_cards" && r.Key == c.ID && slices.Contains(r.Columns, "star_count")
			}
			if miss.Reason != "changed" || miss.Change.Request != "POST /api/persona/{id}/star" || !told {
				t.Errorf("%s is told %s", name, a.body)
			}
		}
	})
}
