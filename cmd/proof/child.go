//go:build unix

package main

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/unstale/unstale"
	"github.com/unstale/unstale/cmd/internal/versioned"
	"github.com/unstale/unstale/internal/clock"
	"github.com/unstale/unstale/sqlite"
)

// roleVariable tells a process made from this binary what it is.
const roleVariable = "UNSTALE_PROOF_ROLE"

// serverSettings are given to a server process in its environment, as JSON.
type serverSettings struct {
	Database string
	MaxBytes int64         `json:",omitempty"`
	Pause    time.Duration `json:",omitempty"`
	Panics   float64       `json:",omitempty"`
	Pad      int           `json:",omitempty"`
}

const settingsVariable = "UNSTALE_PROOF_SETTINGS"

// playRole runs the role that the environment names, if it names one, and does
// not return then.
func playRole() {
	var err error
	switch name := os.Getenv(roleVariable); name {
	case "":
		return
	case "server":
		err = serve()
	case "locker":
		err = lock()
	default:
		err = fmt.Errorf("no role %q", name)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "proof: %s: %v\n", os.Getenv(roleVariable), err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is the server process. It accepts on the listener that it inherits, so
// that clients who connect while it is being restarted wait for the next one.
// It ends with its standard input; until then each line there is a command, and is
// answered by a line: "ok", perhaps with a number, or what failed.
func serve() error {
	var s serverSettings
	if err := json.Unmarshal([]byte(os.Getenv(settingsVariable)), &s); err != nil {
		return err
	}
	service, err := versioned.Open(context.Background(), versioned.Options{
		Database: s.Database, Pause: s.Pause, Panics: s.Panics, Pad: s.Pad,
		Cache: unstale.Options{MaxBytes: s.MaxBytes, Logger: slog.New(slog.DiscardHandler)},
	})
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: service.Handler(), ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if n, err := obey(service, lines.Text()); err != nil {
			fmt.Printf("%q\n", err.Error()) // on one line
		} else {
			fmt.Println("ok", n)
		}
	}
	err = errors.Join(server.Close(), <-done)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if n := service.Overdue(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d answers were served after their end", n))
	}
	if n := service.Disguised(); n > 0 {
		err = errors.Join(err, fmt.Errorf("%d answers left without what was set outside of the cache", n))
	}
	return errors.Join(err, service.Close())
}

// obey does what a line says.
//
//	limit 1    no file may grow beyond so many bytes; 0 is no bound
//	clock -5s  the clock is so far off; the answer is how many stored answers were found to have ended so far
func obey(service *versioned.Service, line string) (n uint64, err error) {
	command, value, _ := strings.Cut(line, " ")
	switch command {
	case "limit":
		limit, err := strconv.ParseUint(value, 10, 63)
		if err != nil {
			return 0, err
		}
		if limit == 0 {
			limit = math.MaxInt64
		}
		return 0, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: math.MaxInt64})
	case "clock":
		offset, err := time.ParseDuration(value)
		if err != nil {
			return 0, err
		}
		clock.Set(offset)
		return service.Expired(), nil
	default:
		return 0, fmt.Errorf("no command %q", line)
	}
}

// lock is a process that takes the lock of a database again and again, for up
// to 20 ms, and changes something there every other time. It prints a line for
// each time, and ends with its standard input.
func lock() error {
	db, err := sqlite.Open(os.Getenv(settingsVariable)+"?_txlock=immediate", nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS noise (n INTEGER NOT NULL)`); err != nil {
		return errors.Join(err, db.Close())
	}
	for n := 0; ctx.Err() == nil; n++ {
		if err := hold(db, n%2 == 0); err != nil {
			return errors.Join(err, db.Close())
		}
		fmt.Println(n)
		time.Sleep(rand.N(5 * time.Millisecond))
	}
	return db.Close()
}

func hold(db *sql.DB, change bool) error {
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		return err
	}
	if change {
		if _, err := tx.ExecContext(context.Background(), `INSERT INTO noise VALUES (1)`); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	time.Sleep(rand.N(20 * time.Millisecond))
	return tx.Commit()
}
