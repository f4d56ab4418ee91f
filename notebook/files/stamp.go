package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// A Stamp tells whether a file that people edit is still what it was: the same
// file, of the same size, last changed at the same time, or still not there. The
// zero Stamp is equal to none. An edit that keeps all three cannot be seen.
type Stamp struct {
	info   fs.FileInfo // nil: there is no file
	looked bool
}

// Look returns the stamp of the file at path as it is now.
func Look(path string) (Stamp, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Stamp{looked: true}, nil
	}
	if err != nil {
		return Stamp{}, err
	}
	return Stamp{info, true}, nil
}

// Equal reports whether both stamps are of the same state of a file.
func (s Stamp) Equal(o Stamp) bool {
	if !s.looked || !o.looked || s.info == nil || o.info == nil {
		return s.looked && o.looked && s.info == nil && o.info == nil
	}
	return os.SameFile(s.info, o.info) && s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime())
}

// settles is how coarse the times of changes are at worst: two seconds on FAT.
const settles = 2 * time.Second

// Settled reports whether the file had been as it was for so long that a later
// edit must have another time of change.
func (s Stamp) Settled(now time.Time) bool {
	return s.looked && (s.info == nil || now.Sub(s.info.ModTime()) > settles)
}

// ReadStamped returns what the file at path contains, nil if there is none, and
// the stamp of just that content. A file of more than limit bytes, or one that
// is changed while it is read, is an error.
func ReadStamped(path string, limit int64) ([]byte, Stamp, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Stamp{looked: true}, nil
	}
	if err != nil {
		return nil, Stamp{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	before, err := f.Stat()
	if err != nil {
		return nil, Stamp{}, err
	}
	if !before.Mode().IsRegular() {
		return nil, Stamp{}, fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, Stamp{}, err
	}
	if int64(len(data)) > limit {
		return nil, Stamp{}, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	after, err := f.Stat()
	if err != nil {
		return nil, Stamp{}, err
	}
	stamp := Stamp{after, true}
	if !stamp.Equal(Stamp{before, true}) {
		return nil, Stamp{}, fmt.Errorf("%s is being written", path)
	}
	return data, stamp, nil
}
