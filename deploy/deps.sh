#!/bin/sh
# SPDX-License-Identifier: ISC
# Installs the Debian or Ubuntu packages that building (and testing) needs.
# usage: deps.sh build [test]     Nothing is done if all of them are there.
set -eu

build="gcc libc6-dev make pkg-config libevent-dev libjson-c-dev libyaml-dev
libncurses-dev libreadline-dev libssl-dev"
test="libcmocka-dev python3-venv tmux mandoc curl procps netcat-openbsd"
bench="nginx-light wrk"
fuzz="clang libclang-rt-dev"

if [ "$(uname -s)" != Linux ]; then
	echo "llmd: only Linux is supported (kernel 5.4, glibc 2.31 or newer)" >&2
	exit 1
fi

want=
for set in "$@"; do
	case $set in
	build) want="$want $build" ;;
	test) want="$want $test" ;;
	bench) want="$want $bench" ;;
	fuzz) want="$want $fuzz" ;;
	*) echo "usage: deps.sh build [test] [bench] [fuzz]" >&2; exit 64 ;;
	esac
done

# What is not installed (a name that is only provided counts as there).
missing=
for p in $want; do
	dpkg-query -W -f '${Status}\n' "$p" 2>/dev/null |
	    grep -q 'ok installed' || missing="$missing $p"
done

if [ -n "$missing" ]; then
	line="apt-get install -y --no-install-recommends$missing"
	if [ "$(id -u)" = 0 ]; then
		sudo=
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		sudo=sudo
	else
		echo "llmd: packages are missing. Run:" >&2
		echo "    sudo $line" >&2
		exit 1
	fi
	command -v apt-get >/dev/null 2>&1 || {
		echo "llmd: no apt-get here. Install what these are called on" \
		    "your system:$missing" >&2
		exit 1
	}
	echo "installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	# The lists may be old or absent; the library must be the patched one.
	$sudo apt-get -q update >/dev/null
	# shellcheck disable=SC2086
	$sudo apt-get install -y -q --no-install-recommends $missing \
	    >/dev/null
fi

# evhttp before this update has eight known holes.  llmd's gate does not pass
# them on, but the library should still be the patched one.
v=$(dpkg-query -W -f '${Version}' libevent-dev 2>/dev/null || true)
if [ -n "$v" ] && [ -r /etc/debian_version ] &&
    dpkg --compare-versions "$v" lt 2.1.12-stable-8+deb12u1; then
	echo "warning: libevent $v lacks the security fixes of" \
	    "2.1.12-stable-8+deb12u1 / 2.1.13; run apt-get upgrade" >&2
fi
