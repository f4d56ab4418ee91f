package main

// hardened are mistakes in what keeps the notebook from those who mean it harm.
var hardened = []excess{
	{"a configuration may have any number of keys", "notebook", "TestBotConfigKeysAreBounded", []edit{
		{"notebook/botconfig.go", "left -= parts; left < 0 ||", "left -= parts; left < -1<<30 ||"},
	}},
	{"a key may have any number of parts", "notebook", "TestBotConfigKeysAreBounded", []edit{
		{"notebook/botconfig.go", " || parts > maxConfigDepth", ""},
	}},
	{"the texts of a new item have no bound", "notebook", "TestCheckTexts", []edit{
		{"notebook/item.go", "ItemChange{Description: &i.Description, Content: i.Content, Tags: i.Tags}", "ItemChange{}"},
	}},
	{"the texts of a change have no bound", "notebook", "TestCheckTexts", []edit{
		{"notebook/item.go", "	if err := change.checkLengths(); err != nil {\n		return err\n	}\n	if change.Description", "	if change.Description"},
	}},
	{"the reason of a rejection has no bound", "notebook", "TestCheckTexts", []edit{
		{"notebook/item.go", "case tooLong(v.Reason, maxReason):", "case false:"},
	}},
	{"a search has no bound", "notebook", "TestCheckTexts", []edit{
		{"notebook/bounds.go", "if tooLong(text, maxSearch) ||", "if"},
	}},
	{"a search may be no text", "notebook", "TestCheckTexts", []edit{
		{"notebook/bounds.go", " || !utf8.ValidString(text) ||", " ||"},
	}},
	{"a comment may be no text", "notebook", "TestCheckTexts", []edit{
		{"notebook/comment.go", "return CheckText(c.Content)", "return nil"},
	}},
	{"a version has no bound", "notebook", "TestBotConfigVersion", []edit{
		{"notebook/botconfig.go", "	if err := checkLength(\"version\", &version, maxVersion); err != nil {\n		return \"\", err\n	}\n", ""},
	}},
	{"the author undoes a moderator's deletion", "notebook", "TestCommentRestorableBy", []edit{
		{"notebook/comment.go", " || *c.DeletedBy != u.ID {", " {"},
	}},
	{"who is muted restores comments", "notebook", "TestCommentRestorableBy", []edit{
		{"notebook/comment.go", "		return ErrForbidden\n	}\n	return u.CommentAt(now)\n", "		return ErrForbidden\n	}\n	return nil\n"},
	}},
	{"a name may have characters that nobody sees", "notebook", "TestUsernames|TestNamesOfItems|TestFileNames", []edit{
		{"notebook/name.go", "unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)", "unicode.In(r, unicode.Cc)"},
	}},
	{"a name may be an id", "notebook", "TestUsernames", []edit{
		{"notebook/name.go", "case uuid.Validate(name) == nil:", "case uuid.Validate(name) == nil && false:"},
	}},
	{"letters of other alphabets look like nothing", "notebook", "TestNameKeys", []edit{
		{"notebook/name.go", "case ok:\n", "case ok && r < 'a':\n"},
	}},
	{"a file may be named like a device", "notebook", "TestFileNames", []edit{
		{"notebook/itemkind.go", " || isDevice(name) {", " {"},
	}},
	{"mail goes to no domain", "notebook", "TestNormalizeEmail", []edit{
		{"notebook/user.go", "strings.ContainsAny(host, \"[]\") || ", ""},
	}},
	{"a recipient rewrites what somebody said", "notebook", "TestWhoMayWhatWithMessages", []edit{
		{"notebook/message.go", "u.ID == m.SenderID {\n		return nil\n	}\n	return ErrForbidden\n}\n\n// A MessageChange", "u.ID == m.SenderID || u.ID == m.RecipientID {\n		return nil\n	}\n	return ErrForbidden\n}\n\n// A MessageChange"},
	}},
	{"moderators decide on their own", "notebook", "TestWhoDecides", []edit{
		{"notebook/item.go", "case u.ID == i.UploaderID && u.Role != RoleSuperAdmin:", "case false:"},
	}},
	{"what was not looked at is approved", "notebook", "TestWhoDecides", []edit{
		{"notebook/item.go", "if v.Seen != nil && i.UpdatedAt.After(*v.Seen) {", "if false {"},
	}},
	{"a change after the review does not show", "notebook", "TestChangesAfterTheReview", []edit{
		{"notebook/item.go", "i.ChangedSinceReview = decides != nil && (i.ChangedSinceReview || !same)", "_ = same"},
	}},
	{"codes of one client use up another's", "notebook", "TestCodeWait", []edit{
		{"notebook/verification.go", "if m.Client == client {", "if true {"},
	}},
	{"a box takes any number of codes", "notebook", "TestCodeWait", []edit{
		{"notebook/verification.go", "{own, MaxCodesPerHour}, {all, MaxCodesToBox}", "{own, MaxCodesPerHour}"},
	}},
	{"a turn never fails to come", "notebook/service", "TestTurns", []edit{
		{"notebook/service/turns.go", "case <-wait.C:", "case <-make(chan time.Time):"},
	}},
	{"who has left waits on", "notebook/service", "TestTurns", []edit{
		{"notebook/service/turns.go", "	case <-ctx.Done():\n		return nil, ctx.Err()\n", ""},
	}},
	{"any number of passwords are hashed at once", "notebook/service", "TestPasswordsWaitForTheirTurn", []edit{
		{"notebook/service/passwords.go", "		return \"\", err\n	}\n	defer done()\n", "		return notebook.HashPassword(password, p.cost)\n	}\n	defer done()\n"},
	}},
	{"any number of passwords are compared at once", "notebook/service", "TestPasswordsWaitForTheirTurn", []edit{
		{"notebook/service/passwords.go", "		return false, err\n", "		return notebook.PasswordMatches(hash, password), nil\n"},
	}},
	{"fields that nobody reads are kept", "notebook/service", "TestFieldsNobodyReads", []edit{
		{"notebook/service/upload.go", "} else if isField(part.FormName()) {", "} else {"},
	}},
	{"an upload has any number of fields", "notebook/service", "TestFieldsNobodyReads", []edit{
		{"notebook/service/upload.go", "fields > maxFields {", "fields < 0 {"},
	}},
	{"a guess counts once it has failed", "notebook/service", "TestGuard", []edit{
		{"notebook/service/guard.go", "	g.put(client+\"\\x00\"+name, guesses{own.n + 1, g.now()})\n", ""},
	}},
	{"clients guess on together", "notebook/service", "TestGuard", []edit{
		{"notebook/service/guard.go", "return false, all.n >= notebook.MaxFailedLoginsOfAll", "return false, false"},
	}},
	{"any number of names are remembered", "notebook/service", "TestGuardIsBounded", []edit{
		{"notebook/service/guard.go", "len(g.recent) >= maxGuessed/2 {", "len(g.recent) >= 1<<30 {"},
	}},
	{"several tries cost one", "notebook/service", "TestLimiterTakesSeveral", []edit{
		{"notebook/service/limiter.go", "cost := time.Duration(tries) * l.refill", "cost := l.refill"},
	}},
	{"a new password makes a ban permanent", "notebook/store", "TestResetPasswordLeavesBans", []edit{
		{"notebook/user.go", "	if u.BanReason == nil {\n		u.LockedUntil = nil\n	}\n", "	u.LockedUntil = nil\n"},
	}},
	{"a ban that is over stays in the row", "notebook/store", "TestResetPasswordLeavesBans", []edit{
		{"notebook/user.go", "	u.endOver(now)\n	u.FailedLogins = 0\n", "	u.FailedLogins = 0\n"},
	}},
	{"whoever manages a comment restores it", "notebook/store", "TestRestoreOthersDeletions", []edit{
		{"notebook/store/comments.go", "		if err := c.RestorableBy(by, now); err != nil {\n			return err\n		}\n", ""},
	}},
	{"nobody knows who deleted a comment", "notebook/store", "TestRestoreOthersDeletions", []edit{
		{"notebook/store/comments.go", "id, userID, micros(now))", "id, nil, micros(now))"},
	}},
	{"a transaction that another one came in the way of is given up", "notebook/store", "TestConcurrentStarsAreAllCounted", []edit{
		{"notebook/store/postgres.go", `case "40001", "40P01", "23505":`, `case "23505":`},
	}},
	{"a name that is taken meanwhile is an error of the database", "notebook/store", "TestOneNameForOne", []edit{
		{"notebook/store/postgres.go", `case "40001", "40P01", "23505":`, `case "40001", "40P01":`},
	}},
	{"a foreign key that leads nowhere is an error of PostgreSQL", "notebook/store", "TestWhoWasRemovedActs", []edit{
		{"notebook/store/postgres.go", `case "23503":`, `case "-":`},
	}},
	{"a foreign key that leads nowhere is an error of SQLite", "notebook/store", "TestWhoWasRemovedActs", []edit{
		{"notebook/store/store.go", "e.Code() == foreignKey", "e.Code() == -1"},
	}},
	{"transactions see one another's halves", "notebook/store", "TestFailedLoginsLock", []edit{
		{"notebook/store/postgres.go", "isolation: sql.LevelSerializable", "isolation: sql.LevelReadCommitted"},
	}},
	{"a transaction that runs again keeps what it found before", "notebook/store", "TestFilesAndDeletion", []edit{
		{"notebook/store/itemfiles.go", "		replaced = nil\n", ""},
	}},
	{"notebooks that start together set up the database together", "notebook/store", "TestOpenTogether", []edit{
		{"notebook/store/postgres.go", "SELECT current_schema(), pg_advisory_lock($1)::text", "SELECT current_schema(), ($1::int8)::text"},
	}},
	{"listeners hear nothing of other notebooks", "notebook/store", "TestTwoStores", []edit{
		{"notebook/store/watch.go", "if err == nil && changes != last {", "if err == nil && changes < last {"},
	}},
	{"an error shows the password of a database", "notebook/store", "TestAddress", []edit{
		{"notebook/store/postgres.go", "url.User(config.User)", "url.UserPassword(config.User, config.Password)"},
	}},
	{"a refresh token is exchanged twice", "notebook/store", "TestSessions", []edit{
		{"notebook/session.go", "if generation != s.Generation {", "if generation > s.Generation {"},
	}},
	{"what came of a token that two have goes on", "notebook/store", "TestSessions", []edit{
		{"notebook/store/sessions.go", "return endSession(ctx, tx, id)\n		}\n		_, err", "return nil\n		}\n		_, err"},
	}},
	{"tokens outlive a ban", "notebook/store", "TestSessions", []edit{
		{"notebook/store/manage.go", "if u.Banned(now) { // or", "if false { // or"},
	}},
	{"a user has any number of sessions", "notebook/store", "TestSessions", []edit{
		{"notebook/store/sessions.go", "LIMIT 1000 OFFSET $2)`", "LIMIT 0 OFFSET $2)`"},
	}},
	{"names that look like another's are free", "notebook/store", "TestNamesThatLookAlike", []edit{
		{"notebook/store/users.go", "WHERE username = $1 OR username_key = $2)", "WHERE username = $1 OR username_key = '' || $2 || '-')"},
	}},
	{"progress moves no deadline", "notebook/server", "TestSlowBodiesAreCutOff", []edit{
		{"notebook/server/pace.go", "if err == nil { // at the end", "if false { // at the end"},
	}},
	{"what came fast is credit for later", "notebook/server", "TestSlowBodiesAreCutOff", []edit{
		{"notebook/server/pace.go", "soon.Before(deadline) {", "soon.Before(deadline) && b.received == 0 {"},
	}},
	{"any progress is enough", "notebook/server", "TestSlowBodiesAreCutOff", []edit{
		{"notebook/server/pace.go", "b.started.Add(patience + atPace(b.received))", "time.Now().Add(patience + atPace(b.received))"},
	}},
	{"a body that nobody reads may take for ever", "notebook/server", "TestUnreadBodiesAreCutOff", []edit{
		{"notebook/server/pace.go", "			body.expect()\n", ""},
	}},
	{"an answer may be taken as slowly as a client likes", "notebook/server", "TestSlowReadersAreCutOff", []edit{
		{"notebook/server/pace.go", "SetWriteDeadline(time.Now().Add(patience + atPace(int64(bytes))))", "SetWriteDeadline(time.Time{})"},
	}},
	{"the deadline of a body ends what follows", "notebook/server", "TestPaceLeavesHandlersAlone", []edit{
		{"notebook/server/pace.go", "if err == nil { // at the end", "if true { // at the end"},
	}},
	{"an answer that is flushed late is cut off", "notebook/server", "TestPaceLeavesHandlersAlone", []edit{
		{"notebook/server/pace.go", "		if !p.hijacked {", "		if false {"},
	}},
	{"nobody's pace matters", "notebook/server", "TestEverythingIsPaced", []edit{
		{"notebook/server/server.go", "s.Admin = paced(s.outermost(inner))", "s.Admin = s.outermost(inner)"},
	}},
	{"one client has any number of connections", "notebook/server", "TestConnectionsAreBounded", []edit{
		{"notebook/server/connections.go", " || client != \"\" && l.held[client] >= l.perClient", ""},
	}},
	{"there is any number of connections", "notebook/server", "TestConnectionsAreBounded", []edit{
		{"notebook/server/connections.go", "if l.total >= l.most || ", "if "},
	}},
	{"browsers guess what an answer is", "notebook/server", "TestHeaders", []edit{
		{"notebook/server/headers.go", "	h.Set(\"X-Content-Type-Options\", \"nosniff\")\n", ""},
	}},
	{"whoever likes says that they came by TLS", "notebook/server", "TestSessionCookie", []edit{
		{"notebook/server/session.go", "s.fromProxy(r) && strings", "strings"},
	}},
	{"the demo comes into a notebook that people use", "notebook/cmd/notebook", "TestCheckDemo", []edit{
		{"notebook/cmd/notebook/run.go", "err == nil && there.Users > 0 {", "err == nil && there.Users < 0 {"},
	}},
	{"a data directory is anybody's", "notebook/cmd/notebook", "TestPostgres", []edit{
		{"notebook/cmd/notebook/datadir.go", "case strings.TrimSpace(string(text)) == id:", "case strings.TrimSpace(string(text)) != \"\":"},
	}},
	{"nobody is warned of the demo's password", "notebook/cmd/notebook", "TestDemoWarnsBeyondThisMachine", []edit{
		{"notebook/cmd/notebook/announce.go", "!ok || !tcp.IP.IsLoopback()", "!ok || tcp.IP == nil"},
	}},
	{"a refused upload leaves its files", "notebook/cmd/notebook", "TestStorm", []edit{
		{"notebook/service/upload.go", "			i.release(ctx, f.draft)\n", "			_ = f.draft\n"},
	}},
	{"a configuration is decoded however large", "notebook/cmd/notebook", "TestStorm", []edit{
		{"notebook/botconfig.go", "	if err := checkConfigKeys(data); err != nil {\n		return \"\", err\n	}\n", ""},
		{"notebook/botconfig.go", "	if len(data) > MaxBotConfigSize {", "	if false {"},
		{"notebook/botconfig.go", "MaxBotConfigSize = 256 << 10", "MaxBotConfigSize = 8 << 20"},
	}},
	{"a body that was cut off is our failure", "notebook/cmd/notebook", "TestStorm", []edit{
		{"notebook/api/envelope.go", "if message == bodyUnread {", "if message == \"\" {"},
	}},
	{"a token is good after its logout", "notebook/api", "TestSessionsEnd|TestLogoutEndsTheCookie", []edit{
		{"notebook/service/accounts.go", "			return account{}, nil\n		}\n		if err != nil {\n			return account{}, err\n		}\n		return unstale.Load", "			s, err = &notebook.Session{UserID: c.Subject}, nil\n		}\n		if err != nil {\n			return account{}, err\n		}\n		return unstale.Load"},
	}},
	{"a name hides another's list", "notebook/api", "TestNamesAreNoIDs", []edit{
		{"notebook/store/items.go", "	if uuid.Validate(f.Uploader) == nil {", "	if f.Uploader == \"\" && uuid.Validate(f.Uploader) == nil {"},
	}},
	{"reactions are told again and again", "notebook/api", "TestRepetitionsCountOnce", []edit{
		{"notebook/store/comments.go", "	if err != nil || n == 0 {\n		return err\n	}\n	return insertMessage(ctx, tx, m)", "	if err != nil && n == 0 {\n		return err\n	}\n	return insertMessage(ctx, tx, m)"},
	}},
	{"one client's downloads count again and again", "notebook/api", "TestRepetitionsCountOnce", []edit{
		{"notebook/service/archive.go", "client, now.Truncate(time.Hour).Format(time.RFC3339))", "client, now.Format(time.RFC3339Nano))"},
	}},
	{"a user has any number of items", "notebook/api", "TestQuota", []edit{
		{"notebook/quota.go", "items <= q.Items && bytes <= q.Bytes {", "bytes <= q.Bytes {"},
	}},
	{"a user has any number of bytes", "notebook/api", "TestQuota", []edit{
		{"notebook/quota.go", "items <= q.Items && bytes <= q.Bytes {", "items <= q.Items {"},
	}},
	{"a user comments as fast as they like", "notebook/api", "TestUsersHaveAPace", []edit{
		{"notebook/service/comments.go", "	if err := c.rates.comments.Admit(by.ID, 1); err != nil {\n		return nil, err\n	}\n", ""},
	}},
	{"answers go as deep as they like", "notebook/api", "TestCommentsAreBounded", []edit{
		{"notebook/comment.go", "case depth >= MaxCommentDepth:", "case false:"},
	}},
	{"there is any number of comments", "notebook/api", "TestCommentsAreBounded", []edit{
		{"notebook/comment.go", "case all >= MaxComments || own >= MaxCommentsOfUser:", "case false:"},
	}},
	{"a page has any number of bytes", "notebook/api", "TestPagesAreBounded", []edit{
		{"notebook/bounds.go", "if left < 0 && i.Content != nil {", "if false {"},
	}},
	{"the administration is everywhere", "notebook/api", "TestAdministrationApart", []edit{
		{"notebook/server/admin.go", "if administers(s.Mux.Route(r)) {", "if false {"},
	}},
	{"connections that are nobody's keep others out", "notebook/live", "TestPlaces", []edit{
		{"notebook/live/hub.go", "}, &h.strangers, h.options.Strangers", "}, &h.total, h.options.Total"},
	}},
	{"one client holds any number of connections", "notebook/live", "TestPlaces", []edit{
		{"notebook/live/hub.go", "	if f.Client != \"\" {", "	if false {"},
	}},
	{"a path may be no text", "notebook/blackbox", "TestTexts", []edit{
		{"notebook/server/middleware.go", "case !notebook.IsText(r.URL.Path):", "case notebook.IsText(\"\\x00\"):"},
	}},
	{"an input may hold what is no text", "notebook/blackbox", "TestTexts", []edit{
		{"notebook/api/texts.go", "return notebook.CheckText(v.String())", "return notebook.CheckText()"},
	}},
	{"JSON may be in any encoding", "notebook/blackbox", "TestTexts", []edit{
		{"notebook/api/texts.go", "if !utf8.Valid(data) {", "if !utf8.Valid(nil) {"},
	}},
	{"a form may hold what is no text", "notebook/blackbox", "TestTexts", []edit{
		{"notebook/server/form.go", "return values, notebook.CheckText(values...)", "return values, nil"},
	}},
	{"a field of an upload may be no text", "notebook/blackbox", "TestTexts", []edit{
		{"notebook/service/upload.go", "return notebook.CheckText(string(value))", "return nil"},
	}},
}
