package main

// hardened are mistakes in what keeps the notebook from those who mean it harm.
var hardened = []excess{
	{"a configuration may have any number of keys", "notebook", "TestBotConfigKeysAreBounded", []edit{
		{"notebook/botconfig.go", "left -= parts; left < 0 ||", "left -= parts; left < -1<<30 ||"},
	}},
	{"a key may have any number of parts", "notebook", "TestBotConfigKeysAreBounded", []edit{
		{"notebook/botconfig.go", " || parts > maxConfigDepth", ""},
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
	{"a new password makes a ban permanent", "notebook/store", "TestResetPasswordLeavesBans", []edit{
		{"notebook/user.go", "	if u.BanReason == nil {\n		u.LockedUntil = nil\n	}\n", "	u.LockedUntil = nil\n"},
	}},
	{"a ban that is over stays in the row", "notebook/store", "TestResetPasswordLeavesBans", []edit{
		{"notebook/user.go", "	u.endOver(now)\n	u.FailedLogins = 0\n", "	u.FailedLogins = 0\n"},
	}},
}
