package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestFront is the story of a card as people see it in a browser, from the
// uploader's registration to what others say. After each write the next view of
// every page shows it, and the view after that comes from the cache.
func TestFront(t *testing.T) {
	t.Parallel()
	p := spawn(t, withPassword, "--addr=127.0.0.1:0", "--data", t.TempDir(), "--super-admin", adminName, "--mail=log").started()
	t.Cleanup(p.stop) // after the browser
	admin, err := p.logIn(adminName, adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	for name, role := range map[string]string{"mo": "moderator", "bob": "user"} {
		if err := admin.post("/api/admin/users", map[string]string{"username": name, "email": name + "@example.com", "password": adminPassword, "role": role}, nil); err != nil {
			t.Fatal(err)
		}
	}

	ann := browse(t, p.base)
	ann.visit("/")
	ann.shows(".bar", "注册")
	ann.register(p, "ann", "secret12")
	ann.logIn("ann", "secret12")
	ann.until(`!document.cookie.includes("notebook_session")`) // which scripts do not see

	stranger := ann.stranger()
	stranger.settled("/persona", 0)
	item := ann.upload("persona", "深夜 <b>电台</b>", "bot_config.toml", "version = '1.0'")
	ann.shows(".state", "审核中")
	ann.shows("h1", "深夜 <b>电台</b>")

	// A message arrives in the one tab while the review goes on elsewhere.
	inbox := ann.another()
	inbox.visit("/messages")
	inbox.shows("main", "没有消息")
	inbox.until(`document.querySelector("[data-unread]").dataset.unread === "0"`)
	mo := ann.stranger()
	mo.logIn("mo", adminPassword)
	mo.click(`.bar a[href="/review"]`)
	mo.shows(".queue", "深夜 <b>电台</b>")
	mo.click(".verdict form button.main")
	mo.shows("main", "没有待审核的内容")
	inbox.shows(".messages .unread", "已通过审核")
	inbox.until(`document.querySelector("[data-toast]").textContent.includes("审核通过") && document.querySelector(".badge").textContent === "1"`)
	inbox.click(".messages form button")
	inbox.until(`!document.querySelector(".messages .unread") && document.querySelector(".badge").hidden`)

	// What was empty and in the cache shows the card at once, and is in the cache again.
	stranger.settled("/persona", 1)
	stranger.visit("/persona?name=nothing-like-it")
	stranger.shows(".empty", "没有符合条件的内容")
	stranger.fill("#name", "电台")
	stranger.click(".search button")
	stranger.shows(".card h3", "深夜 <b>电台</b>")
	stranger.visit(item)
	stranger.shows("#talk", "登录")
	stranger.shows(".files li", "bot_config.toml")

	bob := ann.stranger()
	bob.logIn("bob", adminPassword)
	bob.visit(item)
	bob.eval(`window.mark = 1`)
	bob.click("#talk .star")
	bob.until(`window.mark === 1 && document.querySelector(".star").getAttribute("aria-pressed") === "true" && document.querySelector("[data-stars]").textContent === "1"`)
	bob.fill("#content", "凌晨两点见 <script>alert(1)</script>")
	bob.click("#talk > .say button")
	bob.shows(".comment .text", "凌晨两点见 <script>alert(1)</script>")
	ann.visit(item) // in which the star shows, too
	ann.until(`document.querySelector("[data-stars]").textContent === "1"`)
	ann.shows(".comment .text", "凌晨两点见")
	ann.click(`.comment button[value="like"]`)
	ann.until(`document.querySelector('.comment button[value="like"]').getAttribute("aria-pressed") === "true"`)
	ann.click(".comment summary")
	ann.fill(".comment textarea", "等你")
	ann.click(".comment .say button")
	ann.shows(".comment .comment .text", "等你")
	bob.until(`window.mark === 1`)
	bob.visit(item)
	bob.shows(".comment .comment .text", "等你")
	bob.until(`document.querySelector('.comment button[value="like"]').textContent.includes("1")`)
	bob.visit("/me?tab=stars")
	bob.shows(".card h3", "电台")

	// Without scripts everything works but what arrives by itself.
	bob.do("scripts off", call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	bob.do("visit", chromedp.Navigate(p.base+item))
	bob.click("#talk a.button")
	bob.shows(".star", "已收藏")
	bob.click(".star")
	bob.until(`location.hash === "#talk"`)
	bob.click("#talk a.button")
	bob.shows(".star", "☆")
	bob.do("scripts on", call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false}))
	stranger.visit(item)
	stranger.until(`document.querySelector("[data-stars]").textContent === "0"`)

	// A base is uploaded and rejected.
	base := ann.upload("knowledge", "食谱", "soup.txt", "water")
	mo.visit("/review?tab=knowledge")
	mo.click(".verdict summary")
	mo.fill(".verdict textarea", "太短")
	mo.click(".verdict .bad")
	mo.shows("main", "没有待审核的内容")
	ann.visit(base)
	ann.shows(".notice", "太短")
	ann.visit("/me?tab=knowledge")
	ann.shows(".state", "未通过")
	ann.visit("/me")
	ann.click(".head form button")
	ann.shows(".bar", "注册")
}

// settled visits a list until it comes from the cache, and shows so many cards
// each time, the first time too.
func (v *tab) settled(path string, cards int) {
	v.Helper()
	for range 5 {
		v.visit(path)
		if got := v.eval(`document.querySelectorAll(".card").length`); got != string(rune('0'+cards)) {
			v.Fatalf("%s shows %s cards, want %d", path, got, cards)
		}
		if v.freshness() == "hit" {
			v.shows("[data-freshness]", "缓存于")
			return
		}
	}
	v.Errorf("%s does not come from the cache: %s", path, v.freshness())
}

// register registers with the code in the log.
func (v *tab) register(p *process, name, password string) {
	v.Helper()
	v.visit("/register")
	v.fill("#email", name+"@example.com")
	v.click(".row button")
	v.shows(".notice", "验证码已发送")
	var code string
	for deadline := time.Now().Add(patience); code == "" && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		_, stderr := p.outputs()
		if _, mail, ok := strings.Cut(stderr, "to="+name+"@example.com"); ok && strings.Contains(mail, "\n") {
			code = sixDigits.FindString(mail)
		}
	}
	v.fill("#code", code)
	v.fill("#username", name)
	v.fill("#password", password)
	v.click("form button.main")
	v.shows(".notice", "注册成功")
}

// upload uploads an item with one file, and returns where it is.
func (v *tab) upload(kind, name, file, content string) (path string) {
	v.Helper()
	local := filepath.Join(v.TempDir(), file)
	if err := os.WriteFile(local, []byte(content), 0o600); err != nil {
		v.Fatal(err)
	}
	v.visit("/upload/" + kind)
	v.fill("#name", name)
	v.fill("#description", "about it")
	v.fill("#tags", "夜晚，电台")
	v.do("choose a file", chromedp.SetUploadFiles(chromedp.CSS("#files"), []string{local}))
	v.click("form button.main")
	v.shows(".crumb .state", "审核中")
	return v.eval(`location.pathname`)
}
