# Sourced by with_postgres.sh and with_standby.sh, which start a server in a folder of their own ($dir): its control program,
# the watch that takes it away, signals, and the command beside it.
# shellcheck shell=bash disable=SC2154,SC2317  # dir, bin and launch are whose it is; traps call what looks unreachable

# write_control_program <port>: $dir/ctl; whoever sources this says by `control_program` what stands below its second line.
write_control_program() {
    {
        printf '#!/usr/bin/env bash\n'
        printf 'dir=%q bin=%q port=%q keep_log=%q launch=(' "$dir" "$bin" "$1" "${keep_log:-}"
        [ ${#launch[@]} -eq 0 ] || printf '%q ' "${launch[@]}"
        printf ')\n'
        control_program
    } >"$dir/ctl"
    chmod 755 "$dir/ctl"
}

# From here on everything goes away with this script. The watch is nobody's child, as whoever kills a script with its
# children would kill it too; it notices that this script is gone because the pipe it reads ends.
begin_watch() {
    write_control_program 0
    mkfifo "$dir/here"
    (setsid "$dir/ctl" watch </dev/null >/dev/null 2>&1 &)
    exec 9>"$dir/here"
    trap leave EXIT
    trap 'stop_by_signal 1' HUP
    trap 'stop_by_signal 2' INT
    trap 'stop_by_signal 15' TERM
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

# The command is asked to end, and made to after 5 s, or $patience times 50 ms.
command_pid=
stop_by_signal() {
    local i
    trap '' HUP INT TERM
    if [ -n "$command_pid" ]; then
        kill -TERM "$command_pid" 2>/dev/null
        for ((i = 0; i < ${patience:-100}; ++i)); do
            kill -0 "$command_pid" 2>/dev/null || break
            sleep 0.05
        done
        kill -KILL "$command_pid" 2>/dev/null
        wait "$command_pid" 2>/dev/null
    fi
    exit $((128 + $1))
}

# Runs the command and ends with its status. In the background, as a shell runs no trap while it waits for a command in
# the foreground.
run_beside() {
    local status
    (
        trap - HUP INT QUIT TERM EXIT
        exec "$@"
    ) <&0 9>&- &
    command_pid=$!
    wait "$command_pid"
    status=$?
    command_pid=
    exit "$status"
}
