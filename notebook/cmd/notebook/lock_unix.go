//go:build !windows

package main

import (
	"io/fs"
	"os"
	"syscall"
)

// lockFile takes the file for this process, until it is closed or the process
// ends in whatever way.
func lockFile(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// openToOthers reports whether anybody but the owner may read the file.
func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }
