package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/unstale/unstale/postgres"
)

const postgresUsage = `Usage: unstale postgres setup|status|remove [flags] DSN

  setup    make what follows a database; prints the SQL, unless -run is given
  status   say what is followed, and what is not
  remove   take it out again, with -run

DSN is a URL (postgres://user@host/database) or a list of settings, as psql takes it.
`

// postgresCommand runs a command on a PostgreSQL database and returns the exit code.
func postgresCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, postgresUsage)
		return exitUsage
	}
	flags := flag.NewFlagSet("unstale postgres "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprint(stderr, postgresUsage, "\nFlags of ", args[0], ":\n")
		flags.PrintDefaults()
	}
	do := flags.Bool("run", false, "do it, rather than print it")
	var schemas, exclude, grant string
	if args[0] == "setup" {
		flags.StringVar(&schemas, "schemas", "", "schemas whose tables are followed, with commas between them; all but the system's")
		flags.StringVar(&exclude, "exclude", "", "tables that are not followed, as schema.table, with commas between them")
		flags.StringVar(&grant, "grant", "", "roles as which services connect, with commas between them, besides the one that runs this")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return exitUsage
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return exitUsage
	}
	dsn := flags.Arg(0)
	var err error
	switch args[0] {
	case "setup":
		o := postgres.SetupOptions{Schemas: list(schemas), Exclude: list(exclude), Grant: list(grant)}
		if !*do {
			o.Print = func(sql string) { fmt.Fprintln(stdout, sql) }
		}
		if err = postgres.Setup(ctx, dsn, o); err == nil && *do {
			err = status(ctx, dsn, stdout)
		}
	case "status":
		err = status(ctx, dsn, stdout)
	case "remove":
		if !*do {
			fmt.Fprintln(stdout, "DROP TRIGGER … of every followed table, and DROP SCHEMA unstale CASCADE: -run does it")
			return exitOK
		}
		err = postgres.Remove(ctx, dsn)
	default:
		flags.Usage()
		return exitUsage
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitError
	}
	return exitOK
}

func status(ctx context.Context, dsn string, stdout io.Writer) error {
	report, err := postgres.Status(ctx, dsn)
	if err == nil {
		fmt.Fprint(stdout, report)
	}
	return err
}

// list returns the elements of a text with commas between them.
func list(text string) (elements []string) {
	for e := range strings.SplitSeq(text, ",") {
		if e = strings.TrimSpace(e); e != "" {
			elements = append(elements, e)
		}
	}
	return elements
}
