//go:build unix

package blackbox_test

import (
	"errors"
	"net/http"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestSlowReadThatOverlapsAWrite holds a read between the database, where it
// found the old state, and its answer, while that state is replaced. Its answer
// may be old, it began before; nobody else may get it.
func TestSlowReadThatOverlapsAWrite(t *testing.T) {
	t.Parallel()
	modes(t, func(s *site) {
		c := s.newCard("alice", "Mai")
		path := persona(c.ID) + "/file/" + s.detail("alice", c.ID).Files[0].FileID
		// A named pipe in the place of the file holds whoever opens it.
		pipe := s.kept(validTOML)
		if err := errors.Join(os.Remove(pipe), syscall.Mkfifo(pipe, 0o600)); err != nil {
			s.Fatal(err)
		}
		slow := make(chan answer, 1)
		alice := s.as("alice")
		go func() {
			defer close(slow)
			a, err := alice.try(http.MethodGet, path, "", nil)
			if err != nil {
				s.Error(err)
			}
			slow <- a
		}()
		end := s.openOnceRead(pipe, slow)
		defer func() { // a failed test must not leave the read waiting
			end.Close()
			<-slow
		}()
		s.as("alice").upload(persona(c.ID)+"/files", nil, config("version = '2.0'")).want(http.StatusOK)
		status := s.as("alice").once(path).status // the old file is no longer the card's
		if _, err := end.WriteString(validTOML); err != nil {
			s.Error(err)
		}
		end.Close()
		<-slow
		for range 2 {
			if a := s.as("alice").once(path); a.status != status || a.hit() {
				s.Errorf("after the slow read the file answers %d %q, during it %d", a.status, a.header.Get("Cache-Status"), status)
			}
		}
		s.equal("status", status, http.StatusNotFound)
	})
}

// openOnceRead opens a named pipe for writing as soon as somebody reads it, and
// fails the test if the answer comes without that.
func (s *site) openOnceRead(pipe string, answered <-chan answer) *os.File {
	s.Helper()
	for {
		end, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			return end
		}
		if !errors.Is(err, syscall.ENXIO) { // nobody reads yet
			s.Fatal(err)
		}
		select {
		case a := <-answered:
			s.Fatalf("the read was answered without looking at the disk: %d", a.status)
		case <-time.After(time.Millisecond):
		}
	}
}
