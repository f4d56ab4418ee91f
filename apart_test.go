package unstale_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// TestApart: a request field with many values of which none comes twice is told
// once, and requests that carry it pass for a minute. Others do not.
func TestApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var book logbook
		c := newCache(t, unstale.Options{Logger: book.logger()})
		db := newToy(c)
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			db.get(r.Context(), "x")
			write(w, r.Header.Get("X-Device"))
		}))
		device := func(n int) reply {
			return get(h, "/", fmt.Sprintf("X-Device: device-%d", n))
		}
		for n := range 64 {
			device(n).want(t, fmt.Sprintf("device-%d", n), false)
		}
		entries := c.Stats().Store.Entries
		for n := range 100 {
			r := device(64 + n)
			if r.want(t, fmt.Sprintf("device-%d", 64+n), false); !strings.Contains(r.status, "field keeps answers apart") {
				t.Errorf("%s", r.status)
			}
		}
		if n := c.Stats().Store.Entries; n != entries {
			t.Errorf("%d entries, want %d", n, entries)
		}
		if n := book.count("keeps answers apart"); n != 1 {
			t.Errorf("told %d times", n)
		}
		get(h, "/").want(t, "", false)
		get(h, "/").want(t, "", true)
		get(h, "/other", "X-Device: a").want(t, "a", false)
		get(h, "/other", "X-Device: a").want(t, "a", true)
		time.Sleep(time.Minute)
		device(200).want(t, "device-200", false)
		device(200).want(t, "device-200", true)
	})
}

// TestFewValuesAreNotApart, however often the answers change.
func TestFewValuesAreNotApart(t *testing.T) {
	t.Parallel()
	var book logbook
	c := newCache(t, unstale.Options{Logger: book.logger()})
	db := newToy(c)
	h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		write(w, db.get(r.Context(), "x")+r.Header.Get("X-Region"))
	}))
	db.set("x", "0")
	for n := range 200 {
		region := fmt.Sprint(n % 50)
		get(h, "/", "X-Region: "+region).want(t, fmt.Sprint(n/50)+region, false)
		if n%50 == 49 {
			db.set("x", fmt.Sprint(n/50+1))
		}
	}
	if book.count("apart") > 0 {
		t.Error(book.String())
	}
}
