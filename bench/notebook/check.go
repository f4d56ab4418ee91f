package notebook

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/unstale/unstale/bench/harness"
	"github.com/unstale/unstale/bench/workload"
)

// newChecker builds the command that checks.
func newChecker(ctx context.Context, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "unstale")
	_, err = harness.Go(ctx, "cmd", "build", "-o", binary, "./unstale")
	return binary, err
}

// check has `unstale check` write to some of the cards and read them back, one by
// one and in lists, while the visitors go on with all but changing cards. It
// returns what the command says. A wrong answer, or none, is an error.
func check(ctx context.Context, binary string, r *ready, s *harness.Settings) (said string, err error) {
	others := newSide("", r)
	others.trace = slices.DeleteFunc(slices.Clone(r.Trace), func(q workload.Request) bool { return q.Page == "change" })
	ctx, stop := context.WithCancel(ctx)
	noise := make(chan error, 1)
	go func() { noise <- others.byTurns(ctx, newTally(), 2, 2*s.Load) }()
	defer func() {
		stop()
		if e := <-noise; !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
		others.client.CloseIdleConnections()
	}()
	site, owner := "http://"+r.Addr+"/api/persona/", "Bearer "+r.Owner.Token
	const version = `re:"id":"{%s}"[^{}]*?"content":"(\d+)"`
	args := []string{"check", "-quiet", "-first", "-duration", s.Load.String(), "-seed", fmt.Sprint(max(1, s.Seed)),
		"-write", "PUT " + site + "{key}", "-body", `{"content":"{version}"}`, "-write-header", "Content-Type: application/json", "-write-header", "Authorization: " + owner,
		"-as", "owner=" + owner, "-version", fmt.Sprintf(version, "key"), "-other", fmt.Sprintf(version, "other"),
		"-read", site + "{key}"}
	for _, list := range []string{"user/" + r.Owner.ID + "?sort_by=updated_at&", "public?sort_by=updated_at&uploader_id=" + r.Owner.ID + "&", "public?sort_by=star_count&uploader_id=" + r.Owner.ID + "&"} {
		args = append(args, "-read", site+list+"page_size=100#{key},{other}")
	}
	for _, id := range r.Cards {
		args = append(args, "-name", id)
	}
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	said = strings.Join(lines, "; ")
	if err == nil && strings.Contains(said, "without answer") {
		err = errors.New("some reads had no answer")
	}
	if err != nil {
		return "", fmt.Errorf("unstale check: %w\n%s", err, out)
	}
	return said, nil
}
