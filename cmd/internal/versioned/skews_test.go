package versioned_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// apart is how far those two moments are apart at which the mistakes do what
// should be done at one.
const apart = 20 * time.Millisecond

// A both is a request for two items at once.
type both struct{ key, other string }

func bothOf(r *http.Request) (b both, ok bool) {
	path, ok := strings.CutPrefix(r.URL.Path, "/both/")
	b.key, b.other, _ = strings.Cut(path, "/")
	return b, ok && r.Method == http.MethodGet
}

func (b both) answer(w http.ResponseWriter, version, other int64) {
	fmt.Fprintf(w, `{"key":%s,"version":%d,"other":%d}`, b.key, version, other)
}

// versionOf asks for one item.
func versionOf(next http.Handler, r *http.Request, item string) int64 {
	one := r.Clone(r.Context())
	one.URL.Path = "/items/" + item
	var got struct{ Version int64 }
	_ = json.Unmarshal(ask(next, one).Body.Bytes(), &got)
	return got.Version
}

// twoReads stores nothing, and puts the answer about two items together from
// two reads within the request. Each is as it should be.
func twoReads(_ *testing.T, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := bothOf(r)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		first := versionOf(next, r, b.key)
		time.Sleep(apart)
		b.answer(w, first, versionOf(next, r, b.other))
	})
}

// refreshesParts keeps an answer about two items in two parts. It looks whether
// the first is still true, and then the second, and makes anew what is not. All
// else is as in the careful cache.
func refreshesParts(_ *testing.T, next http.Handler) http.Handler {
	n := newNaive(next)
	part := func(r *http.Request, item string) int64 {
		n.order.RLock()
		defer n.order.RUnlock()
		one := r.Clone(r.Context())
		one.URL.Path = "/items/" + item
		key := "part " + item
		e := n.get(key)
		if e == nil {
			e = &stored{request: one, version: versionOf(next, r, item)}
			n.put(key, e)
		}
		return e.version
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := bothOf(r)
		if !ok {
			n.ServeHTTP(w, r)
			return
		}
		first := part(r, b.key)
		time.Sleep(apart) // it is a large one
		b.answer(w, first, part(r, b.other))
	})
}

// twoOrders answers about two items from one of two copies, to which writes
// come at different times. It takes care that nobody finds an item old again: an
// answer is given when what it shows has come everywhere, and everything else is
// asked of a third that gets each write last. But the copies get writes of
// different items in different orders.
func twoOrders(_ *testing.T, next http.Handler) http.Handler {
	var mu sync.Mutex
	everywhere := sync.NewCond(&mu)
	copies, settled := [2]map[string]int64{{}, {}}, map[string]int64{}
	note := func(versions map[string]int64, item string, version int64) {
		mu.Lock()
		defer mu.Unlock()
		versions[item] = version
		everywhere.Broadcast()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := bothOf(r)
		if ok {
			mu.Lock()
			defer mu.Unlock()
			at := copies[0]
			if b.key < b.other {
				at = copies[1]
			}
			version, other := at[b.key], at[b.other]
			for settled[b.key] < version || settled[b.other] < other {
				everywhere.Wait()
			}
			b.answer(w, version, other)
			return
		}
		if r.Method != http.MethodPut {
			next.ServeHTTP(w, r)
			return
		}
		item := itemOf(r)
		var version int64
		_, _ = fmt.Sscan(r.URL.Query().Get("version"), &version)
		home := len(item) + int(item[len(item)-1])
		for i := range copies {
			note(copies[(home+i)%2], item, version)
			time.Sleep(apart)
		}
		reply := ask(next, r)
		note(settled, item, version)
		replay(w, reply)
	})
}
