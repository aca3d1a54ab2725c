#!/bin/sh
# SPDX-License-Identifier: ISC
# Fuzzes each target for a time, starting from a copy of its corpus.
# usage: run.sh DIR SECONDS       DIR holds the fuzz_* programs.
# One line per target; exit status 1 if one found something.  What it found is
# kept in DIR/found, to be replayed with DIR/fuzz_x FILE.
set -eu

if [ $# != 2 ] || [ ! -d "$1" ]; then
	echo "usage: run.sh DIR SECONDS (DIR as 'make fuzz' builds it)" >&2
	exit 64
fi
case $2 in
''|*[!0-9]*|0)
	echo "run.sh: not a number of seconds: '$2' (make fuzz SECONDS=60)" >&2
	exit 64 ;;
esac
dir=$1
seconds=$2
here=$(dirname "$0")
found=$dir/found
work=$(mktemp -d)
pid=
trap 'rm -rf "$work"' EXIT
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; exit 130' HUP INT PIPE TERM

export ASAN_OPTIONS=detect_stack_use_after_return=1
export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
mkdir -p "$found"
n=0
bad=0
for bin in "$dir"/fuzz_*; do
	[ -f "$bin" ] && [ -x "$bin" ] || continue
	name=${bin##*/fuzz_}
	n=$((n + 1))
	mkdir -p "$work/$name"
	[ ! -d "$here/corpus/$name" ] ||
	    cp "$here/corpus/$name"/* "$work/$name/"
	"$bin" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
	    -print_final_stats=1 -artifact_prefix="$found/$name-" \
	    "$work/$name" >"$work/log" 2>&1 &
	pid=$!
	status=0
	wait "$pid" || status=$?
	pid=
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
	cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/log" | tail -n 1)
	if [ "$status" = 0 ] && [ -n "$runs" ]; then
		printf '%-10s ok, %s runs in %s s, %s edges\n' "$name" \
		    "$runs" "$seconds" "${cov:-?}"
		continue
	fi
	bad=1
	input=$(sed -n 's/.*Test unit written to //p' "$work/log" | tail -n 1)
	printf '%-10s FAILED (status %s), input: %s\n' "$name" "$status" \
	    "${input:-none was written}"
	grep -v -E '^(#[0-9]+[[:space:]]|INFO:|[[:space:]]*NEW_FUNC)' \
	    "$work/log" | head -n 60
done
if [ "$n" = 0 ]; then
	echo "run.sh: no fuzz_* in $dir (make fuzz builds them)" >&2
	exit 1
fi
exit "$bad"
