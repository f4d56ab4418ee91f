package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/unstale/unstale/notebook"
	"github.com/unstale/unstale/notebook/mail"
	"github.com/unstale/unstale/notebook/moderation"
	"github.com/unstale/unstale/notebook/server"
	"github.com/unstale/unstale/notebook/store"
)

// settings is how the command is called. Each flag is also an environment
// variable; a flag wins.
type settings struct {
	Addr        string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; port 0 takes a free one. (default ${default}, env NOTEBOOK_ADDR)"`
	Database    string `placeholder:"postgres://USER@HOST:PORT/NAME" help:"PostgreSQL database that holds the data. A password belongs into the environment. (default an SQLite database in the data directory, env NOTEBOOK_DATABASE)"`
	Data        string `placeholder:"DIR" help:"Directory that holds everything the notebook keeps. (default ./notebook-data, env NOTEBOOK_DATA)"`
	Redis       string `placeholder:"redis://HOST:PORT" help:"Redis or Valkey by which several notebooks on one --database share answers; rediss:// for TLS. They share what they have the same key for in their data directories. A password belongs into the environment. (default none, env NOTEBOOK_REDIS)"`
	Cache       string `default:"on" enum:"on,off" placeholder:"on|off" help:"Whether answers are cached. (default ${default}, env NOTEBOOK_CACHE)"`
	Demo        bool   `help:"Fill an empty notebook with users, persona cards, knowledge bases and what people do with them, and print how to log in. Without --data everything is kept in a temporary directory that is removed at the end. (env NOTEBOOK_DEMO)"`
	DemoTraffic bool   `help:"Let some visitors of its own use the demo: they read, star and comment, so that the page at /console/ has something to show. (env NOTEBOOK_DEMO_TRAFFIC)"`
	SuperAdmin  string `placeholder:"NAME" help:"Create this super admin if nobody has the name; the password comes from the environment variable NOTEBOOK_SUPER_ADMIN_PASSWORD. (env NOTEBOOK_SUPER_ADMIN)"`
	Mail        string `placeholder:"smtp://USER@HOST:PORT" help:"Mail server for the codes to register and to reset a password with: smtp:// (STARTTLS) or smtps://, with ?from=ADDRESS unless USER is one; the password comes from the environment variable NOTEBOOK_MAIL_PASSWORD. With log they go to the log, which is for development, and what --demo does. (default none: neither is possible, env NOTEBOOK_MAIL)"`
	Proxies     string `placeholder:"NETWORK,..." help:"Addresses or networks of proxies in front, whose X-Forwarded-For says who a client is; without it all clients of a proxy share one limit on registrations and mailed codes. (env NOTEBOOK_PROXIES)"`

	Origins string `placeholder:"ORIGIN,..." help:"Origins other than the notebook's own whose pages may use the API and its WebSocket, such as https://www.example.com or http://localhost:5173. (default none, env NOTEBOOK_ORIGINS)"`

	HTTPS     bool   `name:"https" help:"Say that browsers reach the notebook by TLS alone, which a proxy in front ends: they send its session in no other way, and come in no other way. (env NOTEBOOK_HTTPS)"`
	AdminAddr string `placeholder:"HOST:PORT" help:"Address to listen on for what administers and measures the notebook (/api/admin, /api/metrics, /console/), which --addr then does not serve. (default none: --addr serves them, env NOTEBOOK_ADMIN_ADDR)"`

	Dictionary      string `placeholder:"FILE" help:"JSON file with the translations, which may be edited at any time. (default dictionary.json in the data directory, and a built-in one while that is not there, env NOTEBOOK_DICTIONARY)"`
	ModerationURL   string `name:"moderation-url" placeholder:"URL" help:"OpenAI-compatible API, such as https://api.example.com/v1, whose model judges texts; the key comes from the environment variable NOTEBOOK_MODERATION_KEY. Without it a list of words does. (env NOTEBOOK_MODERATION_URL)"`
	ModerationModel string `placeholder:"NAME" help:"Name of that model. (env NOTEBOOK_MODERATION_MODEL)"`
	ModerationWords string `placeholder:"FILE" help:"List of words by which texts are judged, instead of the one that is built in; read at the start. (env NOTEBOOK_MODERATION_WORDS)"`

	password  string // of the super admin
	database  string // for people; "" for SQLite
	moderator moderation.Moderator

	mailServer *mail.SMTP // nil for none
	mailsTo    string     // for people; "" where no mail goes
	proxies    []netip.Prefix
	origins    []string
}

const (
	envPrefix   = "NOTEBOOK_"
	envPassword = envPrefix + "SUPER_ADMIN_PASSWORD"
	envKey      = envPrefix + "MODERATION_KEY"
	defaultData = "notebook-data"

	envMailPassword = envPrefix + "MAIL_PASSWORD"
)

// A usageError says that the command was called wrongly.
type usageError struct{ error }

// Unwrap returns what is wrong with the call.
func (e usageError) Unwrap() error { return e.error }

// parse reads the settings. It returns nil settings and no error when it was
// asked for help, which it then printed to out.
func parse(args, env []string, out io.Writer) (*settings, error) {
	var s settings
	helped := false
	variables := environment(env)
	parser, err := kong.New(&s,
		kong.Name("notebook"),
		kong.Description("Serves the notebook, where people share persona cards and knowledge bases, over HTTP: every GET cached and never stale."),
		kong.Writers(out, out),
		kong.Exit(func(int) { helped = true }),
		kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
			if v, ok := variables[envName(flag.Name)]; ok {
				return v, nil
			}
			return nil, nil
		})),
	)
	if err != nil {
		return nil, err
	}
	known := []string{envPassword, envKey, envMailPassword}
	for _, flag := range parser.Model.Flags {
		if flag.Name != "help" {
			known = append(known, envName(flag.Name))
		}
	}
	if _, err := parser.Parse(args); helped {
		return nil, nil
	} else if err != nil {
		return nil, usageError{err}
	}
	for name := range variables {
		if !slices.Contains(known, name) {
			return nil, usageError{fmt.Errorf("unknown environment variable %s; there are %s", name, strings.Join(known, ", "))}
		}
	}
	if s.Database != "" {
		if s.database, err = store.Address(s.Database); err != nil {
			return nil, usageError{fmt.Errorf("--database will not do: %w", err)}
		}
		if s.Demo && s.Data == "" {
			return nil, usageError{errors.New("--demo in a --database needs --data: the uploaded files have to stay as long as what refers to them")}
		}
	}
	if s.Redis != "" && s.Database == "" {
		return nil, usageError{errors.New("--redis needs a --database: an SQLite database has one notebook")}
	}
	if s.DemoTraffic && !s.Demo {
		return nil, usageError{errors.New("--demo-traffic needs --demo: its visitors log in with the public password")}
	}
	if len(s.Data) == 0 && !s.Demo {
		s.Data = defaultData
	}
	if s.Mail == "" && s.Demo {
		s.Mail = mailToLog
	}
	if s.mailServer, s.mailsTo, err = parseMail(s.Mail, variables[envMailPassword]); err != nil {
		return nil, usageError{err}
	}
	if s.proxies, err = parseProxies(s.Proxies); err != nil {
		return nil, usageError{err}
	}
	if s.origins, err = server.ParseOrigins(s.Origins); err != nil {
		return nil, usageError{fmt.Errorf("--origins: %w", err)}
	}
	s.password = variables[envPassword]
	if s.SuperAdmin != "" && s.password == "" {
		return nil, usageError{fmt.Errorf("the super admin %q needs a password in the environment variable %s", s.SuperAdmin, envPassword)}
	}
	if s.SuperAdmin != "" {
		if err := notebook.CheckGivenPassword(s.password); err != nil {
			return nil, usageError{fmt.Errorf("the password in the environment variable %s will not do: %w", envPassword, err)}
		}
	}
	if err := s.readInputs(variables[envKey]); err != nil {
		return nil, err
	}
	return &s, nil
}

func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment returns the notebook's own variables. An empty one counts as
// unset, as container tools pass what they have no value for.
func environment(env []string) map[string]string {
	variables := make(map[string]string)
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, envPrefix) && value != "" {
			variables[name] = value
		}
	}
	return variables
}
