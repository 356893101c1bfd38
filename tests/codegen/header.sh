#!/usr/bin/env bash
# header.sh <source> <most lines> <most kB> <compiler>...
# What a compiler has to do for <source>, beyond what it does for <atomic>, <mutex> and <chrono>, counted without a clock:
# the lines that reach it after preprocessing, and, where the compiler tells (g++), the memory that its tree takes.
# The time itself is a figure of bench/compile_time.
set -eu
source=$1 lines=$2 most_kb=$3
shift 3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf '#include <atomic>\n#include <chrono>\n#include <mutex>\n' >"$folder/base.cpp"

count_lines() { "$@" -E -P | grep -c . ; }
# g++ ends -ftime-report with "TOTAL : <usr> <sys> <wall> <memory>", as 12M or 1234k.
count_kb() {
    "$@" -fsyntax-only -ftime-report 2>&1 | awk '/^ *TOTAL/ { m = $NF; k = m ~ /M$/ ? 1024 : m ~ /G$/ ? 1048576 : 1; print int((m + 0) * k) }'
}
here=$(($(count_lines "$@" "$source") - $(count_lines "$@" "$folder/base.cpp")))
echo "$here lines beyond the base; allowed: $lines"
[ "$here" -gt 0 ] || { echo "nothing was counted."; exit 1; }
[ "$here" -le "$lines" ] || { echo "too many lines."; exit 1; }
"$1" --version | grep -qiE 'clang' && exit 0
kb=$(($(count_kb "$@" "$source") - $(count_kb "$@" "$folder/base.cpp")))
echo "$kb kB beyond the base; allowed: $most_kb"
[ "$kb" -gt 0 ] || { echo "nothing was counted."; exit 1; }
[ "$kb" -le "$most_kb" ] || { echo "too much memory."; exit 1; }
