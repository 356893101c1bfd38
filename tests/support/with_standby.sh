#!/usr/bin/env bash
# Runs a command beside a primary and a streaming standby of it. See --help.
#
# with_postgres.sh runs around it and owns the primary; the standby has a folder of its own inside the primary's, the
# same control program, and a watch of its own, so that it goes away however this script ends.
# shellcheck disable=SC2154,SC2317  # read out of the control program: bin, launch; traps call what looks unreachable
set -u

usage() {
    cat <<'TXT'
usage: with_postgres.sh -- with_standby.sh COMMAND [ARGUMENT...]

Makes the server of with_postgres.sh a primary, starts a standby of it, runs COMMAND, stops the standby and removes
every trace of it. The exit status is COMMAND's.

COMMAND finds in its environment, beside what with_postgres.sh gives:
  DEWPOND_PG_STANDBY_PORT      the standby's port; folder of the socket, host, role and database are the primary's
  DEWPOND_PG_STANDBY_CONNINFO  a connection string: superuser dewpond, database dewpond, Unix socket
  DEWPOND_PG_STANDBY_CTL       the standby's program: promote, and what DEWPOND_PG_CTL knows
TXT
}

fail() {
    tail -n 20 "$dir/ctl.log" "$dir/log" >&2 2>/dev/null
    printf 'with_standby.sh: %s\n' "$*" >&2
    exit 1
}

case "${1:-}" in
    --help | -h) usage; exit 0 ;;
    '') usage >&2; exit 2 ;;
esac
[ -x "${DEWPOND_PG_CTL:-}" ] || { usage >&2; exit 2; }

# The second line of the control program says where the server's programs are and as whom they run.
eval "$(sed -n 2p "$DEWPOND_PG_CTL")"
primary=$DEWPOND_PG_SOCKET_DIR dir=$DEWPOND_PG_SOCKET_DIR/standby
mkdir "$dir" || exit 1
[ ${#launch[@]} -eq 0 ] || chown --reference="$primary" "$dir"

write_control_program() {
    {
        printf '#!/usr/bin/env bash\n'
        printf 'dir=%q bin=%q port=%q keep_log= launch=(' "$dir" "$bin" "$1"
        [ ${#launch[@]} -eq 0 ] || printf '%q ' "${launch[@]}"
        printf ')\n'
        tail -n +3 "$DEWPOND_PG_CTL"
    } >"$dir/ctl"
    chmod 755 "$dir/ctl"
}

leave() {
    local i
    trap '' HUP INT TERM
    exec 9>&-
    for ((i = 0; i < 1000; ++i)); do
        [ -d "$dir" ] || break
        sleep 0.02
    done
}

write_control_program 0
mkfifo "$dir/here"
(setsid "$dir/ctl" watch </dev/null >/dev/null 2>&1 &)
exec 9>"$dir/here"
trap leave EXIT
command_pid=
stop_by_signal() {
    trap '' HUP INT TERM
    if [ -n "$command_pid" ]; then
        kill -TERM "$command_pid" 2>/dev/null
        wait "$command_pid" 2>/dev/null
    fi
    exit $((128 + $1))
}
trap 'stop_by_signal 1' HUP
trap 'stop_by_signal 2' INT
trap 'stop_by_signal 15' TERM

cat >>"$primary/data/postgresql.conf" <<'CONF'
wal_level = replica
max_wal_senders = 4
wal_sender_timeout = 0
CONF
printf 'local replication all trust\n' >>"$primary/data/pg_hba.conf"
"$DEWPOND_PG_CTL" restart 9>&- || fail "the server did not restart as a primary."
(
    cd "$dir" || exit 1
    exec ${launch[@]+"${launch[@]}"} "$bin/pg_basebackup" -h "$primary" -p "$DEWPOND_PG_PORT" -U dewpond \
        -D "$dir/data" --checkpoint=fast --wal-method=stream --write-recovery-conf --no-sync
) >>"$dir/ctl.log" 2>&1 9>&- || fail "pg_basebackup failed."

port=
for ((attempt = 0; attempt < 30; ++attempt)); do
    port=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    write_control_program "$port"
    "$dir/ctl" start 9>&- && break
    grep -q 'could not bind' "$dir/log" 2>/dev/null || fail "the standby did not start."
    port=
done
[ -n "$port" ] || fail "no free port for the standby."

export DEWPOND_PG_STANDBY_PORT=$port DEWPOND_PG_STANDBY_CTL=$dir/ctl
export DEWPOND_PG_STANDBY_CONNINFO="host=$primary port=$port user=dewpond dbname=dewpond"

# In the background, as a shell runs no trap while it waits for a command in the foreground.
(
    trap - HUP INT QUIT TERM EXIT
    exec "$@"
) <&0 9>&- &
command_pid=$!
wait "$command_pid"
status=$?
command_pid=
exit "$status"
