package checker

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says what to check and how long. Write, Reads and Version are needed.
//
// In the URL, fields and body of a request {key} stands for the name of a key, which is
// its number, from 0, unless Names says otherwise, {version} for the version that is
// written, and {user} for the name of who asks.
// A read with {other} in it shows a second key, too, the neighbour of the first:
// 1 beside 0 and 0 beside 1, 3 beside 2. In a regular expression for versions {key} and
// {other} stand for these names, so that a version is found beside its key in a list of
// many.
type Config struct {
	Write   Request   // writes a version; 2xx acknowledges it, 4xx says that nothing was written
	Reads   []Request // each read is one of them; 200 is an answer
	Version Extractor // every version of {key} in the answer to a read
	Other   Extractor // every version of {other} there; needed if a read names it
	Key     Extractor // the key that an answer says it is about; may be empty
	Owner   Extractor // the user that an answer says it is for; may be empty

	Users       []User        // a read is made as one of them; none: as nobody
	Names       []string      // of the keys, such as ids that the service has given; none: their numbers
	Keys        int           // default 16, or as many as there are Names
	Concurrency int           // connections, each with one request at a time; default 16
	Writes      float64       // share of the requests that write, below 1; default 0.05
	Leave       float64       // share of the requests whose client hangs up before the answer is there
	Timeout     time.Duration // of a request; default 5 s. After two of them without any answer the check ends
	Seed        uint64        // fixes what is asked in which order, not how the machine interleaves it
	Histories   int           // sampled histories to check at most, spread over Duration; default 200, negative: none

	// The check ends when one of these is reached; with none, after 30 s.
	Duration time.Duration
	MaxReads int64 // answered reads
	MaxHits  int64 // reads answered from a cache, as their Cache-Status says (RFC 9211)
	First    bool  // also end at the first wrong answer

	// Prepared, if not nil, is called when each key has been written and could be
	// read.
	Prepared func()

	// Enough, if not nil, is asked ten times a second whether to end, given the
	// number of reads that were answered, and answered from a cache.
	Enough func(reads, hits int64) bool

	Progress io.Writer // a line every second; may be nil
}

// A Request is a template. Fields are "Name: value".
type Request struct {
	Method string
	URL    string
	Body   string
	Fields []string
}

// A User is somebody who reads. Authorization is the value of that field. It
// appears in no report, only Name does.
type User struct{ Name, Authorization string }

// complete checks the configuration and fills in defaults.
func (c *Config) complete() error {
	if c.Version.empty() {
		return errors.New("how to find the version in an answer is not said")
	}
	if len(c.Reads) == 0 {
		return errors.New("there is no read request")
	}
	if err := c.Write.check(); err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	if !strings.Contains(c.Write.URL+c.Write.Body, "{version}") {
		return errors.New("write request: neither URL nor body says {version}")
	}
	for _, r := range c.Reads {
		if err := r.check(); err != nil {
			return fmt.Errorf("read request: %w", err)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			return fmt.Errorf("read request: method %s, not GET or POST", r.Method)
		}
	}
	if err := c.checkOther(); err != nil {
		return err
	}
	for _, u := range c.Users {
		if u.Name == "" || strings.ContainsAny(u.Name+u.Authorization, "\r\n") {
			return fmt.Errorf("user %q: a name and one line are needed", u.Name)
		}
	}
	if !c.Owner.empty() && len(c.Users) == 0 {
		return errors.New("who an answer is for can be checked only if users are given")
	}
	for name, v := range map[string]float64{
		"keys": float64(c.Keys), "concurrency": float64(c.Concurrency), "timeout": float64(c.Timeout),
		"duration": float64(c.Duration), "reads": float64(c.MaxReads), "hits": float64(c.MaxHits),
	} {
		if v < 0 {
			return fmt.Errorf("%s: negative", name)
		}
	}
	for name, v := range map[string]float64{"writes": c.Writes, "leave": c.Leave} {
		if math.IsNaN(v) || v < 0 || v >= 1 {
			return fmt.Errorf("%s: %v is no share below 1", name, v)
		}
	}
	c.Keys, c.Concurrency = or(len(c.Names), or(c.Keys, 16)), or(c.Concurrency, 16)
	c.Writes, c.Timeout, c.Histories = or(c.Writes, 0.05), or(c.Timeout, 5*time.Second), or(c.Histories, 200)
	if c.Keys > 1<<20 || c.Concurrency > 1<<14 {
		return errors.New("at most 1048576 keys and 16384 connections")
	}
	if c.Duration == 0 && c.MaxReads == 0 && c.MaxHits == 0 && c.Enough == nil {
		c.Duration = 30 * time.Second
	}
	return nil
}

// checkOther checks what is said of reads that show two keys.
func (c *Config) checkOther() error {
	two := 0
	for _, r := range c.Reads {
		switch {
		case !r.showsOther():
			continue
		case !strings.Contains(r.URL+r.Body, "{key}"):
			return errors.New("read request: names {other}, but not {key}")
		}
		two++
	}
	switch {
	case c.Write.showsOther():
		return errors.New("write request: names {other}, but writes one key")
	case two == 0 && c.Other.empty():
		return nil
	case two == 0:
		return errors.New("how to find the version of {other} is said, but no read request names it")
	case c.Other.empty():
		return errors.New("read request: names {other}, but how to find its version in an answer is not said")
	case two == len(c.Reads):
		return errors.New("each read request names {other}; one that shows {key} alone is needed, too")
	case c.Keys == 1:
		return errors.New("read request: names {other}, but there is one key")
	}
	return nil
}

// showsOther reports whether an answer shows two keys.
func (r Request) showsOther() bool {
	return strings.Contains(r.URL, "{other}") || strings.Contains(r.Body, "{other}")
}

func or[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

// check says what is wrong with a template.
func (r Request) check() error {
	if r.Method == "" || strings.Trim(r.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("method %q", r.Method)
	}
	u, err := url.Parse(filling{}.expand(r.URL))
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is no URL with http:// or https://", r.URL)
	}
	for _, f := range r.Fields {
		name, _, found := strings.Cut(f, ":")
		if !found || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(f, "\r\n") {
			return fmt.Errorf("field %q is not \"Name: value\"", name)
		}
	}
	return nil
}
