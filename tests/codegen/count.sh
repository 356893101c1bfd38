#!/usr/bin/env bash
# count.sh <valgrind> <objdump> <program> <what> <most instructions> <locked instructions> [<clocks>]
# Counts what one checkout and its return execute: <program> <what> runs n and 2n pairs under callgrind, and the
# difference by n is exact, as the instructions of the loop are taken away likewise ("nothing").
# Fails if they are more than the budget, if the locked ones (an exchange with memory is one) or the readings of a clock are
# not as many as given. Without readings allowed, not one instruction may be executed outside the program: in the C
# library (a lock, an allocation, a clock) or the kernel.
set -eu
valgrind=$1 objdump=$2 program=$3 what=$4 most=$5 locked=$6 clocks=${7:-0}
n=1000
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# run <what> <times>: "<instructions> <locked> <outside> <clocks>"
run() {
    local log=$folder/$1.$2
    "$valgrind" --tool=callgrind --dump-instr=yes --compress-strings=no --compress-pos=no \
        --callgrind-out-file="$log" "$program" "$1" "$2" >"$log.says" 2>&1 || { cat "$log.says" >&2; return 1; }
    awk -v program="$program" '
        FNR == NR {
            at = "0x" substr($1, 1, length($1) - 1)
            if (/\tlock / || /\txchg +[^\t]*\(/) is_locked[at] = 1
            if (/\trdtscp?/) is_clock[at] = 1
            next
        }
        /^ob=/ { mine = substr($0, 4) == program; next }
        /^cfn=/ { callee = $0; next }
        /^calls=/ {                                                  # the next line is the cost of the callee once more
            if (mine && callee ~ /clock::now|clock_gettime|gettimeofday/) clocks += substr($1, 7)
            getline
            next
        }
        /^0x/ { all += $3; if (!mine) outside += $3; else { if ($1 in is_locked) held += $3; if ($1 in is_clock) clocks += $3 } }
        END { print all + 0, held + 0, outside + 0, clocks + 0 }' "$folder/listing" "$log"
}
# per_pair <what>: the same, of one pair. To the nearest: a thread that rests may count a handful more in one of the runs.
per_pair() {
    local once twice
    once=$(run "$1" $n) && twice=$(run "$1" $((2 * n))) || return 1
    set -- $once $twice
    echo $(((${5} - ${1} + n / 2) / n)) $(((${6} - ${2} + n / 2) / n)) $(((${7} - ${3} + n / 2) / n)) $(((${8} - ${4} + n / 2) / n))
}

program=$(readlink -f "$program")
"$objdump" -d --no-show-raw-insn "$program" | sed 's/^ *//' >"$folder/listing"
loop=$(per_pair nothing)
pair=$(per_pair "$what")
set -- $loop $pair
instructions=$((${5} - ${1}))
echo "$what: $instructions instructions, $6 locked, $8 readings of a clock, $7 outside the program; allowed: at most $most, $locked, $clocks"
[ "$instructions" -gt 0 ] || { echo "nothing was counted."; exit 1; }
[ "$instructions" -le "$most" ] || { echo "too many instructions."; exit 1; }
[ "$6" = "$locked" ] || { echo "not the locked instructions that were allowed."; exit 1; }
[ "$8" = "$clocks" ] || { echo "not the readings of a clock that were allowed."; exit 1; }
[ "$7" = 0 ] || [ "$clocks" != 0 ] || { echo "something outside the program is called."; exit 1; }
