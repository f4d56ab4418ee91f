//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// onSmallDisk returns the command on a disk of so many KiB, mounted at dir for
// the command alone. full is what it says when that is not enough. Where
// mounting is not allowed a limit on the size of files takes the disk's place.
func onSmallDisk(kib int, dir string, args ...string) (cmd *exec.Cmd, full string) {
	rest := append([]string{dir, binary}, args...)
	for _, unshare := range [][]string{{"unshare", "-m"}, {"unshare", "-r", "-m"}} {
		script := fmt.Sprintf(`mount -t tmpfs -o size=%dk none "$0"`, kib)
		try := append(unshare[1:], "sh", "-c", script, dir)
		if exec.Command(unshare[0], try...).Run() != nil {
			continue
		}
		try[len(try)-2] += ` && exec "$@"`
		return exec.Command(unshare[0], append(try[:len(try)-1], rest...)...), "the disk is full"
	}
	script := fmt.Sprintf(`ulimit -f %d && exec "$@"`, 2*kib) // in units of 512 bytes
	return exec.Command("sh", append([]string{"-c", script}, rest...)...), ""
}

func TestFullDiskAtTheStart(t *testing.T) {
	t.Parallel()
	for _, kib := range []int{4, 8, 16, 64} {
		dir := t.TempDir()
		cmd, full := onSmallDisk(kib, dir, "--addr=127.0.0.1:0", "--data", dir)
		spawnAs(t, nil, cmd).fails(1, full)
	}
}

// TestFullDiskWhileServing uploads until nothing more fits. What was
// acknowledged is all there, what was not left nothing behind, and everything
// goes on.
func TestFullDiskWhileServing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := onSmallDisk(3000, dir, "--addr=127.0.0.1:0", "--super-admin", adminName, "--data", dir)
	p := spawnAs(t, withPassword, cmd).started()
	v, err := p.logIn(adminName, adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	config := "version = '1'\n" + strings.Repeat("# filler\n", 20_000)
	kept := make(map[string]bool)
	var refusal error
	for n := 0; refusal == nil; n++ {
		if n > 100 {
			t.Fatal("the disk does not fill")
		}
		name := fmt.Sprintf("card-%d", n)
		var made struct{ ID string }
		// Files of equal content are kept once: each has its own.
		if refusal = v.upload(map[string]string{"name": name, "description": "d"}, config+"# "+name+"\n", &made); refusal == nil {
			kept[made.ID] = true
		}
	}
	if len(kept) == 0 || !strings.Contains(refusal.Error(), "500") || strings.Contains(refusal.Error(), dir) ||
		strings.Contains(strings.ToLower(refusal.Error()), "space") || strings.Contains(refusal.Error(), "goroutine") {
		t.Errorf("after %d uploads: %v", len(kept), refusal)
	}
	var me struct{ ID string }
	if err := v.get("/api/users/me", &me); err != nil {
		t.Fatal(err)
	}
	var cards []struct{ ID string }
	if err := v.get("/api/persona/user/"+me.ID+"?page_size=100", &cards); err != nil {
		t.Fatal(err)
	}
	if len(cards) != len(kept) {
		t.Errorf("%d uploads were acknowledged and %d cards are there", len(kept), len(cards))
	}
	for _, c := range cards {
		var card struct {
			Files []struct {
				FileID string `json:"file_id"`
			}
		}
		if err := v.get("/api/persona/"+c.ID, &card); err != nil || len(card.Files) != 1 || !kept[c.ID] {
			t.Errorf("card %s: %d files, %v", c.ID, len(card.Files), err)
			continue
		}
		if status, body := p.get("/api/persona/"+c.ID+"/file/"+card.Files[0].FileID, v.token); status != 200 || !strings.HasPrefix(body, config) {
			t.Errorf("file of card %s: %d, %d bytes", c.ID, status, len(body))
		}
	}
	p.stop()
	if _, err := os.Stat(filepath.Join(dir, "notebook.db-wal")); err == nil {
		t.Error("the database was not closed")
	}
}
