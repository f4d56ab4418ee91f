#!/bin/sh
# fuzz.sh TIME MODULE... runs every fuzz test of the modules, TIME long each.
# The go command fuzzes one test of one package at a time, hence the loops.
set -eu

time=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
fail=0
for module in "$@"; do
	cd "$root/$module"
	for dir in $(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname 2>/dev/null | sort -u); do
		# A module nested in this one has its turn of its own.
		[ "$(cd "$dir" && go list -m)" = "$(go list -m)" ] || continue
		for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go); do
			echo "==> $module: $dir $name"
			go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$dir" || fail=1
		done
	done
done
exit $fail
