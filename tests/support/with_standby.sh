#!/usr/bin/env bash
# Runs a command beside a primary and a streaming standby of it. See --help.
#
# with_postgres.sh runs around it and owns the primary; the standby has a folder of its own inside the primary's, the
# same control program, and a watch of its own, so that it goes away however this script ends.
# shellcheck disable=SC2154  # read out of the control program: bin, launch
set -u
# shellcheck source=tests/support/server.sh
. "$(dirname "$(readlink -f "$0")")/server.sh" || exit 1

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

control_program() { tail -n +3 "$DEWPOND_PG_CTL"; }
keep_log='' patience=60  # less than that of whoever runs this script
begin_watch

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

run_beside "$@"
