package jwt

import (
	"encoding/base64"
	"testing"
	"time"
)

func token(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + ".c2ln"
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int64{
		"":                                   nil,
		"Bearer":                             nil,
		token(`{"exp":100}`):                 {100},
		"Bearer " + token(`{"exp":100}`):     {100},
		token(`{"nbf":5,"exp":100}`):         {100, 5},
		`{"a":"` + token(`{"exp":1}`):        {1},
		token(`{"exp":1}`) + "." + "x":       nil, // five parts would be encrypted, four are nothing
		token(`{"sub":"me"}`):                nil,
		token(`{"exp":"100"}`):               {100}, // some issuers write it so
		token(`{"exp":"never"}`):             nil,
		token(`{"exp":null}`):                nil,
		token(`{"exp":-1}`):                  {-1},
		token(`{"exp":1e30}`):                nil,
		token(`[]`):                          nil,
		"a.b.c":                              nil,
		"a=b; s=" + token(`{"exp":7}`):       {7},
		"s=%22" + token(`{"exp":7}`) + "%22": {7},
		"100% " + token(`{"exp":7}`):         {7},
		token(`{"exp":1}`) + ", " + token(`{"exp":2}`): {1, 2},
	} {
		got := Changes(text)
		if len(got) != len(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
			continue
		}
		for i := range got {
			if !got[i].Equal(time.Unix(want[i], 0)) {
				t.Errorf("%q: %v, want %v", text, got, want)
			}
		}
	}
}

func FuzzChanges(f *testing.F) {
	f.Add("Bearer " + token(`{"exp":1,"nbf":2}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, text string) {
		if n := len(Changes(text)); n > len(text) {
			t.Errorf("%d moments", n)
		}
	})
}
