#!/usr/bin/env bash
# Runs a command beside a PgBouncer in front of the private server. See --help.
#
# Its files lie in the data folder of the server, and so its command line names that folder: the watch of
# with_postgres.sh ends it, too, however this script ends.
# shellcheck disable=SC2317  # traps call what looks unreachable
set -u

usage() {
    cat <<'TXT'
usage: with_postgres.sh -- with_pgbouncer.sh -- COMMAND [ARGUMENT...]

COMMAND finds in its environment, beside what with_postgres.sh gives it:
  DEWPOND_BOUNCER_SESSION      a connection string: through PgBouncer in session mode, 4 connections to the server
  DEWPOND_BOUNCER_TRANSACTION  the same in transaction mode
  DEWPOND_BOUNCER_ADMIN        PgBouncer's console
TXT
}

fail() {
    printf 'with_pgbouncer.sh: %s\n' "$*" >&2
    exit 1
}

case "${1:-}" in
    --help | -h) usage; exit 0 ;;
    --) shift ;;
    *) usage >&2; exit 2 ;;
esac
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ -n "${DEWPOND_PG_SOCKET_DIR:-}" ] || fail "no private server: run me with with_postgres.sh."
bouncer=$(PATH=$PATH:/usr/sbin command -v pgbouncer) || fail "pgbouncer is not installed."

# It refuses to run as root: the server's user will do.
launch=()
if [ "$(id -u)" = 0 ]; then
    owner=$(stat -c %u "$DEWPOND_PG_SOCKET_DIR")
    launch=(setpriv "--reuid=$owner" "--regid=$(stat -c %g "$DEWPOND_PG_SOCKET_DIR")" --clear-groups --)
fi
dir=$DEWPOND_PG_SOCKET_DIR/data/pgbouncer
mkdir "$dir" || fail "there is a PgBouncer already."
printf '"%s" ""\n' dewpond pilot >"$dir/users"

pid=
leave() {
    trap '' HUP INT TERM
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    [ -z "$pid" ] || wait "$pid" 2>/dev/null
    rm -rf "$dir"
}
trap leave EXIT

for ((attempt = 0; attempt < 30; ++attempt)); do
    port=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    target="host=$DEWPOND_PG_SOCKET_DIR port=$DEWPOND_PG_PORT dbname=dewpond"
    cat >"$dir/pgbouncer.ini" <<INI
[databases]
session = $target pool_mode=session
transaction = $target pool_mode=transaction
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = trust
auth_file = $dir/users
admin_users = dewpond
default_pool_size = 4
server_login_retry = 1
max_client_conn = 200
INI
    chmod -R a+rX "$dir"
    ${launch[@]+"${launch[@]}"} "$bouncer" -q "$dir/pgbouncer.ini" </dev/null >"$dir/log" 2>&1 &
    pid=$!
    for ((i = 0; i < 250; ++i)); do
        kill -0 "$pid" 2>/dev/null || break
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
        sleep 0.02
    done
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    pid=
done
[ -n "$pid" ] || { cat "$dir/log" >&2; fail "PgBouncer did not start."; }

via="hostaddr=127.0.0.1 port=$port user=dewpond"
export DEWPOND_BOUNCER_SESSION="$via dbname=session" DEWPOND_BOUNCER_TRANSACTION="$via dbname=transaction"
export DEWPOND_BOUNCER_ADMIN="$via dbname=pgbouncer"

command_pid=
stop_by_signal() {
    trap '' HUP INT TERM
    [ -z "$command_pid" ] || kill -TERM "$command_pid" 2>/dev/null
    [ -z "$command_pid" ] || wait "$command_pid" 2>/dev/null
    exit $((128 + $1))
}
trap 'stop_by_signal 1' HUP
trap 'stop_by_signal 2' INT
trap 'stop_by_signal 15' TERM
"$@" <&0 &
command_pid=$!
wait "$command_pid"
status=$?
command_pid=
exit "$status"
