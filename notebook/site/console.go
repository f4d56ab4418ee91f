package site

import (
	"net/http"

	"github.com/unstale/unstale/console"
	"github.com/unstale/unstale/notebook"
)

// showCache registers the page that shows what the cache does, for admins. Others are
// sent where they log in, or told that it is not for them.
func (s *site) showCache(pattern string) {
	admin := func(r *http.Request) bool {
		_, err := s.Accounts.Require(r.Context(), notebook.RoleAdmin)
		return err == nil
	}
	page := console.Handler(s.Cache, console.Options{May: admin, ExplainTo: admin})
	s.Mux.Uncached(pattern)
	s.Mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.Accounts.Require(r.Context(), notebook.RoleAdmin); err != nil {
			s.fail(w, asked(r), err, "")
			return
		}
		page.ServeHTTP(w, r)
	})
}
