package main

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	playRole() // the test binary is its own server
	goleak.VerifyTestMain(m)
}
