package unstale_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/unstale/unstale"
)

// TestByCredentials: handlers see what is named, and answers are for exactly that.
func TestByCredentials(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{ByCredentials: []string{"session", "X-Tenant", "authorization"}})
	db := newToy(c)
	h := handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "Cookie") // as session middleware says
		write(w, fmt.Sprint(db.get(r.Context(), "x"), r.Header["Cookie"], r.Header["X-Tenant"], r.Header["Authorization"], r.Header["X-Api-Key"], r.RemoteAddr))
	}))
	for _, hit := range []bool{false, true} {
		get(h, "/").want(t, "[] [] [] []", hit)
		get(h, "/", "Cookie: session=a").want(t, "[session=a] [] [] []", hit)
		get(h, "/", "Cookie: session=b; session=c").want(t, "[session=b; session=c] [] [] []", hit)
		get(h, "/", "X-Tenant: t").want(t, "[] [t] [] []", hit)
		get(h, "/", "Authorization: t").want(t, "[] [] [t] []", hit)
		get(h, "/", "Cookie: session=", "Authorization: t").want(t, "[session=] [] [t] []", hit)
	}
	// What is not named is taken away, and so keeps nothing apart.
	get(h, "/", "Cookie: _ga=1; session=a; theme=x", "X-Api-Key: k").want(t, "[session=a] [] [] []", true)
	if r := get(h, "/", "Cookie: session=a"); r.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("leaves as %q", r.header.Get("Cache-Control"))
	}
	db.set("x", "1")
	get(h, "/", "Cookie: session=a").want(t, "1[session=a] [] [] []", false)
}

// TestByCredentialsAsIdentity: Identity and Load go by them.
func TestByCredentialsAsIdentity(t *testing.T) {
	t.Parallel()
	c, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{ByCredentials: []string{"session"}})
	who := make(map[string]string)
	h := handler(known(func(w http.ResponseWriter, r *http.Request) {
		who[r.Header.Get("Cookie")] = unstale.Identity(r.Context())
		own, err := unstale.Load(r.Context(), c, "own", func(ctx context.Context) (string, error) {
			unstale.DependOn(ctx, "x")
			return unstale.Identity(ctx), nil
		})
		if err != nil || own != unstale.Identity(r.Context()) {
			t.Errorf("%q, %v", own, err)
		}
		write(w, "x")
	}))
	for _, cookie := range []string{"", "session=a", "session=b"} {
		if cookie == "" {
			get(h, "/")
		} else {
			get(h, "/", "Cookie: "+cookie)
		}
	}
	if who[""] != "" || who["session=a"] == "" || who["session=a"] == who["session=b"] || strings.Contains(who["session=a"], "=a") {
		t.Errorf("%q", who)
	}
}

// webToken returns an unsigned JSON Web Token with these claims.
func webToken(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
}

// TestCredentialLife: an answer for exactly these credentials lives for a minute
// at most, and never beyond the end of a token.
func TestCredentialLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, tt := range map[string]struct {
			ttl   time.Duration
			field string
			want  int64
		}{
			"a cookie":           {0, "Cookie: session=a", 59},
			"an option":          {10 * time.Minute, "Cookie: session=a", 299},
			"a bearer's end":     {0, "Authorization: Bearer " + webToken(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+7)), 6},
			"a cookie's end":     {0, "Cookie: a=b; session=" + webToken(fmt.Sprintf(`{"exp":%d.5}`, time.Now().Unix()+9)), 9},
			"a later end":        {0, "Cookie: session=" + webToken(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+900)), 59},
			"a beginning":        {0, "Authorization: " + webToken(fmt.Sprintf(`{"nbf":%d}`, time.Now().Unix()+3)), 2},
			"a past end":         {0, "Authorization: " + webToken(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()-3)), 59},
			"one of two":         {0, "Authorization: " + webToken(`{"exp":9999999999}`) + "," + webToken(fmt.Sprintf(`{"exp":%d}`, time.Now().Unix()+5)), 4},
			"no token":           {0, "Authorization: Bearer a.b.c", 59},
			"a strange end":      {0, "Authorization: Bearer " + webToken(`{"exp":"soon"}`), 59},
			"an infinite end":    {0, "Authorization: Bearer " + webToken(`{"exp":1e300}`), 59},
			"an encrypted one's": {0, "Authorization: Bearer " + webToken(`{"exp":1}`) + ".x.y", 59},
		} {
			for _, o := range []unstale.HandlerOptions{
				{CredentialTTL: tt.ttl, ByCredentials: []string{"session", "Authorization"}},
				{CredentialTTL: tt.ttl, Identity: byCookie},
			} {
				c, handler := newService(t, unstale.Options{}, o)
				h := handler(known(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Cache-Control", "max-age=1000")
					if tt.ttl != 0 {
						w.Header().Del("Cache-Control")
					}
					write(w, "x")
				}))
				get(h, "/", tt.field).want(t, "x", false)
				time.Sleep(time.Millisecond)
				a := get(h, "/", tt.field)
				if !strings.HasSuffix(a.status, fmt.Sprint(";ttl=", tt.want)) {
					t.Errorf("%s: %s, want ttl=%d", name, a.status, tt.want)
				}
				synctest.Wait()
				_ = c
			}
		}
	})
}

// TestByCredentialsOptions: what makes no sense is refused.
func TestByCredentialsOptions(t *testing.T) {
	t.Parallel()
	c := newCache(t, unstale.Options{})
	for _, o := range []unstale.HandlerOptions{
		{ByCredentials: []string{""}},
		{ByCredentials: []string{"a b"}},
		{ByCredentials: []string{"session"}, Identity: byCookie},
		{CredentialTTL: -1},
		{Policies: map[string]unstale.Policy{"": {DropSetCookie: []string{"a=b"}}}},
	} {
		if _, err := c.Middleware(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestDropSetCookie: a cookie that comes with each page does not keep it out, and
// reaches the request for which the handler ran.
func TestDropSetCookie(t *testing.T) {
	t.Parallel()
	_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{
		ByCredentials: []string{"session"},
		Policies:      map[string]unstale.Policy{"": {DropSetCookie: []string{"session"}}},
	})
	h := handler(known(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("session"); err == nil {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: c.Value, MaxAge: 3600})
		}
		if r.URL.Path == "/renewed" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: rand.Text()})
		}
		if r.URL.Path == "/flash" {
			http.SetCookie(w, &http.Cookie{Name: "flash", Value: "hello"})
		}
		write(w, "x")
	}))
	if r := get(h, "/", "Cookie: session=a").want(t, "x", false); r.header.Get("Set-Cookie") != "session=a; Max-Age=3600" {
		t.Errorf("%q", r.header)
	}
	if r := get(h, "/", "Cookie: session=a").want(t, "x", true); r.header["Set-Cookie"] != nil {
		t.Errorf("%q", r.header)
	}
	// One that is another each time is another credential each time: who has it will
	// not ask with the former again. Who has none is given what is stored.
	for range 2 {
		get(h, "/renewed", "Cookie: session=a").want(t, "x", false)
	}
	if r := get(h, "/renewed", "Cookie: session=b"); !strings.Contains(r.header.Get("Cache-Status"), "credential renewed") {
		t.Errorf("%q", r.header)
	}
	get(h, "/renewed").want(t, "x", false)
	get(h, "/renewed").want(t, "x", true)
	for range 2 {
		if r := get(h, "/flash", "Cookie: session=a").want(t, "x", false); len(r.header["Set-Cookie"]) != 2 {
			t.Errorf("%q", r.header)
		}
	}
}

// TestCookiesAsRead: handlers are shown what net/http reads of a Cookie field.
func TestCookiesAsRead(t *testing.T) {
	t.Parallel()
	h := func(off bool) http.Handler {
		_, handler := newService(t, unstale.Options{Off: off}, unstale.HandlerOptions{ByCredentials: []string{"session"}, IgnoreCookies: []string{"_ga"}})
		return handler(known(func(w http.ResponseWriter, r *http.Request) { write(w, fmt.Sprint(r.CookiesNamed("session"))) }))
	}
	on, off := h(false), h(true)
	for _, cookie := range []string{
		"session =a", "session\t=a", "session=a\u00a0", "\u00a0session=a", "\u0085session=a", "session=\"a\"", "x; session=a", "session",
		"session=", "a=b;;session=a; ;", "session=a; session=b", "Session=a", "session= a ", "_ga =session; session=a",
	} {
		for range 2 {
			if got, want := get(on, "/", "Cookie: "+cookie), get(off, "/", "Cookie: "+cookie); got.body != want.body {
				t.Errorf("%q: %q, without the cache %q", cookie, got.body, want.body)
			}
		}
	}
}

// TestHiddenFieldsByCredentials: a field that no fill sees is seen where it is named.
func TestHiddenFieldsByCredentials(t *testing.T) {
	t.Parallel()
	_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{ByCredentials: []string{"X-CSRF-Token", "X-Real-IP"}})
	h := handler(known(func(w http.ResponseWriter, r *http.Request) {
		write(w, fmt.Sprint(r.Header["X-Csrf-Token"], r.Header["X-Real-Ip"], r.Header["X-Forwarded-For"]))
	}))
	for _, hit := range []bool{false, true} {
		get(h, "/", "X-CSRF-Token: a", "X-Forwarded-For: 7").want(t, "[a] [] []", hit)
		get(h, "/", "X-Real-IP: b").want(t, "[] [b] []", hit)
	}
}

// TestDeletedCookieIsNotDropped: an answer that ends a cookie does so for everybody
// who asks.
func TestDeletedCookieIsNotDropped(t *testing.T) {
	t.Parallel()
	_, handler := newService(t, unstale.Options{}, unstale.HandlerOptions{Policy: unstale.Policy{DropSetCookie: []string{"session"}}})
	h := handler(known(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "session="+r.URL.Query().Get("set"))
		write(w, "bye")
	}))
	for set, hit := range map[string]bool{
		"a": true, "a; Max-Age=5": true, "": false, "a; Max-Age=0": false, "a; Expires=Thu, 01 Jan 1970 00:00:00 GMT": false,
	} {
		target := "/?" + url.Values{"set": {set}}.Encode()
		get(h, target).want(t, "bye", false)
		get(h, target).want(t, "bye", hit)
	}
}
