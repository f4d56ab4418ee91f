#!/bin/sh
# need.sh NAME... makes sure that what the Makefile needs is here.
#
# Where something is missing it names the one command that installs it and
# fails. In CI (CI=true), as root on Debian, it runs that command instead.
#
# NAME is one of: go, cc (what the race detector needs), chromium (the browser
# of the notebook's tests), node (with npm, for the test suite for HTTP caches),
# postgres (whose server tests start, in directories of their own), pgbouncer,
# faketime (for servers whose clocks are set), make.
set -eu

# The Go that is installed where there is none; go.mod says which is enough.
go_version=1.26.8
root=$(cd "$(dirname "$0")/.." && pwd)

can_install() {
	[ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && [ -f /etc/debian_version ]
}

# missing WHAT COMMAND says what is missing and how it is installed, or
# installs it.
missing() {
	if ! can_install; then
		printf '%s\nInstall it with:\n\n    %s\n\n' "$1" "$2" >&2
		exit 1
	fi
	printf '%s Installing it: %s\n' "$1" "$2" >&2
	export DEBIAN_FRONTEND=noninteractive
	sh -ec "$2"
}

sudo() { [ "$(id -u)" = 0 ] || printf 'sudo '; }

packages() {
	if [ -f /etc/debian_version ]; then
		echo "$(sudo)sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends $*'"
	elif [ "$(uname -s)" = Darwin ]; then
		echo "xcode-select --install"
	else
		echo "your system's package manager (the packages are called about: $*)"
	fi
}

need_go() {
	if command -v go >/dev/null 2>&1; then
		# Reading go.mod, the go command compares its own version with the one
		# asked for there, and says so where it is too old.
		(cd "$root" && GOWORK=off go list -m >/dev/null) && return
		why="The go command on the PATH ($(command -v go)) is too old or does not work."
	else
		why="Go is not on the PATH."
	fi
	case $(uname -m) in
	x86_64) arch=amd64 ;;
	aarch64 | arm64) arch=arm64 ;;
	*) arch=$(uname -m) ;;
	esac
	os=$(uname -s | tr '[:upper:]' '[:lower:]')
	url=https://go.dev/dl/go$go_version.$os-$arch.tar.gz
	fetch="$(sudo)sh -c 'rm -rf /usr/local/go && curl -fsSL $url | tar -C /usr/local -xz && ln -sf /usr/local/go/bin/go /usr/local/go/bin/gofmt /usr/local/bin/'"
	if can_install && ! command -v curl >/dev/null 2>&1; then
		missing "curl is not on the PATH." "$(packages curl ca-certificates)"
	fi
	missing "$why" "$fetch"
}

# A compiler that is there may still lack the C library's headers, so a small
# program is compiled to find out.
need_cc() {
	cc=$(GOWORK=off go env CC 2>/dev/null || true)
	cc=${cc:-cc}
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	printf '#include <stdlib.h>\n#include <pthread.h>\nint main(void) { return 0; }\n' >"$tmp/main.c"
	# CC may carry flags, so it is split into words.
	# shellcheck disable=SC2086
	$cc -o "$tmp/main" "$tmp/main.c" 2>/dev/null && return
	missing "The race detector needs a C compiler and the C library's headers ($cc does not work)." "$(packages gcc libc6-dev)"
}

# The names are those that the tests look for.
need_chromium() {
	for browser in chromium chromium-browser google-chrome google-chrome-stable; do
		command -v "$browser" >/dev/null 2>&1 && return
	done
	missing "The tests of the notebook's pages need Chromium, which is not on the PATH." "$(packages chromium fonts-noto-cjk)"
}

need_node() {
	command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 && return
	missing "The test suite for HTTP caches needs Node.js and npm, which are not both on the PATH." "$(packages nodejs npm)"
}

# Debian's package would start a cluster, which nobody needs.
need_postgres() {
	command -v initdb >/dev/null 2>&1 && return
	for path in /usr/lib/postgresql/*/bin/initdb; do
		[ -x "$path" ] && return
	done
	why="The tests of package postgres need PostgreSQL's server (initdb, postgres), which is not here."
	if [ -f /etc/debian_version ]; then
		missing "$why" "$(sudo)sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends postgresql-common && sed -i \"s/^#*create_main_cluster.*/create_main_cluster = false/\" /etc/postgresql-common/createcluster.conf && apt-get install -qy --no-install-recommends postgresql'"
	else
		missing "$why" "$(packages postgresql)"
	fi
}

# The package would start one, where there is an init, before no server.
need_pgbouncer() {
	command -v pgbouncer >/dev/null 2>&1 || [ -x /usr/sbin/pgbouncer ] && return
	missing "The tests of package postgres need PgBouncer, which is not here." "$(packages pgbouncer)"
}

need_faketime() {
	for path in /usr/lib/*/faketime/libfaketime.so.1; do
		[ -e "$path" ] && return
	done
	missing "The tests of package postgres need libfaketime, which is not here." "$(packages libfaketime)"
}

# The package would start one, where there is an init.
need_redis() {
	command -v redis-server >/dev/null 2>&1 || command -v valkey-server >/dev/null 2>&1 && return
	missing "The tests of redisstore need redis-server, which is not here." "$(packages redis-server)"
}

need_make() {
	command -v make >/dev/null 2>&1 && return
	missing "make is not on the PATH." "$(packages make)"
}

for name in "$@"; do
	case $name in
	go) need_go ;;
	cc) need_cc ;;
	chromium) need_chromium ;;
	node) need_node ;;
	postgres) need_postgres ;;
	pgbouncer) need_pgbouncer ;;
	faketime) need_faketime ;;
	redis) need_redis ;;
	make) need_make ;;
	*)
		echo "need.sh: unknown name $name" >&2
		exit 2
		;;
	esac
done
