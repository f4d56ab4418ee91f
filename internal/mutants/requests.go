package main

// requests are mistakes in what becomes of a request and of its answer, each the
// lack of a rule, which the root package's tests find.
var requests = []lapse{
	// What selects.
	{"an unknown field does not select", "", []edit{
		{"fields.go", "	for _, name := range r.unknown {\n		b = appendLines(appendText(b, name), h[name])\n	}\n", ""},
	}},
	{"Accept does not select", "", []edit{
		{"fields.go", "range r.few[fieldAccept:] {", "range r.few[fieldOrigin:] {"},
	}},
	{"Origin does not select", "", []edit{
		{"fields.go", "			r.few[class] = lines\n", "			if class != fieldOrigin {\n				r.few[class] = lines\n			}\n"},
	}},
	{"Sec-Fetch fields do not select", "", []edit{
		{"fields.go", "			r.few[class] = lines\n", "			if class < fieldFetchDest {\n				r.few[class] = lines\n			}\n"},
	}},
	{"what a client accepts encoded does not select", "", []edit{
		{"fields.go", "	b = append(b, byte(r.encodings&encodesAll))\n", ""},
	}},
	{"Accept-Encoding reaches a fill as it came", "TestAcceptEncoding", []edit{
		{"place.go", "r.Header[name] = []string{form}", "r.Header[name] = slices.Clone(lines)"},
	}},
	{"names with _ are no twins", "", []edit{
		{"fields.go", "	twin := dashed(name)\n", "	twin := name\n"},
	}},
	{"Vary means no twins", "", []edit{
		{"get.go", "			if g.respelled {\n", "			if false {\n"},
	}},
	{"a field that shall select does not", "TestFields", []edit{
		{"fields.go", "			f.exact[name] = fieldSelects\n", ""},
	}},
	{"a field that shall not select does", "TestFields", []edit{
		{"fields.go", "			f.exact[prefix] = fieldNeutral\n", ""},
	}},
	{"fields that are ignored hide credentials", "TestFields", []edit{
		{"fields.go", "	if saysWho(twin) {\n", "	if !ignored && saysWho(twin) {\n"},
	}},
	{"what Connection lists is there", "", []edit{
		{"handler.go", "	case f.listed:\n", "	case false:\n"},
	}},
	{"a method may be overridden", "TestPoisoning", []edit{
		{"handler.go", "	case f.override:\n", "	case false:\n"},
	}},
	{"one handler answers for another", "", []edit{
		{"place.go", "	b = appendText(b, g.id)\n", ""},
	}},
	{"a named handler may be an unnamed one", "TestHandlersAnswerForThemselves", []edit{
		{"middleware.go", "m.realm = \"named \" + o.Name", "m.realm = o.Name"},
	}},
	{"what one middleware calls people is what another does", "TestRealms", []edit{
		{"load.go", "	return string(appendText(nil, s.asker.realm)) + who\n", "	return who\n"},
	}},
	{"a Load that nobody is known to ask for asks nobody", "TestRealms", []edit{
		{"asker.go", "	if s.fill != nil {\n		// Where", "	if s.fill != nil && s.asker != nil && s.asker.from != nil {\n		// Where"},
	}},
	{"what a shared source has lost stays", "TestSharedSourceIsLost", []edit{
		{"adapter.go", "all: everything || s.every,", "all: everything,"},
	}},
	{"the clock is read before the look", "TestEndsWhileItsRequestWaits", []edit{
		{
			"lookup.go",
			"	} else if why = c.catchUp(ctx, s, e, shared); why != missNone {\n		return nil, key, c.now(), why, false\n	} else {\n		looked = e != nil && e.engine == c || shared != nil && shared.engine == c\n	}\n	at = c.now()\n",
			"	}\n	at = c.now()\n	if e != nil || shared != nil {\n		if why = c.catchUp(ctx, s, e, shared); why != missNone {\n			return nil, key, at, why, false\n		}\n		looked = true\n	}\n	at.seq = c.now().seq\n",
		},
	}},
	{"a look is some answer's", "TestLookReadsForNobody", []edit{
		{"source.go", "context.WithCancel(Outside(context.Background()))", "context.WithCancel(context.Background())"},
	}},
	{"a look has to come in the time that is left", "TestLooksMayTakeTheirTime", []edit{
		{"source.go", "		until = s.running.sent.Add(2 * wait)\n", ""},
	}},
	{"who gave up makes room for another fill", "TestUnvouchedLeave", []edit{
		{"flight.go", "		case !j.vouched && here.count >= maxUnvouched:\n", "		case f.waiting > 0 && !j.vouched && here.count >= maxUnvouched:\n"},
	}},
	{"handlers built anew are stored", "TestHandlersBuiltAnew", []edit{
		{"handler.go", "	case h.unproven && !again:\n", "	case false:\n"},
	}},
	{"a rewritten path does not select", "TestInputsSelect", []edit{
		{"place.go", "	b = appendText(b, t.seen)\n", ""},
	}},
	{"path values of middleware do not select", "", []edit{
		{"place.go", "	b = binary.AppendUvarint(b, uint64(others.Len()))\n	if others.Len() == 0 {\n", "	if true {\n"},
	}},
	{"path values of a router outside do not select", "TestPathValuesOfARewrite", []edit{
		{"place.go", "for i := range matches.Len() {", "for i := range 0 {"},
	}},
	{"a net/http that nobody knows is trusted", "TestPathValuesOfAnotherNetHTTP", []edit{
		{"get.go", "	if !g.front.layout.known {\n", "	if false {\n"},
	}},
	{"the pattern does not select", "TestInputsSelect", []edit{
		{"place.go", "	b = appendText(b, r.Pattern)\n", ""},
	}},
	{"the protocol does not select", "", []edit{
		{"place.go", "	b = append(appendText(b, r.Proto), byte(r.ProtoMajor), byte(r.ProtoMinor))\n", ""},
	}},
	{"the version of TLS does not select", "", []edit{
		{"place.go", "	b = binary.BigEndian.AppendUint16(b, s.Version)\n	b = binary.BigEndian.AppendUint16(b, s.CipherSuite)\n", ""},
	}},
	{"what TLS negotiated does not select", "TestInputsSelect", []edit{
		{"place.go", "	b = appendText(b, s.NegotiatedProtocol)\n", ""},
	}},
	{"the server name of TLS does not select", "", []edit{
		{"place.go", "	return appendText(b, s.ServerName)\n", "	return b\n"},
	}},
	{"the listener does not select", "", []edit{
		{"get.go", "b = appendText(b, fmt.Sprint(g.r.Context().Value(http.LocalAddrContextKey)))", "b = appendText(b, fmt.Sprint())"},
	}},
	{"the server does not select", "", []edit{
		{"get.go", "n := g.front.servers.number(v)", "n := min(1, g.front.servers.number(v))"},
	}},
	{"the listener is neutral", "", []edit{
		{"identity.go", "		s.fill.choose(inputLocalAddr)\n", ""},
	}},
	{"the server is neutral", "", []edit{
		{"identity.go", "		s.fill.choose(inputServer)\n", ""},
	}},
	{"Load takes the listener for neutral", "TestLoadSeesNoListener", []edit{
		{"context.go", "	if key == http.LocalAddrContextKey || key == http.ServerContextKey {\n", "	if key == http.ServerContextKey {\n"},
	}},
	{"fields run into each other", "FuzzAppendField", []edit{
		{"digest.go", "return append(binary.AppendUvarint(b, uint64(len(s))), s...)", "return append(b, s...)"},
	}},
	{"keys hold what selects", "TestKeysHoldNoValues", []edit{
		{"digest.go", "func (d *digests) of(b []byte) string {\n", "func (d *digests) of(b []byte) string {\n	if true {\n		return string(b)\n	}\n"},
	}},
	{"many values of a field fill the store", "TestFieldsThatKeepAnswersApart", []edit{
		{"apart.go", "x != nil && now.Before(x.until)", "x != nil && false"},
	}},
	{"a field that keeps answers apart is not told", "TestFieldsThatKeepAnswersApart", []edit{
		{"apart.go", "enough = append(enough, field)", "enough = append(enough, field)[:0]"},
	}},

	// Who asks.
	{"a word of credentials is forgotten", "", []edit{
		{"fields.go", "\"signature\", ", ""},
	}},
	{"another word of credentials is forgotten", "", []edit{
		{"fields.go", "\"signature\", \"token\"", "\"signature\""},
	}},
	{"a fill sees credentials", "TestFillSeesNoCredentials", []edit{
		{"fields.go", "return c <= fieldNeutral }", "return c <= fieldNeutral || c == fieldCredential }"},
	}},
	{"a fill sees cookies", "TestFillSeesNoCredentials", []edit{
		{"fields.go", "return c <= fieldNeutral }", "return c <= fieldNeutral || c == fieldCookie }"},
	}},
	{"a fill sees addresses in fields", "TestFillSeesNoCredentials", []edit{
		{"fields.go", "return c <= fieldNeutral }", "return c <= fieldHidden }"},
	}},
	{"a fill sees the client's address", "TestHiddenInputs", []edit{
		{"place.go", "	r.RemoteAddr = \"\"\n", ""},
	}},
	{"a fill sees the client's certificate", "TestHiddenInputs", []edit{
		{"place.go", "	r.TLS = fillTLS(g.r.TLS)\n", ""},
	}},
	{"a certificate is no credential", "TestWithoutIdentity", []edit{
		{"handler.go", "(f.credentials || clientCertificate(r))", "f.credentials"},
	}},
	{"an ignored cookie hides others", "TestWithoutIdentity", []edit{
		{"cookies.go", "!c.ignores(cookieName(cookie)) {\n				return true\n			}", "true {\n				return !c.ignores(cookieName(cookie))\n			}"},
	}},
	{"the beginning of an ignored cookie is found anywhere", "TestIgnoredCookies", []edit{
		{"cookies.go", "strings.HasPrefix(name, p)", "strings.Contains(name, p)"},
	}},
	{"the name of an ignored cookie is taken for a beginning", "TestIgnoredCookies", []edit{
		{"cookies.go", "return c.names[name] || slices.ContainsFunc(", "for n := range c.names {\n		if strings.HasPrefix(name, n) {\n			return true\n		}\n	}\n	return slices.ContainsFunc("},
	}},
	{"a Vary by credentials is believed", "TestWhatIsStored", []edit{
		{"respond.go", "	case g.variesByHidden(named):\n", "	case false:\n"},
	}},
	{"who asks is read after the look", "TestWhoAsksIsReadBeforeTheLook", []edit{
		{"lookup.go", "	var ch choice\n", "	c.glance()\n	var ch choice\n"},
		{"lookup.go", "} else if why = c.catchUp(ctx, s, e, shared); why != missNone {", "} else if false {"},
	}},
	{"a source that lags is not named", "TestLag", []edit{
		{"source.go", "	if l.said || time.Since(l.from) < lagFor {\n", "	if true {\n"},
	}},
	{"a moment is a lag", "TestLag", []edit{
		{"source.go", "	if l.said || time.Since(l.from) < lagFor {\n", "	if l.said {\n"},
	}},
	{"a lag does not end", "TestLag", []edit{
		{"source.go", "		s.inTime(s.took)\n", ""},
	}},
	{"nobody waits for a look", "TestOneLookServesMany", []edit{
		{"source.go", "		waits, from = append(waits, l), append(from, src)\n", "		from = append(from, src)\n"},
	}},
	{"a look serves who came after it was sent", "TestOneLookServesMany", []edit{
		{"source.go", "	if s.next == nil {\n", "	if true {\n		return s.running\n	}\n	if s.next == nil {\n"},
	}},
	{"a look that failed vouches", "TestNobodyVouches", []edit{
		{"source.go", "			if l.err != nil {\n", "			if false {\n"},
	}},
	{"a look that panicked vouches", "TestNobodyVouches", []edit{
		{"source.go", "			err = fmt.Errorf(\"unstale: CatchUp panicked: %v\\n%s\", v, debug.Stack())\n", "			_ = debug.Stack()\n"},
	}},
	{"a look that is late vouches", "TestNobodyVouches", []edit{
		{"source.go", "			from[i].late(wait)\n			return missLate\n", "			from[i].late(wait)\n"},
	}},
	{"how old a look is does not matter to a bounded route", "TestWithin", []edit{
		{"get.go", "g.policy.Within == 0 || age > g.policy.Within {", "g.policy.Within == 0 {"},
	}},
	{"a look that failed will do for a bounded route", "TestWithin", []edit{
		{"source.go", "		s.told.Store(&l.sent)\n	}\n", "	}\n	s.told.Store(&l.sent)\n"},
	}},
	{"who asks may be as old as the route's answers", "TestWithin", []edit{
		{"source.go", "if e == nil || e.audience() != forAll || !s.allows(0) {", "if e == nil || !s.allows(0) {"},
		{"lookup.go", "	} else if e == nil && c.lately(s, shared) {\n", "	} else if c.lately(s, cmp.Or(e, shared)) {\n"},
		{"lookup.go", "import (\n", "import (\n	\"cmp\"\n"},
	}},
	{"strict routes are as bounded ones", "TestWithin", []edit{
		{"get.go", "g.policy.Within == 0 || age > g.policy.Within {", "age > g.policy.Within && age > time.Second {"},
	}},
	{"the first look is sent when a source has been idle", "TestFirstLookIsAtOnce", []edit{
		{"source.go", "time.AfterFunc(0, s.glance)", "time.AfterFunc(lookIdle, s.glance)"},
	}},
	{"it is waited for in vain again and again", "TestNobodyVouches", []edit{
		{"source.go", "if l = s.ask(); slow {", "if l = s.ask(); slow && false {"},
	}},
	{"a Load does not look", "TestEveryLoadLooks", []edit{
		{"lookup.go", "} else if why = c.catchUp(ctx, s, e, shared); why != missNone {", "} else if _, loads := s.(*scope); loads {\n	} else if why = c.catchUp(ctx, s, e, shared); why != missNone {"},
	}},
	{"nobody vouches, and a fill is joined that had begun", "TestUnvouchedShareFills", []edit{
		{"flight.go", "!j.vouched && f.number > j.since):", "!j.vouched):"},
	}},
	{"nobody vouches, and everybody fills", "TestUnvouchedShareFills", []edit{
		{"flight.go", "case !j.vouched && here.count >= maxUnvouched:", "case false:"},
	}},
	{"what is read is not made from its source", "TestCatchUp", []edit{
		{"fill.go", "	f.slots = append(f.slots, s.whole)\n", ""},
	}},
	{"what is read from a closed source is stored", "TestSchemaInFlux", []edit{
		{"fill.go", "	if s.closed.Load() {\n", "	if false {\n"},
	}},
	{"a long read outlives the loss of its source", "TestUnmarkedRead", []edit{
		{"unmarked.go", "	slots = append(slots, s.whole)\n", ""},
	}},
	{"what depends on a tag is not made from its source", "TestFollow", []edit{
		{"context.go", "				f.dependOn(s, adapter.Dependencies{AsOf: asOf})\n", ""},
	}},
	{"a verification blames without a look", "TestVerificationLooksBeforeItBlames", []edit{
		{"recompute.go", "c.catchUp(g.r.Context(), g, e) != missNone || ", ""},
	}},
	{"report-only mode blames without a look", "TestVerificationLooksBeforeItBlames", []edit{
		{"reportonly.go", "c.catchUp(outer, g, would) == missNone && ", ""},
	}},
	{"who joins does not look", "TestWhoJoinsLooks", []edit{
		{"flight.go", "	if c.catchUp(ctx, s, l.entry) != missNone {\n", "	if false {\n"},
	}},

	// What it says of itself.
	{"a call site is in an ORM", "TestWhoseFunction", []edit{
		{"callsite.go", "		case known:\n			return others\n", "		case known:\n			return applications\n"},
	}},
	{"a call site of a binary without modules is in an ORM", "TestWhoseFunction", []edit{
		{"callsite.go", "strings.Contains(file, \"@v\") || ", ""},
	}},
	{"a route that stores something is reported", "TestAdvice", []edit{
		{"advice.go", "r.stored.Load()+r.hits.Load() > 0 || ", ""},
	}},
	{"a client's choice is advised against", "TestAdvice", []edit{
		{"advice.go", "			if a.Remedy == \"\" {\n", "			if false {\n"},
	}},
	{"requests that pass cost nothing", "TestAdvice", []edit{
		{"handler.go", "	h.front.spent(route, passed, why, time.Since(began))\n", "	_ = began\n"},
	}},
	{"nobody knows what a refusal is due to", "TestAdvice", []edit{
		{"fill.go", "		f.because = because\n", ""},
	}},
	{"statements are remembered without end", "TestStatementsReportedOnce", []edit{
		{"once.go", "!known && len(r.sites) >= maxSites {", "!known && false {"},
	}},
	{"what fell for a reason counts as fallen for none", "TestCoarseFalls", []edit{
		{"history.go", "		case o.Coarse() == \"\":\n			return nil\n", ""},
	}},
	{"routes that are not listed have no policy", "TestPolicyOfOtherRoutes", []edit{
		{"middleware.go", "	return o.Policy\n}", "	return Policy{}\n}"},
	}},
	{"nobody is told which statement costs falls", "TestAdviceOfMisses", []edit{
		{"advice.go", "	if coarse != nil {\n", "	if false {\n"},
	}},
	{"a fall counts each time", "TestCoarseFalls", []edit{
		{"lookup.go", "first = !e.fell.Swap(true); first &&", "first = true; first &&"},
	}},
	{"a difference is reported each time", "TestOwnCaches", []edit{
		{"verifyshare.go", "	if g.route.differing.at(cut(g.key)).n.Add(1) > 1 {\n", "	if false {\n"},
	}},
	{"a statement is reported each time", "TestStatementsReportedOnce", []edit{
		{"once.go", "	if first {\n", "	if first || s.kind == kindStatement {\n"},
	}},

	// What stands outside.
	{"what stood outside is stored", "", []edit{
		{"header.go", "if stood && before.untouched(values) {", "if stood && before.untouched(values) && false {"},
	}},
	{"what the handler deletes stays", "", []edit{
		{"header.go", "if !left && !replaced {", "if !left && !replaced && false {"},
	}},
	{"what the handler adds takes the place of what stood there", "", []edit{
		{"header.go", "if before == 0 && i == 0 {", "if i == 0 {"},
	}},
	{"what the handler sets is added to what stood there", "", []edit{
		{"header.go", "does = lineSets\n", "does = lineAdds\n"},
	}},
	{"to set what stood there does nothing", "", []edit{
		{"header.go", "return &values[0] == f.first && slices.Equal(values, f.values)", "return slices.Equal(values, f.values)"},
	}},
	{"a field without values is dropped", "", []edit{
		{"header.go", "return append(lines, headerLine{name: name, does: lineEmpties})", "return lines"},
	}},
	{"another spelling takes the place of what stood there", "", []edit{
		{"header.go", "if beside, ok := o[canonical]; ok && ", "if beside, ok := o[canonical]; ok && false && "},
	}},
	{"another spelling outside stays", "TestTransparency", []edit{
		{"header.go", "if values, left := h[name]; left && ", "if values, left := h[name]; left && false && "},
	}},
	{"a value that an answer repeats does not select", "", []edit{
		{"get.go", "return len(e.repeats) == 0 || e.repeats.standsIn(g.w.Header()) }", "return true }"},
	}},
	{"what an answer repeats is looked for in bodies alone", "", []edit{
		{"header.go", "	for other, values := range touched {\n", "	for other, values := range http.Header(nil) {\n"},
	}},
	{"what an answer repeats is looked for in fields alone", "", []edit{
		{"header.go", "	if bytes.Contains(body, []byte(value)) {\n", "	if bytes.Contains(nil, []byte(value)) {\n"},
	}},
	{"a hint leaves its fields behind", "TestTransparency", []edit{
		{"recorder.go", "			delete(h, changes[i].name)\n", ""},
	}},
	{"a hint takes away what stood outside", "", []edit{
		{"recorder.go", "			h[changes[i].name] = values\n", "			h[changes[i].name] = values[:0]\n"},
	}},
	{"the names of what stands outside do not select", "", []edit{
		{"place.go", "	b = appendNames(b, g.w.Header())\n", ""},
	}},
	{"who joins gets what repeats a value of the first one's", "", []edit{
		{"flight.go", " || !s.may(l.entry)", ""},
	}},
	{"a Content-Type is added where one stands outside", "", []edit{
		{"respond.go", "	if adds&addsType != 0 && len(body) > 0", "	if e.adds&addsType != 0 && len(body) > 0"},
	}},
	{"an entity tag is added where one stands outside", "", []edit{
		{"respond.go", "	case adds&addsTag == 0: //", "	case e.adds&addsTag == 0: //"},
	}},
	{"Cache-Control is added where it stands outside", "", []edit{
		{"respond.go", "	if adds&addsBound != 0 {", "	if e.adds&addsBound != 0 {"},
	}},
	{"Cache-Control is added where Expires stands", "", []edit{
		{"respond.go", " && h[\"Expires\"] == nil && h[\"Pragma\"] == nil {", " {"},
	}},

	// Statements without a context, by goroutine.
	{"a reading of one goroutine is nobody else's without the option", "TestAttributeByGoroutine", []edit{
		{"unmarked.go", "r.alone = d.engine.options.AttributeByGoroutine && len(r.within) > 0", "r.alone = len(r.within) > 0"},
	}},
	{"a reading that nobody began is nobody's", "TestAttributeByGoroutine", []edit{
		{"unmarked.go", "r.alone = d.engine.options.AttributeByGoroutine && len(r.within) > 0", "r.alone = d.engine.options.AttributeByGoroutine"},
	}},
	{"a fill that has ended has a goroutine", "TestAttributeByGoroutine", []edit{
		{"unmarked.go", "	delete(u.marks, f.mark)\n", ""},
	}},
	{"who asks is found on no goroutine", "TestIdentityByGoroutine", []edit{
		{"unmarked.go", "	if numbered || f.engine.options.AttributeByGoroutine {\n", "	if numbered {\n"},
		{"unmarked.go", "	if f.engine.options.AttributeByGoroutine {\n		f.mark", "	if numbered {\n		f.mark"},
	}},

	// Who asks, and what tells them apart.
	{"what nobody asked for is for requests with credentials, too", "TestStrict", []edit{
		{"lookup.go", "	if !all && shared != nil && shared.kind != kindPass {\n", "	if false {\n"},
	}},
	{"who joins takes what nobody asked for", "TestStrictJoiners", []edit{
		{"flight.go", " || !takes(s, l.entry)", ""},
	}},
	{"credentials do not select", "TestCredentialsReadByHandlers", []edit{
		{"lookup.go", "s.appendCredentials(append(room[:0], digestCredentials))", "append(room[:0], digestCredentials)"},
	}},
	{"every route is known", "TestCredentialsReadByHandlers", []edit{
		{"shadow.go", "	agreedEnough = 3 ", "	agreedEnough = 0 "},
	}},
	{"another answer of a shadow does not matter", "TestCredentialsReadByHandlers", []edit{
		{"shadow.go", "		differs = what != \"\"\n", ""},
	}},
	{"a cookie of a shadow does not matter", "TestCredentialsReadByHandlers", []edit{
		{"shadow.go", " && !slices.Equal(cookies, rec.touched[\"Set-Cookie\"]) {", " && len(cookies) > 0 && !slices.Equal(cookies, rec.touched[\"Set-Cookie\"]) {"},
	}},
	{"runs that did not ask make a route known", "TestUnaskedIsKeptApart", []edit{
		{"shadow.go", "	case asked && f.hasAsked():\n", "	case true:\n"},
	}},
	{"an answer that nobody asked for is given", "TestRouteBecomesKnown", []edit{
		{"shadow.go", "return !g.all && g.own == forIdentity && !f.hasAsked()", "return false"},
	}},
	{"a stream that nobody asked for is given", "TestNoShadowOfStreams", []edit{
		{"recorder.go", "	r.divert()\n	r.mode = streaming\n", "	r.mode = streaming\n"},
	}},
	{"a route that writes has a shadow", "TestConsumedOnce", []edit{
		{"shadow.go", "	case f.hasWritten():\n		c.shadows.update(g, func(s *shadowed) { s.writes = true })\n		return\n", ""},
	}},
	{"a shadow that writes is not the last", "TestConsumedOnce", []edit{
		{"shadow.go", "		counts.undecided.Add(1)\n		c.shadows.update(g, func(s *shadowed) { s.writes = true })\n", "		counts.undecided.Add(1)\n"},
	}},
	{"who takes credentials for granted fails on a known route", "TestUnaskedOnKnownRoutes", []edit{
		{"respond.go", "			ended = recover() == nil\n", ""},
	}},
	{"who joined a stranger has a fill of their own first", "TestStrictJoiners", []edit{
		{"respond.go", "unasked: !f.fill.hasAsked(), cut:", "unasked: unasked, cut:"},
	}},
	{"who asks when nothing of it can be given any more has asked", "TestUnaskedOnKnownRoutes", []edit{
		{"respond.go", "	unasked := rec.held || g.unasked(f.fill)\n", "	unasked := g.unasked(f.fill)\n"},
	}},
	{"what could not take the connection is an answer", "TestUnaskedOnKnownRoutes", []edit{
		{"respond.go", "	if rec.mode != keeping || rec.held || !ended {\n", "	if rec.mode != keeping || !ended {\n"},
		{"respond.go", "	unasked := rec.held || g.unasked(f.fill)\n", "	unasked := rec.mode != keeping && rec.held || g.unasked(f.fill)\n"},
	}},
	{"what is used up twice may be so again", "TestConsumedOnKnownRoutes", []edit{
		{"shadow.go", "s.agreed, s.writes = nil, s.writes || f.hasWritten()", "s.agreed = nil"},
	}},
	{"a route is known whatever credentials come", "TestKnownForNames", []edit{
		{"shadow.go", "		if x.agreed[name] < agreedEnough {\n", "		if x.agreed[name] < 0 {\n"},
	}},
	{"fields of credentials have no names", "TestKnownForNames", []edit{
		{"shadow.go", "				if !yield(maphash.String(s.seed, name)) {\n", "				if false {\n"},
	}},
	{"a shadow sees what its request looked at in the context", "TestNothingOutlivesItsRequest", []edit{
		{"shadow.go", "	case f.looksAtPassing(), known.writes", "	case known.writes"},
		{"verifyshare.go", "v != nil && !c.engine.lasts(key)", "false"},
	}},
	{"who runs beside sees what its request did not look at", "TestNothingOutlivesItsRequest", []edit{
		{"verifyshare.go", "v != nil && !c.engine.lasts(key)", "false"},
	}},
	{"who runs beside is believed though something was hidden", "TestNothingOutlivesItsRequest", []edit{
		{"verifyshare.go", "		c.hid.Store(true)\n", ""},
	}},
	{"a shadow asks by the request that has ended", "TestShadowAsksByItself", []edit{
		{"verifyshare.go", "		copied.asks = nil //", "		_ = copied.asks //"},
	}},
	{"a shadow that panics has not written", "TestShadowThatPanics", []edit{
		{"shadow.go", "	case f.hasWritten():\n		counts", "	case ended && f.hasWritten():\n		counts"},
	}},
	{"a handler of one request has a shadow", "TestNoShadowOfHandlersBuiltAnew", []edit{
		{"shadow.go", " || !g.again ||", " ||"},
	}},
	{"the end of a token does not matter", "TestCredentialLife", []edit{
		{"credentials.go", "					life = min(life, left)\n", ""},
	}},
	{"what is kept for credentials lives as long as all", "TestCredentialLife", []edit{
		{"respond.go", "		lifetime = min(lifetime, g.credentialLife(now))\n", ""},
	}},
	{"credentials that are not named are seen", "TestByCredentials", []edit{
		{"credentials.go", "		return m.shown.fields[dashed(name)]\n", "		return true\n"},
	}},
	{"what is kept for a cookie that is renewed is stored", "TestDropSetCookie", []edit{
		{"respond.go", "	case g.renews(rec.touched[\"Set-Cookie\"]):\n		reason = refusedRenewed\n", ""},
	}},
	{"a cookie that is sent again is renewed", "TestDropSetCookie", []edit{
		{"respond.go", "return len(sent) > 0 && !slices.ContainsFunc(sent, func(c *http.Cookie) bool { return c.Value == set.Value })", "return len(sent) > 0"},
	}},
	{"a cookie that is new is renewed", "TestDropSetCookie", []edit{
		{"respond.go", "return len(sent) > 0 && !slices", "return !slices"},
	}},
	{"the default logger is that of the beginning", "TestDefaultLogger", []edit{
		{"options.go", "slog.New(defaultHandler{})", "slog.Default()"},
	}},
	{"a cookie's end may be dropped", "TestDeletedCookieIsNotDropped", []edit{
		{"respond.go", " || deletesCookie(line)\n", "\n"},
	}},
	{"a cookie's name is cut off otherwise than by net/http", "TestCookiesAsRead", []edit{
		{"cookies.go", "	return textproto.TrimString(name)\n", "	return name\n"},
	}},
	{"a cookie is cut off otherwise than by net/http", "TestCookiesAsRead", []edit{
		{"credentials.go", "cookie = textproto.TrimString(cookie);", "cookie = strings.TrimSpace(textproto.TrimString(cookie));"},
	}},
	{"what no fill sees is not seen where it is named", "TestHiddenFieldsByCredentials", []edit{
		{"fields.go", "f.of(name) <= fieldHidden {", "f.of(name) < fieldHidden {"},
	}},
	{"what is read after a fill by its goroutine is nobody's", "TestReadOutlivesItsFill", []edit{
		{"unmarked.go", "			r.alone = false //", "			_ = r.alone //"},
	}},
	{"every cookie may be dropped", "TestDropSetCookie", []edit{
		{"respond.go", "		return !slices.Contains(g.policy.DropSetCookie, strings.TrimSpace(name)) || deletesCookie(line)\n", "		return name == \"\"\n"},
	}},

	// What clients ask for, and what they get.
	{"the Date of a handler is dropped", "", []edit{
		{"internal/rfc9111/header.go", "\"Age\", \"Cache-Status\", ", "\"Age\", \"Date\", \"Cache-Status\", "},
	}},
	{"answers that set cookies are stored", "", []edit{
		{"internal/rfc9111/storable.go", "	case len(h[\"Set-Cookie\"]) > 0:\n", "	case false:\n"},
	}},
	{"what is compressed outside has a strong tag", "", []edit{
		{"respond.go", "if whole && (adds&addsType != 0", "if true && (adds&addsType != 0"},
	}},
	{"a part is answered of what is compressed outside", "", []edit{
		{"respond.go", "outcome = rfc9111.Evaluate(g.r.Method, g.r.Header, stored, whole)", "outcome = rfc9111.Evaluate(g.r.Method, g.r.Header, stored, true)"},
	}},
	{"a coding that is refused is not read outside", "TestRefusedCodings", []edit{
		{"respond.go", "	if g.encodings == 0 {\n", "	if g.encodings&encodesAll == 0 {\n"},
	}},
	{"HEAD fills", "", []edit{
		{"get.go", "	case g.r.Method == http.MethodHead:\n", "	case false:\n"},
	}},
	{"a range of what is not stored fills", "TestRangesOfWhatIsNotStored", []edit{
		{"get.go", "	case len(g.r.Header[\"Range\"]) > 0:\n", "	case false:\n"},
	}},
	{"errors that a request provokes are stored", "TestWhatIsStored", []edit{
		{"internal/rfc9111/storable.go", "	if rule == asError && terms.Errors {\n", "	if rule == asError {\n"},
	}},
	{"a part that the handler gives is given whole", "TestPartsOfTheHandler", []edit{
		{"get.go", "			case g.leavesRanges(e):\n", "			case false:\n"},
	}},
	{"a strong tag stands for another type", "TestTagsOfTypesOutside", []edit{
		{"respond.go", "if whole && (adds&addsType != 0 || alone || header.get(\"Content-Type\") != \"\") {", "if whole {"},
	}},
	{"a hit sends a header that the handler left open", "TestSilentAnswers", []edit{
		{"respond.go", "if !e.silent || outcome.Status != e.status {", "if true {"},
	}},
	{"a stranger renews what is stored", "TestNoStoreRequestsLeaveNothing", []edit{
		{"get.go", "			refused = bypassRequest // and nobody gets another answer because of it\n", ""},
	}},
	{"a precondition is overlooked", "", []edit{
		{"handler.go", "	case rfc9111.Bypass(r.Header):\n", "	case false:\n"},
	}},
	{"what streams lets all variants pass", "TestStreamedVariantPassesAlone", []edit{
		{"respond.go", "	g.front.put(g.primary, g.front.keep(g.primary, g, e, union(g.choosing(named), f.selectedBy())), e)\n", "	g.front.store.Set(g.primary, e)\n"},
	}},
	{"a flush that cannot be done sends the header", "", []edit{
		{"recorder.go", "	if !canFlush(r.w) {\n", "	if false {\n"},
	}},
	{"a flush that cannot be done sends the header of a POST", "TestUnsafeFlush", []edit{
		{"unsafemethod.go", "	if !canFlush(u.ResponseWriter) {\n", "	if false {\n"},
	}},
	{"what is too long ends where it should", "TestTransparency", []edit{
		{"recorder.go", "if int64(len(r.body)) == r.declared && r.written > r.declared {", "if false {"},
	}},
	{"an unsafe request leaves its path under other queries", "TestUnsafePaths", []edit{
		{"unsafemethod.go", "			slots = append(slots, c.pathSlot(key))\n", ""},
	}},
	{"what an answer names falls under every query", "TestUnsafePaths", []edit{
		{"unsafemethod.go", "		own := i == 0\n", "		own := i >= 0\n"},
	}},
	{"an unsafe request with a long query changes nothing", "TestLongTargets", []edit{
		{"unsafemethod.go", "			path.RawQuery = \"\"\n", "			path.RawQuery = target.RawQuery\n"},
	}},
	{"that nothing is stored of a URI outlives an unsafe request", "TestUnsafeRequestsEndPassing", []edit{
		{"respond.go", "	f.dependOnSlot(c.keySlot(g.key))\n", ""},
	}},
	{"PROPFIND and QUERY invalidate", "TestUnsafeMethods", []edit{
		{"internal/rfc9111/invalidate.go", "http.MethodTrace,\n		\"PROPFIND\", \"QUERY\", \"REPORT\", \"SEARCH\":", "http.MethodTrace:"},
	}},
	{"a statement without tables is known", "TestNoDependenciesSayNothing", []edit{
		{"fill.go", "	f.informed = f.informed || len(d.Hashes) > 0\n	f.add(s, d)\n", "	f.informed = true\n	f.add(s, d)\n"},
	}},
	{"what was stored meanwhile is made again", "TestNobodyFillsWhatWasJustStored", []edit{
		{"flight.go", "	return j.looked\n", "	return false\n"},
	}},
	{"a look costs all that it takes whoever shares it", "TestWorth", []edit{
		{"worth.go", "max(1, (c.sources.asking.Load()+1)/2)", "1"},
	}},
	{"what never holds is thought to hold", "TestWorth", []edit{
		{"worth.go", "	w.holds.Store(v)\n", "	w.holds.Store(always)\n"},
	}},
	{"a look costs nothing", "TestWorth", []edit{
		{"source.go", "		approach(&s.costs, int64(s.took))\n", ""},
	}},
	{"what once did not pay never does", "TestWorthChanges", []edit{
		{"worth.go", "return w.passed.Add(1)%worthAgain >= 2", "return true"},
	}},
	{"what once paid always does", "TestWorthChanges", []edit{
		{"worth.go", "return measuredAfter(asked) && ", "return false && measuredAfter(asked) && "},
	}},
	{"a flight remembers who has landed", "TestFlightsForgetWhoHasLanded", []edit{
		{"flight.go", "if len(f.users) == cap(f.users) {", "if false {"},
	}},
	{"waiting for somebody else's fill has no end", "TestJoinWait", []edit{
		{"flight.go", "		j.mayJoin = false\n", ""},
	}},
	{"whoever joined waits when the leader's time is over", "TestLeadersWithoutTime", []edit{
		{"flight.go", "		fs.finish(key, f, landing{cut: true})\n", ""},
	}},
	{"whoever joined a leader without time runs alone", "TestLeadersWithoutTime", []edit{
		{"flight.go", "	if l.cut && !j.cut {\n", "	if false {\n"},
	}},
	{"whoever joins leaders without time does so for ever", "TestLeadersWithoutTime", []edit{
		{"flight.go", "	if l.cut && !j.cut {\n", "	if l.cut {\n"},
	}},
	{"whoever finds out who asks waits", "TestAskersWaitForNobody", []edit{
		{"load.go", "mayJoin := !s.asking && ", "mayJoin := "},
	}},
}
