package notebook

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRoles(t *testing.T) {
	t.Parallel()
	for i, have := range Roles() {
		for j, need := range Roles() {
			if got := have.Includes(need); got != (i >= j) {
				t.Errorf("%s.Includes(%s) = %v", have, need, got)
			}
		}
		if have.Includes("king") || Role("king").Includes(have) {
			t.Error("an unknown role is no role")
		}
	}
	for _, test := range []struct {
		by, made Role
		want     error
	}{
		{RoleUser, RoleUser, ErrForbidden},
		{RoleModerator, RoleUser, ErrForbidden},
		{RoleAdmin, RoleModerator, nil},
		{RoleAdmin, RoleAdmin, ErrAdminBySuper},
		{RoleSuperAdmin, RoleAdmin, nil},
		{RoleSuperAdmin, RoleSuperAdmin, ErrRoleInvalid},
		{RoleSuperAdmin, "king", ErrRoleInvalid},
	} {
		if err := test.by.MayCreate(test.made); !errors.Is(err, test.want) {
			t.Errorf("%s.MayCreate(%s) = %v, want %v", test.by, test.made, err, test.want)
		}
	}
}

func TestLocksAndBans(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 24, 0, 0, 0, 0, time.UTC)
	later, reason := now.Add(time.Hour), "spam"
	for _, test := range []struct {
		u              User
		banned, locked bool
	}{
		{User{}, false, false},
		{User{LockedUntil: &later}, false, true},
		{User{LockedUntil: &now}, false, false},
		{User{BanReason: &reason}, true, false},
		{User{BanReason: &reason, LockedUntil: &later}, true, false},
		{User{BanReason: &reason, LockedUntil: &now}, false, false},
	} {
		if b, l := test.u.Banned(now), test.u.Locked(now); b != test.banned || l != test.locked {
			t.Errorf("%+v: banned %v, locked %v", test.u, b, l)
		}
	}
	// Failed logins must not shorten a ban.
	u := User{BanReason: &reason, FailedLogins: MaxFailedLoginsOfAll}
	u.FailLogin(now)
	if u.LockedUntil != nil {
		t.Error("a permanent ban got an end")
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	long := string(make([]byte, 73))
	for password, want := range map[string]error{"abcdefg1": nil, "abcdefgh": ErrPasswordWeak, "12345678": ErrPasswordWeak, "abc1": ErrPasswordWeak, "a1" + long: ErrPasswordWeak} {
		if err := CheckGivenPassword(password); !errors.Is(err, want) {
			t.Errorf("CheckGivenPassword(%q) = %v", password, err)
		}
	}
	for password, want := range map[string]error{"abcdef": nil, "abcde": ErrPasswordLength, long: ErrPasswordLength} {
		if err := CheckOwnPassword(password); !errors.Is(err, want) {
			t.Errorf("CheckOwnPassword(%q) = %v", password, err)
		}
	}
	h, err := HashPassword("secret1", 4)
	if err != nil || !PasswordMatches(h, "secret1") || PasswordMatches(h, "secret2") {
		t.Error(err)
	}
}

func TestCardRules(t *testing.T) {
	t.Parallel()
	owner, other, mod := &User{ID: "1", Role: RoleUser}, &User{ID: "2", Role: RoleUser}, &User{ID: "3", Role: RoleModerator}
	private, pending, public := Item{Kind: TargetPersona, UploaderID: "1"}, Item{Kind: TargetPersona, UploaderID: "1", Pending: true}, Item{Kind: TargetPersona, UploaderID: "1", Public: true}
	for _, test := range []struct {
		name                string
		card                Item
		by                  *User
		read, manage, files error
	}{
		{"nobody, private", private, nil, ErrLoginRequired, ErrLoginRequired, ErrLoginRequired},
		{"nobody, public", public, nil, nil, ErrLoginRequired, ErrLoginRequired},
		{"owner, private", private, owner, nil, nil, nil},
		{"owner, pending", pending, owner, nil, nil, ErrFilesFixed},
		{"owner, public", public, owner, nil, nil, ErrFilesFixed},
		{"other, private", private, other, ErrForbidden, ErrForbidden, ErrForbidden},
		{"other, public", public, other, nil, ErrForbidden, ErrForbidden},
		{"moderator, private", private, mod, nil, nil, nil},
	} {
		if err := test.card.ReadableBy(test.by); !errors.Is(err, test.read) {
			t.Errorf("%s: read %v", test.name, err)
		}
		if err := test.card.ManagedBy(test.by); !errors.Is(err, test.manage) {
			t.Errorf("%s: manage %v", test.name, err)
		}
		if err := test.card.FilesChangeableBy(test.by); !errors.Is(err, test.files) {
			t.Errorf("%s: files %v", test.name, err)
		}
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	owner, other, mod := &User{ID: "1", Role: RoleUser}, &User{ID: "2", Role: RoleUser}, &User{ID: "3", Role: RoleModerator}
	text, blank, yes, no := "new", " ", true, false
	now := time.Now()
	for _, test := range []struct {
		name   string
		card   Item
		change ItemChange
		by     *User
		want   error
	}{
		{"nothing", Item{}, ItemChange{}, owner, ErrNothingToDo},
		{"stranger", Item{}, ItemChange{Content: &text}, other, ErrForbidden},
		{"description", Item{}, ItemChange{Description: &text}, owner, nil},
		{"blank description", Item{}, ItemChange{Description: &blank}, owner, ErrFieldsMissing},
		{"content of a public card", Item{Kind: TargetPersona, Public: true}, ItemChange{Content: &text}, owner, nil},
		{"description of a public card", Item{Kind: TargetPersona, Public: true}, ItemChange{Description: &text, Content: &text}, owner, ErrContentOnly},
		{"description of a pending card, by a moderator", Item{Pending: true}, ItemChange{Description: &text}, mod, ErrContentOnly},
		{"name is kept", Item{Name: "old"}, ItemChange{Name: &text, CopyrightOwner: &text}, owner, nil},
		{"publish by the owner", Item{}, ItemChange{Public: &yes}, owner, ErrPublishByStaff},
		{"unpublish by the owner", Item{}, ItemChange{Public: &no}, owner, ErrPublishByStaff},
		{"publish by a moderator", Item{}, ItemChange{Public: &yes, Pending: &yes}, mod, nil},
		{"submit", Item{RejectionReason: &text}, ItemChange{Pending: &yes}, owner, nil},
	} {
		c := test.card
		c.UploaderID = "1"
		if err := c.Apply(test.change, test.by, now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if c.Name != test.card.Name || c.CopyrightOwner != nil || c.Public && c.Pending || c.Pending && c.RejectionReason != nil {
			t.Errorf("%s: %+v", test.name, c)
		}
		if (test.want == nil) != c.UpdatedAt.Equal(now) {
			t.Errorf("%s: updated at %v", test.name, c.UpdatedAt)
		}
	}
}

func TestBotConfigVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`version = "1.2"`:                "1.2",
		"version = 1.0":                  "1.0",
		"version = 3":                    "3",
		`card_version = "c"`:             "c",
		"[meta]\nschema_version = \"m\"": "m",
		"[other]\nversion = \"far\"\n[Card]\nVersion=2":  "2",
		"[a.b]\nVERSION = \"deep\"":                      "deep",
		"[b]\nversion = \"b\"\n[a]\nversion = \"a\"":     "a",
		"[[list]]\nx = 1\n[[list]]\nversion = \"array\"": "array",
	} {
		if got, err := BotConfigVersion([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"":                    ErrConfigVersion,
		"version = true":      ErrConfigVersion,
		`version = " "`:       ErrConfigVersion,
		"version = 1e99":      ErrTextLength,
		"name = \"v\"":        ErrConfigVersion,
		"version = ":          ErrConfigSyntax,
		"version = \"\xff\"":  ErrConfigSyntax,
		"not toml at all, no": ErrConfigSyntax,
	} {
		if _, err := BotConfigVersion([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
	if _, err := BotConfigVersion(make([]byte, MaxBotConfigSize+1)); !errors.Is(err, ErrFileSize) {
		t.Error(err)
	}
	for name, want := range map[string]error{"bot_config.toml": nil, "x.toml": ErrFileName, "bot_config.txt": ErrFileType, "": ErrFileType} {
		if _, err := ItemKind(TargetPersona).FileType(name); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", name, err, want)
		}
	}
}

// Decoding takes time by the square of the number of keys, and memory by the
// depth of dotted ones: that there are too many is found before.
func TestBotConfigKeysAreBounded(t *testing.T) {
	t.Parallel()
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		text string
		want error
	}{
		"as many keys as may be":   {"version = 1\n" + numbered(maxConfigKeys-1, "k%d = 1\n"), nil},
		"one key more":             {"version = 1\n" + numbered(maxConfigKeys, "k%d = 1\n"), ErrConfigKeys},
		"tables":                   {"version = 1\n" + numbered(maxConfigKeys, "[t%d]\n"), ErrConfigKeys},
		"array tables":             {"version = 1\n" + strings.Repeat("[[t]]\n", maxConfigKeys), ErrConfigKeys},
		"an inline table":          {"version = 1\nt = {" + numbered(maxConfigKeys, "k%d = 1, ") + "z = 1}", ErrConfigKeys},
		"inline tables in arrays":  {"version = 1\nt = [" + strings.Repeat("[{a = 1}], ", maxConfigKeys) + "]", ErrConfigKeys},
		"as deep a key as may be":  {"version = 1\na" + strings.Repeat(".a", maxConfigDepth-1) + " = 1", nil},
		"a deeper key":             {"version = 1\na" + strings.Repeat(".a", maxConfigDepth) + " = 1", ErrConfigKeys},
		"a deeper table":           {"version = 1\n[a" + strings.Repeat(".a", maxConfigDepth) + "]", ErrConfigKeys},
		"a deeper key in a table":  {"version = 1\nt = {a" + strings.Repeat(".a", maxConfigDepth) + " = 1}", ErrConfigKeys},
		"keys in texts, comments":  {"version = 1\nt = \"\"\"\n" + strings.Repeat("a = 1\n", 3000) + "\"\"\"\n" + strings.Repeat("# a = 1\n", 3000), nil},
		"keys after a wrong start": {"version = \n" + numbered(maxConfigKeys, "k%d = 1\n"), ErrConfigSyntax},
	} {
		if _, err := BotConfigVersion([]byte(test.text)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func FuzzBotConfigVersion(f *testing.F) {
	f.Add([]byte("version = 1"))
	f.Add([]byte("[[a]]\nb = [{version = 'x'}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := BotConfigVersion(data)
		if (v == "") == (err == nil) {
			t.Fatalf("%q, %v", v, err)
		}
		if again, _ := BotConfigVersion(data); again != v {
			t.Fatalf("%q, then %q", v, again)
		}
	})
}

func TestErrorDetails(t *testing.T) {
	t.Parallel()
	name := ErrFileName.Of(TargetPersona)
	e := name.With("filename", "x").With("n", 1)
	if !errors.Is(e, ErrFileName) || errors.Is(e, ErrFileType) || len(e.Details) != 2 || name.Details != nil {
		t.Errorf("%+v", e)
	}
	if e.Text.In(English) == e.Text.In(Chinese) || e.Text.In("fr") != e.Text.ZH {
		t.Error("languages")
	}
}

func TestCheckTexts(t *testing.T) {
	t.Parallel()
	long := func(n int) *string { s := strings.Repeat("麦", n); return &s }
	for _, test := range []struct {
		name string
		item Item
		want error
	}{
		{"short", Item{Name: "麦麦", Description: "d"}, nil},
		{"as long as may be", Item{Name: *long(200), Description: *long(2000), Content: long(20000), Tags: long(500), CopyrightOwner: long(200)}, nil},
		{"name", Item{Name: *long(201), Description: "d"}, ErrItemName},
		{"control characters", Item{Name: "a\r\nSet-Cookie: x", Description: "d"}, ErrItemName},
		{"no name", Item{Description: "d"}, ErrFieldsMissing},
		{"no description", Item{Name: "n"}, ErrFieldsMissing},
		{"description", Item{Name: "n", Description: *long(2001)}, ErrTextLength},
		{"content", Item{Name: "n", Description: "d", Content: long(20001)}, ErrTextLength},
		{"tags", Item{Name: "n", Description: "d", Tags: long(501)}, ErrTextLength},
		{"copyright_owner", Item{Name: "n", Description: "d", CopyrightOwner: long(201)}, ErrTextLength},
	} {
		for _, test.item.Kind = range ItemKinds() {
			err := test.item.CheckTexts()
			if !errors.Is(err, test.want) {
				t.Errorf("%s %s: %v, want %v", test.item.Kind, test.name, err, test.want)
			}
			var e *Error
			if errors.As(err, &e) && errors.Is(e, ErrTextLength) && e.Details["field"] != test.name {
				t.Errorf("%s: %v", test.name, e.Details)
			}
		}
	}
	owner := &User{ID: "1", Role: RoleUser}
	for name, change := range map[string]ItemChange{"description": {Description: long(2001)}, "content": {Content: long(20001)}, "tags": {Tags: long(501)}} {
		item := Item{UploaderID: owner.ID, Content: long(30000)} // what is too long already may stay
		before := item
		if err := item.Apply(change, owner, time.Now()); !errors.Is(err, ErrTextLength) || item != before {
			t.Errorf("changing the %s: %v, %t", name, err, item == before)
		}
	}
	if v, err := Rejection(" " + *long(500) + " "); err != nil || v.Approved || v.Reason != *long(500) {
		t.Error(err)
	}
	for reason, want := range map[string]error{" ": ErrReasonMissing, *long(501): ErrReasonLength} {
		if _, err := Rejection(reason); !errors.Is(err, want) {
			t.Errorf("%.10q: %v", reason, err)
		}
	}
	for _, text := range []string{"a\x00b", "\xff"} {
		_, rejected := Rejection(text)
		_, sanctioned := NewSanction("1d", text, time.Time{})
		for what, err := range map[string]error{
			"rejection": rejected, "sanction": sanctioned, "comment": (&Comment{Content: text}).Normalize(),
			"title": (&NewMessage{Title: text, Content: "c", Recipients: []string{"r"}}).Normalize(), "content": (&NewMessage{Title: "t", Content: text, Recipients: []string{"r"}}).Normalize(),
			"summary": (&NewMessage{Title: "t", Content: "c", Summary: &text, Recipients: []string{"r"}}).Normalize(), "description": (&ItemChange{Description: &text}).checkLengths(),
		} {
			if !errors.Is(err, ErrText) {
				t.Errorf("%s %q: %v", what, text, err)
			}
		}
	}
	for text, want := range map[string]error{"": nil, *long(200): nil, *long(201): ErrSearch, "a\x00": ErrSearch, "\xff": ErrSearch} {
		for _, filter := range []interface{ Check() error }{&ItemFilter{Name: text}, &ItemFilter{Tag: text}, &ItemFilter{Uploader: text}, &ItemFilter{OwnerID: text}, &UserFilter{Search: text}} {
			if err := filter.Check(); !errors.Is(err, want) {
				t.Errorf("%.10q: %v", text, err)
			}
		}
	}
}
