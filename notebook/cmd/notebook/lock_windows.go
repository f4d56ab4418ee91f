package main

import (
	"io/fs"
	"os"
	"syscall"
	"unsafe"
)

// lockFile takes the file for this process, until it is closed or the process
// ends in whatever way.
func lockFile(f *os.File) error {
	const exclusiveAtOnce = 0x3 // LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY
	// A byte far beyond the end is locked, so that others can read the content.
	at := syscall.Overlapped{OffsetHigh: 1}
	lockFileEx := syscall.NewLazyDLL("kernel32.dll").NewProc("LockFileEx")
	if ok, _, err := lockFileEx.Call(f.Fd(), exclusiveAtOnce, 0, 1, 0, uintptr(unsafe.Pointer(&at))); ok == 0 {
		return err
	}
	return nil
}

// openToOthers is false: Windows keeps who may read a file elsewhere.
func openToOthers(fs.FileInfo) bool { return false }
