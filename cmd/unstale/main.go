// Command unstale has tools for those who run services behind a cache.
//
//	unstale check       find out whether a service gives stale answers
//	unstale postgres    have a PostgreSQL database followed
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// Exit codes.
const (
	exitOK    = 0
	exitWrong = 1 // a wrong answer was found
	exitUsage = 2
	exitError = 3 // nothing could be found out
)

const usage = `Usage: unstale <command> [flags]

Commands:
  check       find out whether a service gives stale answers
  postgres    have a PostgreSQL database followed

"unstale <command> -help" lists its flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // the second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run runs a command and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "check":
		return check(ctx, args[1:], stdout, stderr)
	case "postgres":
		return postgresCommand(ctx, args[1:], stdout, stderr)
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "unstale: no command %q\n\n%s", args[0], usage)
	return exitUsage
}
