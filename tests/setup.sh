#!/bin/sh
# SPDX-License-Identifier: ISC
# Makes what the tests run on: a Python venv in $BUILD/venv (with Node in it)
# and the npm packages of tests/node.  Quick when nothing has changed.
# usage: BUILD=build tests/setup.sh
set -eu

cd "$(dirname "$0")/.."
build=${BUILD:-build}
venv=$build/venv
mkdir -p "$build/stamp"

# Whether what stamp $1 was made from (the other arguments) is unchanged.
same() {
	stamp=$1
	shift
	now=$(cat "$@" | sha256sum)
	[ "$now" = "$(cat "$stamp" 2>/dev/null)" ]
}

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
	echo "setup: the tests need Python 3.10 or newer," \
	    "this is $("$python" --version)" >&2
	exit 1
}

if ! same "$build/stamp/venv" tests/requirements.txt tests/setup.sh ||
    ! "$venv/bin/python" -c '' 2>/dev/null; then
	echo "setup: Python packages into $venv"
	rm -f "$build/stamp/venv" "$build/stamp/node"
	"$python" -m venv --clear "$venv" || {
		echo "setup: cannot make a venv: apt-get install python3-venv" >&2
		exit 1
	}
	"$venv/bin/python" -m pip install -q --disable-pip-version-check \
	    --no-input -r tests/requirements.txt
	cat tests/requirements.txt tests/setup.sh | sha256sum \
	    > "$build/stamp/venv"
fi

if ! same "$build/stamp/node" tests/node/package-lock.json tests/setup.sh ||
    [ ! -d tests/node/node_modules ]; then
	echo "setup: Node packages into tests/node/node_modules"
	bin=$(cd "$venv/bin" && pwd)
	(cd tests/node && PATH=$bin:$PATH npm ci --loglevel=error --ignore-scripts)
	cat tests/node/package-lock.json tests/setup.sh | sha256sum \
	    > "$build/stamp/node"
fi
