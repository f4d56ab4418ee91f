package unstale_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/sqlite"
)

// TestOwnCaches: where a handler reads a cache of its own beside the database, the
// log names the route, the URI and the statements, once.
func TestOwnCaches(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]unstale.Policy{"verification": {}, "report-only mode": {Mode: unstale.ModeReportOnly}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				book := new(logbook)
				c, handler := newService(t, unstale.Options{Logger: book.logger()}, unstale.HandlerOptions{
					VerifyShare: 1,
					Route:       func(*http.Request) string { return "settings" },
					Policies:    map[string]unstale.Policy{"settings": policy},
				})
				db, err := sqlite.Open(filepath.Join(t.TempDir(), "app.db"), c)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				if _, err := db.Exec(`CREATE TABLE user (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO user VALUES (1, 'ann')`); err != nil {
					t.Fatal(err)
				}
				var own sync.Map
				h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					var name string
					if err := db.QueryRowContext(r.Context(), `SELECT name FROM user WHERE id = 1`).Scan(&name); err != nil {
						t.Error(err)
					}
					setting, _ := own.Load("theme")
					fmt.Fprint(w, name, " likes ", setting)
				}))
				for i, theme := range []string{"light", "dark", "light"} {
					own.Store("theme", theme)
					for range 3 {
						get(h, "/users/ann")
						synctest.Wait()
					}
					if n := book.count("level=WARN"); n != min(i, 1) {
						t.Errorf("theme %d: %d lines", i, n)
					}
				}
				for _, want := range []string{
					"route=settings", `key="unstale:http:GET example.com /users/ann"`, `statements="SELECT name FROM user WHERE id = 1"`,
					`made_of="user[id=1]{*}"`, "a cache of its own",
				} {
					if !strings.Contains(book.String(), want) {
						t.Errorf("no %s in\n%s", want, book)
					}
				}
			})
		})
	}
}
