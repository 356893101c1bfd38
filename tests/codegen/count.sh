#!/usr/bin/env bash
# count.sh <valgrind> <objdump> <program> <what> <most instructions> <locked instructions>
# Counts what one checkout and its return execute: <program> <what> runs n and 2n pairs under callgrind, and the
# difference by n is exact, as the instructions of the loop are taken away likewise ("nothing").
# Fails if they are more than the budget, if the locked ones are not as many as given, or if any instruction is executed
# outside the program: in the C library (a lock, an allocation, a clock) or the kernel.
set -eu
valgrind=$1 objdump=$2 program=$3 what=$4 most=$5 locked=$6
n=1000
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# run <what> <times>: "<instructions> <locked> <outside>"
run() {
    local log=$folder/$1.$2
    "$valgrind" --tool=callgrind --dump-instr=yes --compress-strings=no --compress-pos=no \
        --callgrind-out-file="$log" "$program" "$1" "$2" >"$log.says" 2>&1 || { cat "$log.says" >&2; return 1; }
    awk -v program="$program" '
        FNR == NR { if (/\tlock /) { sub(/:$/, "", $1); is_locked["0x" $1] = 1 }; next }
        /^ob=/ { mine = substr($0, 4) == program; next }
        /^calls=/ { getline; next }                                       # the cost of the callee stands there again
        /^0x/ { all += $3; if (!mine) outside += $3; else if ($1 in is_locked) held += $3 }
        END { print all + 0, held + 0, outside + 0 }' "$folder/listing" "$log"
}
# per_pair <what>: the same, of one pair
per_pair() {
    local once twice
    once=$(run "$1" $n) && twice=$(run "$1" $((2 * n))) || return 1
    set -- $once $twice
    echo $(((${4} - ${1}) / n)) $(((${5} - ${2}) / n)) $(((${6} - ${3}) / n))
}

program=$(readlink -f "$program")
"$objdump" -d --no-show-raw-insn "$program" | sed 's/^ *//' >"$folder/listing"
loop=$(per_pair nothing)
pair=$(per_pair "$what")
set -- $loop $pair
instructions=$((${4} - ${1}))
echo "$what: $instructions instructions, $5 locked, $6 outside the program; allowed: at most $most, $locked, 0"
[ "$instructions" -gt 0 ] || { echo "nothing was counted."; exit 1; }
[ "$instructions" -le "$most" ] || { echo "too many instructions."; exit 1; }
[ "$5" = "$locked" ] || { echo "not the locked instructions that were allowed."; exit 1; }
[ "$6" = 0 ] || { echo "something outside the program is called."; exit 1; }
