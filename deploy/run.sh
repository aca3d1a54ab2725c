#!/bin/sh
# SPDX-License-Identifier: ISC
# `make run`: llmd on localhost:4000 with the repository's config.yaml.  If
# nothing answers on :11434, llmsim stands in for Ollama.  Ctrl-C stops both.
# usage: run.sh BUILD-DIRECTORY
set -eu

build=$1
config=${CONFIG:-config.yaml}
port=${PORT:-4000}
ollama=${OLLAMA_PORT:-11434}
unset PORT

# Does something answer there?  (python3 is there: make check needs it.)
answers() {
	python3 -c '
import socket, sys
for host in ("127.0.0.1", "::1"):
    try:
        socket.create_connection((host, int(sys.argv[1])), 0.5).close()
        sys.exit(0)
    except OSError:
        pass
sys.exit(1)' "$1"
}

sim=
stop() {
	trap '' INT TERM
	[ -z "$sim" ] || kill "$sim" 2>/dev/null || :
}
if ! answers "$ollama"; then
	"$build/llmsim" --port "$ollama" --models task-api-model \
	    --demo --quiet &
	sim=$!
	echo "no Ollama answers on :$ollama: llmsim (pid $sim) stands in" \
	    "for it and knows task-api-model" >&2
fi
trap stop EXIT

# A terminal's Ctrl-C reaches llmd too: wait until it has finished.
trap : INT
trap 'kill $llmd 2>/dev/null' TERM
"$build/llmd" --config "$config" --port "$port" &
llmd=$!
status=0
while kill -0 "$llmd" 2>/dev/null; do
	wait "$llmd" && status=0 || status=$?
done
exit "$status"
