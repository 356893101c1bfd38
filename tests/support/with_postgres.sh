#!/usr/bin/env bash
# Runs a command beside a private PostgreSQL server. See --help.
#
# The rules:
# - The server, its data, its socket and its log live in one folder of their own; nothing else on the machine is touched.
# - The server never runs as root. Started by root, it runs as "postgres" (or "nobody") in a folder of that user.
# - One process, the watch, cleans up: it notices that this script is gone because the pipe it reads ends. So the server
#   and the folder go away however the script ends, kill -9 included. It is nobody's child, as whoever kills a script
#   with its children would kill it too.
set -u
# shellcheck source=tests/support/server.sh
. "$(dirname "$(readlink -f "$0")")/server.sh" || exit 1

usage() {
    cat <<'TXT'
usage: with_postgres.sh [--keep-log FILE] -- COMMAND [ARGUMENT...]

Starts a private PostgreSQL server, runs COMMAND, stops the server and removes every trace of it.
The exit status is COMMAND's. --keep-log copies the server's log to FILE at the end.

COMMAND finds in its environment:
  DEWPOND_PG_CONNINFO        a connection string: superuser dewpond, database dewpond, Unix socket
  DEWPOND_PG_CONNINFO_TCP    the same over 127.0.0.1, not encrypted
  DEWPOND_PG_CONNINFO_TLS    the same over 127.0.0.1 with TLS (a certificate of the server's own making: not verified)
  DEWPOND_PG_SOCKET_DIR      the folder of the Unix socket
  DEWPOND_PG_PORT            the port (of both)
  DEWPOND_PG_SCRAM_PASSWORD  the password of the role dewpond_scram; every other role needs none
  DEWPOND_PG_CTL             a program: stop-fast, stop-immediate, start, restart; pause and resume (the server is
                             there but mute); pid (of the server's first process)
  PGHOST PGPORT PGUSER PGDATABASE   so that an empty connection string reaches the same server
TXT
}

fail() {
    printf 'with_postgres.sh: %s\n' "$*" >&2
    exit 1
}

# The program behind DEWPOND_PG_CTL; this script uses it as well. Above it stand: dir, bin, port, launch, keep_log.
control_program() {
    cat <<'CTL'
export LC_ALL=C
cd "$dir" || exit 1

server_pid() { [ -f data/postmaster.pid ] && head -n 1 data/postmaster.pid; }

# A zombie is gone: nobody may be there to reap it.
alive() {
    local state
    [ -n "${1:-}" ] && state=$(sed 's/^.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) && [ "$state" != Z ] && [ "$state" != X ]
}

# The server's first process, and its children.
family() { printf '%s\n' "$1"; grep -lsE "^PPid:[[:space:]]+$1\$" /proc/[0-9]*/status | cut -d/ -f3; }

signal_family() {
    local pid
    pid=$(server_pid) && alive "$pid" || return 1
    # The first process first: once it stands still there are no new children.
    # shellcheck disable=SC2046
    kill "-$1" "$pid" && kill "-$1" $(family "$pid") 2>/dev/null
    return 0
}

# What the caller has open must not live on in the server: a pipe that never ends hangs whoever reads it.
close_inherited() {
    local fd
    for fd in /proc/self/fd/*; do
        fd=${fd##*/}
        if [ "$fd" -gt 2 ] && [ "$fd" -lt 255 ]; then eval "exec $fd>&-" 2>/dev/null; fi
    done
    exec </dev/null >>"$dir/ctl.log" 2>&1
}

pg_ctl() { ( close_inherited; exec ${launch[@]+"${launch[@]}"} "$bin/pg_ctl" -D "$dir/data" -s -t 60 -w "$@" ); }
# A server that was killed leaves its pid file, and its children a moment to go.
start() {
    local i
    for ((i = 0; i < 10; ++i)); do
        ! alive "$(server_pid)" || return 1
        rm -f data/postmaster.pid
        pg_ctl -l "$dir/log" -o "-p $port" start && return 0
        sleep 0.2
    done
    return 1
}
stop() { signal_family CONT || return 0; pg_ctl -m "$1" stop; }

destroy() {
    local pid members segment i
    trap '' HUP INT TERM
    pid=$(server_pid)
    segment=$(sed -n '7s/^[[:space:]]*[0-9]*[[:space:]]*//p' data/postmaster.pid 2>/dev/null)
    if alive "$pid"; then
        members=$(family "$pid")
        # shellcheck disable=SC2086
        kill -CONT $members 2>/dev/null
        kill -QUIT "$pid" 2>/dev/null
        for ((i = 0; i < 250; ++i)); do
            alive "$pid" || break
            sleep 0.02
        done
        for pid in $members; do
            for ((i = 0; i < 100; ++i)); do
                alive "$pid" || continue 2
                sleep 0.02
            done
            kill -KILL "$pid" 2>/dev/null
        done
    fi
    # Only a server that was killed leaves its marker segment behind.
    [ -z "$segment" ] || ipcrm -m "$segment" 2>/dev/null
    [ -z "$keep_log" ] || cp log "$keep_log" 2>/dev/null
    # A script that was killed while it set the server up left somebody who is still at it.
    cd / && for ((i = 0; i < 100; ++i)); do
        for pid in $(grep -lsF -- "$dir/data" /proc/[0-9]*/cmdline | cut -d/ -f3); do
            kill -KILL "$pid" 2>/dev/null
        done
        rm -rf "$dir" 2>/dev/null
        [ -e "$dir" ] || break
        sleep 0.05
    done
}

main() {
    case "${1:-}" in
        start) start ;;
        stop-fast) stop fast ;;
        stop-immediate) stop immediate ;;
        restart) stop fast; start ;;
        promote) pg_ctl promote ;;
        pause) signal_family STOP ;;
        resume) signal_family CONT ;;
        pid) server_pid ;;
        watch) read -r _ <"$dir/here"; destroy ;;
        *) printf 'usage: %s start|stop-fast|stop-immediate|restart|promote|pause|resume|pid\n' "$0" >&2; return 2 ;;
    esac
}
main "$@"; exit
CTL
}

keep_log=
while [ $# -gt 0 ]; do
    case "$1" in
        --help | -h) usage; exit 0 ;;
        --keep-log)
            [ $# -ge 2 ] || fail "--keep-log needs a file name."
            case "$2" in /*) keep_log=$2 ;; *) keep_log=$PWD/$2 ;; esac
            shift 2 ;;
        --) shift; break ;;
        *) usage >&2; exit 2 ;;
    esac
done
[ $# -gt 0 ] || { usage >&2; exit 2; }

# The newest server that is installed.
bin=
for candidate in /usr/lib/postgresql/*/bin; do
    [ -x "$candidate/postgres" ] && bin+="$candidate"$'\n'
done
bin=$(printf %s "$bin" | sort -V | tail -n 1)
[ -n "$bin" ] || { bin=$(command -v postgres) && bin=$(dirname "$(readlink -f "$bin")"); } ||
    fail "PostgreSQL is not installed: no /usr/lib/postgresql/*/bin/postgres, and no postgres in PATH."

launch=()
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    id "$user" >/dev/null 2>&1 || fail "the server cannot run as root, and there is neither a user postgres nor nobody."
    if command -v setpriv >/dev/null; then
        launch=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups --)
    else
        launch=(runuser -u "$user" --)
    fi
fi
as_server() { ${launch[@]+"${launch[@]}"} "$@"; }

# The folder: TMPDIR where it serves. A socket's path has at most 107 bytes, a connection string does not like odd
# characters, and the server's user must get there.
dir=
for base in "${TMPDIR:-/tmp}" /tmp; do
    base=${base%/}
    if [ "${#base}" -gt 70 ] || [[ ! $base =~ ^/[A-Za-z0-9_./-]*$ ]]; then continue; fi
    dir=$(mktemp -d "$base/dewpond.XXXXXX") || continue
    [ ${#launch[@]} -eq 0 ] || chown "$user:$(id -g "$user")" "$dir"
    as_server test -w "$dir" && break
    rmdir "$dir"
    dir=
done
[ -n "$dir" ] || fail "no folder for the server: neither TMPDIR nor /tmp can be used by it."

command -v openssl >/dev/null || fail "openssl is not installed: it makes the server's certificate."

begin_watch

give_up() {
    tail -n 20 "$dir/ctl.log" "$dir/log" >&2 2>/dev/null
    fail "$*"
}

(
    cd "$dir" || exit 1
    as_server "$bin/initdb" -D "$dir/data" -U dewpond -A trust -E UTF8 --locale=C --no-sync --no-instructions
) >"$dir/ctl.log" 2>&1 9>&- || give_up "initdb failed."

# Self-signed, made anew for each server: good for encryption, worth nothing as a proof of who is there. The server wants
# the key readable by its own user alone.
(
    cd "$dir" || exit 1
    umask 077
    as_server openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 \
        -keyout data/server.key -out data/server.crt
) >>"$dir/ctl.log" 2>&1 9>&- || give_up "openssl could not make a certificate."

cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir'
ssl = on
max_connections = 100
max_prepared_transactions = 10
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
jit = off
password_encryption = scram-sha-256
logging_collector = off
log_line_prefix = '%m [%p] %u@%d '
CONF
cat >"$dir/data/pg_hba.conf" <<'CONF'
local all dewpond_scram              scram-sha-256
host  all dewpond_scram 127.0.0.1/32 scram-sha-256
local all all                        trust
host  all all           127.0.0.1/32 trust
CONF

export DEWPOND_PG_SCRAM_PASSWORD=open-sesame
(
    cd "$dir" || exit 1
    as_server "$bin/postgres" --single -D "$dir/data" -c password_encryption=scram-sha-256 postgres <<SQL
create role dewpond_scram login password '$DEWPOND_PG_SCRAM_PASSWORD'
create database dewpond owner dewpond
SQL
) >>"$dir/ctl.log" 2>&1 9>&- || give_up "the server's role and database could not be made."

# A port below those the system gives to outgoing connections. Somebody may take it before the server does: try another.
port=
for ((attempt = 0; attempt < 30; ++attempt)); do
    port=$((12000 + (RANDOM * 32768 + RANDOM) % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && continue
    write_control_program "$port"
    "$dir/ctl" start && break
    grep -q 'could not bind' "$dir/log" 2>/dev/null || give_up "the server did not start."
    port=
done
[ -n "$port" ] || give_up "no free port for the server."

# shellcheck disable=SC2086
unset ${!PG@}
export DEWPOND_PG_SOCKET_DIR=$dir DEWPOND_PG_PORT=$port DEWPOND_PG_CTL=$dir/ctl
export DEWPOND_PG_CONNINFO="host=$dir port=$port user=dewpond dbname=dewpond"
tcp="hostaddr=127.0.0.1 port=$port user=dewpond dbname=dewpond"
export DEWPOND_PG_CONNINFO_TCP="$tcp sslmode=disable" DEWPOND_PG_CONNINFO_TLS="$tcp sslmode=require"
export PGHOST=$dir PGPORT=$port PGUSER=dewpond PGDATABASE=dewpond

run_beside "$@"
