#!/usr/bin/env bash
# borrow_calls.sh <strace> <program> <times>   (beside a server: with_postgres.sh -- ...)
# What a borrow of a connection at rest costs in system calls: <program> <what> <times> runs under strace, and what its
# thread asks of the kernel between the two marks (getppid) is looked at line by line. Fails unless that is one poll(2)
# that asks for input and hang-up and does not wait, once for each of the <times>, and nothing else; on every way to the
# server. Pools that look less, or ask more, are the controls: they must be refused.
set -eu
strace=$1 program=$2 times=$3
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# No test without it: a machine that forbids ptrace must say so, not pass.
says=$("$strace" -o "$log" true 2>&1) || {
    printf '%s\n' "$says"
    echo "strace cannot trace here (ptrace is forbidden: a container without SYS_PTRACE, or yama): nothing was counted."
    exit 1
}

# one_poll <way> <conninfo> <what>: the first thread alone, as what the keeper does follows the clock, not the borrows.
one_poll() {
    DEWPOND_PG_CONNINFO=$2 "$strace" -o "$log" "$program" "$3" "$times" || { echo "the program failed."; exit 1; }
    awk -v times="$times" -v what="$1, $3" '
        /^getppid\(/ { ++marks; next }
        marks != 1 { next }
        /^(---|\+\+\+) / { next }                                               # a signal is no call
        /^poll\(\[\{fd=[0-9]+, events=POLLIN\|POLLRDHUP\}\], 1, 0\) += 0 / { ++polls; next }
        { ++others; if (others <= 3) print "  " $0 }
        END {
            printf "%s: %d borrows, %d polls, %d other calls\n", what, times, polls, others
            if (marks != 2) { print "the marks are missing."; exit 2 }
            exit polls == times && others == 0 ? 0 : 1
        }' "$log"
}

failed=0
for what in default limit; do
    one_poll unix "$DEWPOND_PG_CONNINFO" "$what" || failed=1
    one_poll tcp "$DEWPOND_PG_CONNINFO_TCP" "$what" || failed=1
    one_poll tls "$DEWPOND_PG_CONNINFO_TLS" "$what" || failed=1
done
[ $failed = 0 ] || echo "not one poll for each borrow, or something else is asked of the kernel."
for control in status ping; do
    status=0
    one_poll unix "$DEWPOND_PG_CONNINFO" "$control" || status=$?
    [ $status = 1 ] || { echo "the control '$control' was not refused: this script does not see."; failed=1; }
done
exit $failed
