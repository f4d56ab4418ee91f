// Command notebook serves the notebook: a site's API on one SQLite file, every
// GET of it cached.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes: 2 says that the command was called wrongly.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	os.Exit(exitCode(Run(untilSignal(), os.Args[1:], os.Environ(), os.Stdout, os.Stderr)))
}

// untilSignal returns a context that ends with the first interrupt or
// termination. By the time it has ended, the second has its usual effect: it
// kills.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	received := make(chan os.Signal, 1)
	signal.Notify(received, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-received
		signal.Stop(received)
		cancel()
	}()
	return ctx
}

// exitCode says on standard error what went wrong, in one sentence.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "notebook: "+explain(err))
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}
