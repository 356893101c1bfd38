#!/usr/bin/env bash
# Runs the programs one after the other and names those that fail.
# usage: run_each.sh PROGRAM...
set -u
failed=0
for program in "$@"; do
    "$program" || { printf 'run_each.sh: %s ended with %s\n' "$program" $? >&2; failed=1; }
done
exit $failed
