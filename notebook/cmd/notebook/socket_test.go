//go:build unix

package main

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A client that listens is told that the notebook stops, and does not hold it up.
func TestListenersAreToldOfTheEnd(t *testing.T) {
	t.Parallel()
	p := serving(t, t.TempDir())
	v, err := p.logIn(adminName, adminPassword)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, "ws://"+p.host()+"/api/ws/"+v.token, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, told, err := conn.Read(ctx); err != nil || !strings.Contains(string(told), "message_update") {
		t.Fatalf("%s %v", told, err)
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("the connection ended with %v", err)
	}
	if code := p.wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
