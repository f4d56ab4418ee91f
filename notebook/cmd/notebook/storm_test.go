//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/unstale/unstale/notebook/store"
)

var (
	stormRequests    = flag.Int("storm.requests", 400, "how many hostile requests TestStorm sends")
	stormSeed        = flag.Uint64("storm.seed", 1, "seed of what they are")
	stormConnections = flag.Int("storm.connections", 300, "how many slow connections TestSlowConnections holds")
)

// What a storm may cost the process.
const (
	stormMemory = 256 << 20       // bytes, beside what it had before
	stormTime   = 5 * time.Second // of a processor, for a request
	stormBatch  = 8               // requests at once
)

// A storm is hostile requests to a running notebook, and what became of them.
type storm struct {
	*process
	rng    *rand.Rand
	users  []*visitor
	target string // the public card that comments are for

	mu       sync.Mutex
	statuses map[string]map[int]int // by what was sent; 0 where nothing was answered
	made     map[string]int         // what was answered with a success, by the table it is in
	worst    time.Duration          // of a processor, for a batch
}

// A blow is one hostile request.
type blow struct {
	what, method, path, kind string
	body                     []byte
	as                       *visitor
	manner                   string // whole, slow, cut, torn, or huge
	makes                    string // the table that a success adds a row to
}

// TestStorm sends hostile uploads and bodies to a running notebook: TOML, archives,
// pictures, forms and JSON that were tampered with; whole, slow, cut off, and larger
// than they may be. None of them is answered as a failure of ours, or costs much, and
// nothing is left of what was refused.
func TestStorm(t *testing.T) {
	dir := t.TempDir()
	p := spawn(t, withPassword, "--addr=127.0.0.1:0", "--super-admin", adminName, "--data", dir).started()
	s := &storm{process: p, rng: rand.New(rand.NewPCG(*stormSeed, 0)), statuses: map[string]map[int]int{}, made: map[string]int{}}
	s.people(2 + *stormRequests/80) // of whom each may upload 60 times an hour
	goroutines, before := s.goroutines(), s.memory("VmRSS")
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0); err != nil {
		t.Log("the peak is that of the whole process:", err)
	}
	started, spent := time.Now(), s.processor()
	for sent := 0; sent < *stormRequests; sent += stormBatch {
		s.batch()
	}
	peak := s.memory("VmHWM")
	t.Logf("%d requests in %v, of a processor %v; the dearest %d together %v; memory %d MiB before, %d MiB at most", *stormRequests,
		time.Since(started).Round(time.Second), (s.processor() - spent).Round(time.Second), stormBatch, s.worst, before>>20, peak>>20)
	for what, statuses := range s.statuses {
		t.Logf("%s: %v", what, statuses)
	}
	if s.worst > stormTime {
		t.Errorf("%d requests took %v of a processor", stormBatch, s.worst)
	}
	if peak > before+stormMemory {
		t.Errorf("%d MiB of memory, before %d MiB", peak>>20, before>>20)
	}
	if len(s.made) < 2 {
		t.Errorf("next to nothing of it was accepted: %v", s.made)
	}
	s.settle(goroutines)
	p.stop()
	s.nothingLeft(dir)
}

// people makes users, and something that they can comment on.
func (s *storm) people(n int) {
	s.Helper()
	root, err := s.logIn(adminName, adminPassword)
	must := func(err error) {
		s.Helper()
		if err != nil {
			s.Fatal(err)
		}
	}
	must(err)
	var card struct{ ID string }
	must(root.upload(map[string]string{"name": "calm", "description": "d", "is_public": "true"}, "version = '1'", &card))
	must(root.post("/api/review/persona/"+card.ID+"/approve", nil, nil))
	s.target = card.ID
	for i := range n {
		name := fmt.Sprint("storm", i)
		must(root.post("/api/admin/users", map[string]string{"username": name, "email": name + "@example.com", "password": adminPassword}, nil))
		v, err := s.logIn(name, adminPassword)
		must(err)
		s.users = append(s.users, v)
	}
}

// batch sends some requests at once, and measures what they cost together: none has
// cost more.
func (s *storm) batch() {
	before := s.processor()
	var sending sync.WaitGroup
	for range stormBatch {
		b := s.blow()
		sending.Go(func() { s.strike(b) })
	}
	sending.Wait()
	s.worst = max(s.worst, s.processor()-before)
}

func (s *storm) strike(b blow) {
	status, err := b.send(s.Context(), s.host())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.statuses[b.what] == nil {
		s.statuses[b.what] = map[int]int{}
	}
	s.statuses[b.what][status]++
	if status == http.StatusOK {
		s.made[b.makes]++
	}
	switch {
	case status == 0 && (b.manner == "whole" || b.manner == "slow"):
		s.Errorf("%s, %s: no answer: %v", b.what, b.manner, err)
	case status >= 500 && status != http.StatusServiceUnavailable:
		s.Errorf("%s, %s %s, %s: %d\n%.300q", b.what, b.method, b.path, b.manner, status, b.body)
	}
}

// send returns the status of the answer, 0 where there is none.
func (b blow) send(ctx context.Context, host string) (status int, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return 0, err
	}
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", b.method, b.path, host)
	if b.as != nil {
		head += "Authorization: Bearer " + b.as.token + "\r\n"
	}
	if b.kind != "" {
		head += "Content-Type: " + b.kind + "\r\n"
	}
	length := len(b.body)
	if b.manner == "huge" {
		length = 1 << 33
	}
	_, _ = fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n", head, length) // where this fails there may be an answer all the same
	switch b.manner {
	case "slow":
		for piece := range 5 {
			_, _ = conn.Write(b.body[piece*length/5 : (piece+1)*length/5])
			time.Sleep(2 * time.Millisecond)
		}
	case "cut":
		_, _ = conn.Write(b.body[:length/2])
		_ = conn.(*net.TCPConn).CloseWrite()
	case "torn":
		_, _ = conn.Write(b.body[:length/2])
		return 0, nil
	case "huge":
		for sent := 0; sent < 24<<20; {
			n, err := conn.Write(b.body)
			if sent += n; err != nil || n == 0 {
				break
			}
		}
		_ = conn.(*net.TCPConn).CloseWrite()
	default:
		_, _ = conn.Write(b.body)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

// blow makes up a request.
func (s *storm) blow() blow {
	kinds := []func() blow{s.toml, s.toml, s.archive, s.picture, s.form, s.json, s.json}
	b := kinds[s.rng.IntN(len(kinds))]()
	b.as = s.users[s.rng.IntN(len(s.users))]
	if s.rng.IntN(10) == 0 {
		b.as = nil
	}
	b.manner = "whole"
	if n := s.rng.IntN(20); n < 6 {
		b.manner = []string{"slow", "slow", "cut", "cut", "torn", "torn"}[n]
	} else if n == 6 && s.rng.IntN(4) == 0 {
		b.manner = "huge"
	}
	return b
}

func (s *storm) pick(list ...string) string { return list[s.rng.IntN(len(list))] }

// many returns a number that is mostly small and sometimes very large.
func (s *storm) many(most int) int { return 1 + s.rng.IntN(1+s.rng.IntN(1+s.rng.IntN(most))) }

// noise returns random bytes, or characters of a kind that parsers care for.
func (s *storm) noise(n int) string {
	const telling = "\x00\xff\xfe\n\r\t \"'\\[]{}=.,:;#-+_/<>&%0123456789eEtTfFnNuUxX\u202e\u200b\ufeff麦\U0001F600"
	var text strings.Builder
	for text.Len() < n {
		if s.rng.IntN(2) == 0 {
			text.WriteByte(byte(s.rng.Uint32()))
		} else {
			text.WriteByte(telling[s.rng.IntN(len(telling))])
		}
	}
	return text.String()
}

// tampered returns the bytes with some changed, repeated, or lost.
func (s *storm) tampered(data []byte) []byte {
	data = bytes.Clone(data)
	for range s.rng.IntN(6) {
		if len(data) == 0 {
			break
		}
		at := s.rng.IntN(len(data))
		switch s.rng.IntN(4) {
		case 0:
			data[at] = byte(s.rng.Uint32())
		case 1:
			data = data[:at]
		case 2:
			data = append(data[:at:at], append([]byte(s.noise(s.many(64))), data[at:]...)...)
		case 3:
			to := at + s.rng.IntN(len(data)-at)
			data = append(data[:to:to], data[at:]...)
		}
	}
	return data
}

// upload returns the form of an upload.
func (s *storm) upload(kind, name string, content []byte, field string) blow {
	const boundary = "storm"
	var body bytes.Buffer
	for field, value := range map[string]string{"name": fmt.Sprint("n", s.rng.Uint64()), "description": "d", "is_public": "true"} {
		fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", boundary, field, value)
	}
	fmt.Fprintf(&body, "--%s\r\nContent-Disposition: form-data; name=%q; filename=\"%s\"\r\n\r\n", boundary, field, name)
	body.Write(content)
	fmt.Fprintf(&body, "\r\n--%s--\r\n", boundary)
	return blow{
		what: kind, method: http.MethodPost, path: "/api/" + kind + "/upload", kind: "multipart/form-data; boundary=" + boundary, body: body.Bytes(),
		makes: map[string]string{"persona": "persona_cards", "knowledge": "knowledge_bases"}[kind],
	}
}

func (s *storm) toml() blow {
	text := "version = \"1\"\n"
	switch n := s.many(400_000); s.rng.IntN(9) {
	case 0:
		var keys strings.Builder
		for i := range min(n, 100_000) {
			fmt.Fprintf(&keys, "k%d=1\n", i)
		}
		text += keys.String()
	case 1:
		text += strings.Repeat("a.", n) + "a=1"
	case 2:
		text += "[" + strings.Repeat("a.", n) + "a]\n"
	case 3:
		text += "a=" + strings.Repeat("[", n)
	case 4:
		text += "a=" + strings.Repeat("{a=", n)
	case 5:
		text += strings.Repeat("[[a]]\n", n)
	case 6:
		text = "version = \"" + strings.Repeat("1", n) + "\"\n"
	case 7:
		text += s.noise(min(n, 50_000))
	case 8:
		text = "[meta]\nversion = \"1\"\nname = '麦麦'\n[personality]\nprompt = '''\nx\n'''\nlist = [1, 2.5, 1979-05-27T07:32:00Z, {a = 1}]\n"
	}
	b := s.upload("persona", "bot_config.toml", s.tampered([]byte(text)), "files")
	b.what = "TOML"
	return b
}

func (s *storm) archive() blow {
	content := []byte("PK\x03\x04\x14\x00\x08\x00\x08\x00" + s.noise(s.many(4000)) + "PK\x05\x06" + strings.Repeat("\xff", 18))
	if s.rng.IntN(3) == 0 {
		content = []byte(`{"` + strings.Repeat(`a":{"`, s.many(100_000)))
	}
	name := s.pick("a.txt", "a.json", "a.zip", "../../a.txt", "CON.txt", "a\u202e.txt", strings.Repeat("a", s.many(10_000))+".txt", s.noise(8)+".txt", "")
	b := s.upload("knowledge", strings.NewReplacer("\r", "", "\n", "", `"`, "").Replace(name), s.tampered(content), "files")
	b.what = "archive"
	return b
}

func (s *storm) picture() blow {
	side := func() string { return string([]byte{0, 0, byte(s.rng.Uint32()), byte(s.rng.Uint32())}) }
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + side() + side() + "\x08\x06\x00\x00\x00" + s.noise(s.many(2000))
	gif := "GIF89a" + s.noise(4) + "\xf7\x00\x00" + s.noise(s.many(5000)) + ";"
	jpeg := "\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xc2\x00\x0b\x08" + s.noise(4) + "\x01\x01\x11\x00" + s.noise(s.many(5000)) + "\xff\xd9"
	webp := "RIFF" + s.noise(4) + "WEBP" + s.pick("VP8X", "VP8L", "VP8 ") + s.noise(s.many(3000))
	svg := "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
	b := s.upload("picture", "a.png", s.tampered([]byte(s.pick(png, gif, jpeg, webp, svg))), "avatar")
	b.path = "/api/users/me/avatar"
	return b
}

func (s *storm) form() blow {
	b := s.upload(s.pick("persona", "knowledge"), s.pick("bot_config.toml", "a.txt"), []byte("version = '1'"), "files")
	b.what = "form"
	part := func(field, value string) string {
		return fmt.Sprintf("--storm\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", field, value)
	}
	var more strings.Builder
	switch s.rng.IntN(6) {
	case 0:
		for i := range s.many(3000) {
			more.WriteString(part(fmt.Sprint("f", i), "x"))
		}
	case 1:
		for range s.rng.IntN(8) {
			more.WriteString(part(s.pick("name", "content", "tags", "nobody's"), strings.Repeat("x", s.many(1<<20))))
		}
	case 2:
		more.WriteString("--storm\r\n" + strings.Repeat("X-Field: "+strings.Repeat("y", s.many(1000))+"\r\n", s.many(2000)) + "\r\n")
	case 3:
		b.kind = "multipart/form-data; boundary=" + strings.Repeat("b", s.many(2000))
	case 4:
		more.WriteString(part("description", s.noise(s.many(50_000))))
	case 5:
		b.kind = s.pick("multipart/mixed; boundary=storm", "application/json", "", "multipart/form-data", "text/plain; charset=\"")
	}
	b.body = s.tampered(append([]byte(more.String()), b.body...))
	return b
}

func (s *storm) json() blow {
	b := blow{what: "JSON", method: http.MethodPost, kind: "application/json"}
	text := func() string {
		data, _ := json.Marshal(s.pick("x", "", strings.Repeat("长", s.many(30_000)), s.noise(s.many(300)), "a\x00b", "<script>", "' OR 1=1 --"))
		return string(data)
	}
	var body string
	switch s.rng.IntN(7) {
	case 0:
		b.path, b.makes = "/api/comments", "comments"
		body = fmt.Sprintf(`{"target_type":"persona","target_id":%q,"content":%s}`, s.target, text())
	case 1:
		b.path = "/api/messages/send"
		body = fmt.Sprintf(`{"title":%s,"content":%s,"recipient_ids":[%s"x"]}`, text(), text(), strings.Repeat(text()+",", s.many(50)))
	case 2:
		b.method, b.path = http.MethodPut, "/api/persona/"+s.target
		body = fmt.Sprintf(`{"content":%s,"tags":[%s]}`, text(), text())
	case 3:
		b.path = s.pick("/api/auth/user/register", "/api/auth/refresh", "/api/refresh", "/api/auth/user/check_register", "/api/auth/reset_password")
		body = fmt.Sprintf(`{"username":%s,"email":%s,"refresh_token":%s}`, text(), text(), text())
	case 4:
		b.path = s.pick("/api/comments", "/api/messages/send", "/api/auth/refresh", "/api/moderation/check")
		body = strings.Repeat(s.pick("[", `{"a":`, `[{"content":[`), s.many(300_000))
	case 5:
		b.path = s.pick("/api/moderation/check", "/api/comments/"+s.target+"/react", "/api/admin/cache/invalidate")
		body = fmt.Sprintf(`{"text":%s,"action":%s,"tags":[%s],"n":%s}`, text(), text(), text(), strings.Repeat("9", s.many(100_000)))
	case 6:
		b.path, b.kind = s.pick("/login", "/register", "/persona/"+s.target+"/comments", "/api/auth/user/register"), "application/x-www-form-urlencoded"
		body = strings.Repeat(s.pick("a=b&", "username=%ff&", "content=%00&", "%&", ";"), s.many(20_000))
	}
	b.body = []byte(body)
	if b.makes == "" || s.rng.IntN(2) == 0 {
		b.body = s.tampered(b.body)
	}
	return b
}

// proc returns the number that a pattern finds in a file about the process.
func (s *storm) proc(file, pattern string) int64 {
	s.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, file))
	if err != nil {
		s.Fatal(err)
	}
	found := regexp.MustCompile(pattern).FindSubmatch(data)
	if found == nil {
		s.Fatalf("no %s in %s", pattern, data)
	}
	var sum int64
	for _, text := range found[1:] {
		n, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			s.Fatal(err)
		}
		sum += n
	}
	return sum
}

// memory returns how much the process has, in bytes.
func (s *storm) memory(what string) int64 {
	s.Helper()
	return s.proc("status", what+`:\s*(\d+) kB`) << 10
}

// processor returns the time of processors that the process has taken.
func (s *storm) processor() time.Duration {
	s.Helper()
	const tick = 10 * time.Millisecond
	return time.Duration(s.proc("stat", `\) . (?:-?\d+ ){10}(\d+) (\d+) `)) * tick
}

// goroutines returns how many there are.
func (s *storm) goroutines() int {
	s.Helper()
	_, text := s.get("/api/metrics/prometheus", "")
	found := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindStringSubmatch(text)
	if found == nil {
		s.Fatal("no number of goroutines")
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// settle waits until there are no more goroutines than before, but for a connection.
func (s *storm) settle(before int) {
	s.Helper()
	const slack = 4
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		now := s.goroutines()
		if now <= before+slack {
			return
		}
		if time.Now().After(deadline) {
			s.Errorf("%d goroutines, %d before", now, before)
			return
		}
	}
}

// nothingLeft looks through what the notebook has left on the disk, and in its
// database.
func (s *storm) nothingLeft(dir string) {
	s.Helper()
	if left, err := os.ReadDir(s.temp); err != nil || len(left) > 0 {
		s.Errorf("temporary files: %v %v", left, err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "files", "tmp")); err != nil || len(left) > 0 {
		s.Errorf("temporary files: %v %v", left, err)
	}
	kept := map[string]bool{}
	err := filepath.WalkDir(filepath.Join(dir, "files"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			kept[filepath.Base(path)] = true
		}
		return err
	})
	if err != nil {
		s.Error(err)
	}
	data, err := store.Open(s.Context(), filepath.Join(dir, "notebook.db"), nil)
	if err != nil {
		s.Fatal(err)
	}
	defer data.Close()
	for hash := range kept {
		if needed, err := data.FileReferenced(s.Context(), hash); err != nil || !needed {
			s.Errorf("a file that nobody needs: %s %v", hash, err)
		}
	}
	for _, table := range []string{"persona_cards", "knowledge_bases", "comments"} {
		want := s.made[table]
		if table == "persona_cards" {
			want++ // what they comment on
		}
		if n := count(s, data.DB(), table); n != want {
			s.Errorf("%d rows in %s, %d were made", n, table, want)
		}
	}
	if n := count(s, data.DB(), "upload_records"); n != s.made["persona_cards"]+s.made["knowledge_bases"]+1 {
		s.Errorf("%d uploads are recorded: %v", n, s.made)
	}
}

func count(t testing.TB, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSlowConnections holds connections that send next to nothing, or take nothing of
// what they have asked for, from several addresses, while visitors come and go.
func TestSlowConnections(t *testing.T) {
	p := spawn(t, withPassword, "--addr=127.0.0.1:0", "--super-admin", adminName, "--data", t.TempDir()).started()
	visit := func(when string) {
		t.Helper()
		v, err := p.logIn(adminName, adminPassword)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		for _, path := range []string{"/", "/api/users/me", "/api/persona/public"} {
			if status, body := p.get(path, v.token); status != http.StatusOK {
				t.Errorf("%s: GET %s: %d %s", when, path, status, body)
			}
		}
	}
	visit("before")
	manners := []string{
		"POST /api/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n{\"usern",
		"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"",
		strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", 50),
	}
	held := make([]net.Conn, 0, *stormConnections)
	defer func() {
		for _, conn := range held {
			_ = conn.Close()
		}
	}()
	for i := range *stormConnections {
		from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%20))}}
		conn, err := from.DialContext(t.Context(), "tcp", p.host())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
		if _, err := io.WriteString(conn, manners[i%len(manners)]); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			visit(fmt.Sprint("beside ", i+1))
		}
	}
	visit("beside all")
	if !testing.Short() && *stormConnections >= 1000 { // it takes as long as they may be slow
		for _, conn := range held {
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
			if _, err := io.Copy(io.Discard, conn); err != nil && os.IsTimeout(err) {
				t.Fatal("a slow connection goes on")
			}
		}
		visit("after all")
	}
}
