package main

// hardened are mistakes in what keeps the notebook from those who mean it harm.
var hardened = []excess{
	{"a configuration may have any number of keys", "notebook", "TestBotConfigKeysAreBounded", []edit{
		{"notebook/botconfig.go", "left -= parts; left < 0 || ", ""},
	}},
	{"a key may have any number of parts", "notebook", "TestBotConfigKeysAreBounded", []edit{
		{"notebook/botconfig.go", " || parts > maxConfigDepth", ""},
	}},
	{"a turn never fails to come", "notebook/service", "TestTurns", []edit{
		{"notebook/service/turns.go", "	case <-wait.C:\n		return nil, notebook.ErrBusy\n", ""},
	}},
	{"who has left waits on", "notebook/service", "TestTurns", []edit{
		{"notebook/service/turns.go", "	case <-ctx.Done():\n		return nil, ctx.Err()\n", ""},
	}},
}
