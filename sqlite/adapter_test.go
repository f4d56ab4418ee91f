package sqlite

import (
	"path/filepath"
	"testing"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/internal/adaptertest"
)

// TestAdapter is the contract of every adapter.
func TestAdapter(t *testing.T) {
	for _, place := range []string{"file", "memory"} {
		t.Run(place, func(t *testing.T) {
			adaptertest.Exercise(t, adaptertest.Adapter{
				Open: func(t testing.TB, c *unstale.Cache) adaptertest.Database {
					path := ":memory:"
					if place == "file" {
						path = filepath.Join(t.TempDir(), "test.db")
					}
					e := openEnv(t, c, path, Config{})
					d := adaptertest.Database{DB: e.db, Ready: e.proven, Lose: func() { e.inner.lost("test") }}
					if place == "file" {
						d.Other = plain(t, path)
					}
					return d
				},
				Identity: "INTEGER PRIMARY KEY",
				Triggers: []string{`CREATE TRIGGER versioned AFTER UPDATE OF version ON item BEGIN
					DELETE FROM audit WHERE item = new.id;
					INSERT INTO audit (item, version) VALUES (new.id, new.version);
					UPDATE mirror SET version = new.version WHERE id = new.id; END`},
				Concurrent: place == "file",
				Returning:  true,
				Several:    true,
				Rows:       true,
			})
		})
	}
}
