package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/unstale/unstale/cmd/internal/checker"
)

const checkUsage = `Usage: unstale check -write 'METHOD URL' -read URL -version EXPRESSION [flags]

Writes rising versions through a service, reads them back over many connections,
and reports every answer that is older than what was acknowledged, or than what
anybody had been given, before its request was sent.

In requests {key} stands for the number of a key, or its name as in -name,
{version} for the version that is written, {user} for the name of who asks. A read that also names {other} shows
a second key, the neighbour of the first (1 beside 0, 0 beside 1, 3 beside 2);
-other finds its version. Two keys must have been so together at one moment, which
is looked for in samples. 2xx acknowledges a write, 4xx says
that nothing was written; after anything else it may have been or may not. A
write that was given up must not overwrite a later one. Nobody else may write the
same keys meanwhile.

An EXPRESSION is json:data.version (a path, * stands for all members) or
re:"version":(\d+) (a regular expression with one group, in which {key} and {other}
stand for those of the request: re:"id":"{key}","version":(\d+) finds one of a
list). Every version found in one answer must be the same: let one write write two rows, and one read show both.

  unstale check -write 'PUT http://localhost:8080/items/{key}' \
    -body '{"version":{version}}' -header 'Content-Type: application/json' \
    -read http://localhost:8080/items/{key} -read 'http://localhost:8080/search?id={key}' \
    -version json:version -duration 1m -out history

Exit codes: 0 nothing wrong, 1 a wrong answer, 2 wrong usage, 3 nothing found out.

Flags:
`

// A settings is what the flags say.
type settings struct {
	checker.Config
	write   string
	headers []string
	out     string
	quiet   bool
}

// parse reads the flags. With flag.ErrHelp, help was asked for and printed.
func parse(args []string, stderr io.Writer) (*settings, error) {
	s := new(settings)
	f := flag.NewFlagSet("unstale check", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() {
		fmt.Fprint(stderr, checkUsage)
		f.PrintDefaults()
	}
	f.StringVar(&s.write, "write", "", "method and URL of a write, such as 'PUT http://localhost/items/{key}?version={version}'")
	f.StringVar(&s.Write.Body, "body", "", "body of a write")
	f.Func("read", "URL of a read, or method and URL; may be repeated", func(v string) error {
		s.Reads = append(s.Reads, request(v, http.MethodGet))
		return nil
	})
	f.Func("header", "field of all requests, such as 'Accept: text/html'; may be repeated", appendTo(&s.headers))
	f.Func("write-header", "field of writes; may be repeated", appendTo(&s.Write.Fields))
	f.Func("as", "who reads: a name, '=', and the value of Authorization, such as 'alice=Bearer abc'; may be repeated", func(v string) error {
		name, authorization, found := strings.Cut(v, "=")
		if !found {
			return errors.New("not NAME=VALUE")
		}
		s.Users = append(s.Users, checker.User{Name: name, Authorization: authorization})
		return nil
	})
	expression(f, "version", "`expression` that finds the versions of {key} in an answer", &s.Version)
	expression(f, "other", "`expression` that finds the versions of {other} in an answer to a read that names it", &s.Other)
	expression(f, "key", "`expression` that finds the key that an answer is about", &s.Key)
	expression(f, "owner", "`expression` that finds the name, as in -as, of whom an answer is for", &s.Owner)
	f.Func("name", "name of a key, which {key} stands for in place of a number; may be repeated, and sets -keys", appendTo(&s.Names))
	f.IntVar(&s.Keys, "keys", 16, "how many keys, from 0")
	f.IntVar(&s.Concurrency, "concurrency", 16, "how many connections")
	f.Float64Var(&s.Writes, "writes", 0.05, "share of the requests that write")
	f.Float64Var(&s.Leave, "leave", 0, "share of the requests whose client hangs up before the answer is there")
	f.DurationVar(&s.Timeout, "timeout", 5*time.Second, "of a request; without any answer for twice as long the check ends")
	f.DurationVar(&s.Duration, "duration", 0, "end after so long; default 30s if neither -reads nor -hits is given")
	f.Int64Var(&s.MaxReads, "reads", 0, "end after so many answered reads")
	f.Int64Var(&s.MaxHits, "hits", 0, "end after so many reads answered from a cache, as Cache-Status says")
	f.BoolVar(&s.First, "first", false, "end at the first wrong answer")
	f.IntVar(&s.Histories, "histories", 200, "how many samples to check for linearizability, spread over -duration; negative: none")
	f.Uint64Var(&s.Seed, "seed", 0, "fixes what is asked in which order; 0 picks one")
	f.StringVar(&s.out, "out", "", "directory for pictures of the first wrong answer's history")
	f.BoolVar(&s.quiet, "quiet", false, "no progress")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is no flag", f.Arg(0))
	}
	w := request(s.write, "")
	s.Write.Method, s.Write.URL = w.Method, w.URL
	s.Write.Fields = append(s.Write.Fields, s.headers...)
	for i := range s.Reads {
		s.Reads[i].Fields = s.headers
	}
	if s.Seed == 0 {
		s.Seed = rand.Uint64()
	}
	return s, nil
}

// request takes a method and a URL apart.
func request(s, method string) checker.Request {
	if m, u, found := strings.Cut(s, " "); found {
		return checker.Request{Method: m, URL: strings.TrimSpace(u)}
	}
	return checker.Request{Method: method, URL: s}
}

func appendTo(list *[]string) func(string) error {
	return func(v string) error {
		*list = append(*list, v)
		return nil
	}
}

func expression(f *flag.FlagSet, name, usage string, e *checker.Extractor) {
	f.Func(name, usage, func(v string) (err error) {
		*e, err = checker.ParseExtractor(v)
		return err
	})
}

// check is the command.
func check(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "unstale check: %v\n", err)
		return exitUsage
	}
	if !s.quiet {
		s.Progress = stderr
	}
	report, err := checker.Run(ctx, s.Config)
	var wrong *checker.UsageError
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintf(stderr, "unstale check: %v (-help explains)\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(stderr, "unstale check: %v\n", err)
		return exitError
	}
	if err := report.Print(stdout); err != nil {
		fmt.Fprintf(stderr, "unstale check: %v\n", err)
		return exitError
	}
	if v := report.Earliest(); v != nil && s.out != "" {
		paths, err := v.Draw(s.out)
		if err != nil {
			fmt.Fprintf(stderr, "unstale check: %v\n", err)
		} else {
			fmt.Fprintf(stdout, "\nPictures of it: %s\n", strings.Join(paths, ", "))
		}
	}
	if report.Wrong() > 0 {
		return exitWrong
	}
	return exitOK
}
