package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A dataDir is a directory that this process alone uses.
type dataDir struct {
	path      string
	lock      *os.File
	temporary bool
}

// openDataDir opens the directory, creates it if there is none, and locks it.
// An empty path makes a temporary one, which Close removes.
func openDataDir(path string) (*dataDir, error) {
	d := &dataDir{path: path, temporary: path == ""}
	var err error
	if d.temporary {
		d.path, err = os.MkdirTemp("", "notebook-")
	} else if d.path, err = filepath.Abs(path); err == nil {
		err = os.MkdirAll(d.path, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make the data directory %s: %w", d.path, err)
	}
	if d.lock, err = os.OpenFile(d.file("lock"), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("cannot write to the data directory: %w", err)
	}
	if err := lockFile(d.lock); err != nil {
		owner, _ := os.ReadFile(d.file("lock"))
		_ = d.lock.Close()
		return nil, fmt.Errorf("the data directory %s is in use by another notebook%s", d.path, processName(owner))
	}
	// The number is for people only, the lock is what counts: a disk too full
	// to hold it is found by whoever has something to lose.
	if d.lock.Truncate(0) == nil {
		_, _ = fmt.Fprintln(d.lock, os.Getpid())
	}
	return d, nil
}

func processName(pid []byte) string {
	if id := strings.TrimSpace(string(pid)); id != "" {
		return " (process " + id + ")"
	}
	return ""
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// Close releases the directory and removes it if it is temporary. The lock file
// stays: to remove it would let two processes lock two files of one name.
func (d *dataDir) Close() error {
	err := d.lock.Close()
	if d.temporary {
		err = errors.Join(err, os.RemoveAll(d.path))
	}
	return err
}

// database returns the path of the database, and makes an empty one, which the
// owner alone may read, in a directory that has nothing to do with a notebook
// yet. What SQLite puts beside the database gets its mode. Where there is
// something to lose but no database it refuses, having changed nothing: a fresh
// database would take every uploaded file for an orphan.
func (d *dataDir) database() (path string, err error) {
	path = d.file("notebook.db")
	state := "empty"
	switch info, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		state = "missing"
	case err != nil:
		return "", fmt.Errorf("cannot read the database: %w", err)
	case info.Size() > 0:
		return path, nil
	}
	switch owner, err := d.belongings(); {
	case err != nil:
		return "", fmt.Errorf("cannot read the data directory: %w", err)
	case owner != "":
		return "", fmt.Errorf("the database %s is %s, though the directory holds %s of a notebook; restore the database from a backup, or choose another directory with --data", path, state, owner)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("cannot create the database: %w", err)
	}
	return path, f.Close()
}

// belongTo makes the directory the one of the notebook that has this id in its database,
// if it is nobody's yet. It fails for the directory of another one: that database would
// take every uploaded file for an orphan.
func (d *dataDir) belongTo(id string) error {
	path := d.file("database")
	switch text, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("cannot read whose directory it is: %w", err)
	case strings.TrimSpace(string(text)) == id:
		return nil
	default:
		return fmt.Errorf("the data directory %s belongs to a notebook in another database; choose another directory with --data", d.path)
	}
	if owner, err := d.belongings(); err != nil {
		return fmt.Errorf("cannot read the data directory: %w", err)
	} else if owner != "" {
		return fmt.Errorf("the data directory %s holds %s of a notebook in another database; choose another directory with --data", d.path, owner)
	}
	return d.keep("database", id)
}

// belongings says what the directory holds that is of no use without the
// database, "" for nothing.
func (d *dataDir) belongings() (what string, err error) {
	err = filepath.WalkDir(d.file("files"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			what = "the uploaded files"
			return fs.SkipAll
		}
		return err
	})
	if what != "" || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return what, err
	}
	// The secret is stored once there is a database, so it tells of one.
	if _, err := os.Stat(d.file("secret")); err == nil {
		return "the secret", nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return "", nil
}

// secretBytes is the length of the key that signs tokens, as long as the hash.
const secretBytes = 32

// secret returns the key that signs tokens. If there is none yet it is a new
// one, which keepSecret stores; who replaces it logs everybody out.
func (d *dataDir) secret() (secret []byte, fresh bool, err error) {
	path := d.file("secret")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret = make([]byte, secretBytes)
		_, _ = rand.Read(secret) // never fails, as its documentation says
		return secret, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("cannot read the secret that signs tokens: %w", err)
	}
	if info, err := os.Stat(path); err == nil && openToOthers(info) {
		return nil, false, fmt.Errorf("the secret in %s can be read by other users of this machine; make it yours alone (chmod 600), or remove it to get a new one, which logs everybody out", path)
	}
	secret, err = hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < secretBytes {
		return nil, false, fmt.Errorf("the secret in %s is damaged; remove it to get a new one, which logs everybody out", path)
	}
	return secret, false, nil
}

// keepSecret stores the key that signs tokens.
func (d *dataDir) keepSecret(secret []byte) error {
	if err := d.keep("secret", hex.EncodeToString(secret)); err != nil {
		return fmt.Errorf("cannot store the secret that signs tokens: %w", err)
	}
	return nil
}

// keep makes a file of one line, whole before it has its name: a crash leaves no half of
// it behind.
func (d *dataDir) keep(name, line string) error {
	path := d.file(name)
	draft, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(draft, line)
		err = errors.Join(err, draft.Sync(), draft.Close())
	}
	if err == nil {
		err = os.Rename(draft.Name(), path)
	}
	return err
}
