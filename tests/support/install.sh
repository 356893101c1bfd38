#!/usr/bin/env bash
# Installs what tests/packages.txt lists and this machine lacks. Where nothing is missing, apt is not called at all.
# PostgreSQL comes without a cluster, and no service is started: the tests make servers of their own.
# install.sh [--group NAME]: with it also the lines that begin with "+NAME:", as far as the distribution has them.
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
list=$(dirname "$(readlink -f "$0")")/../packages.txt
group=''
[ "${1:-}" != --group ] || group=${2:?}

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
offered() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

# Sets missing (to be installed), unknown (lines of which the distribution offers nothing) and left_out (of the group likewise).
look() {
    local line name
    missing=() unknown=() left_out=()
    while read -r line _; do
        if [[ $line == +* ]]; then
            name=${line#*:}
            if [ "${line%%:*}" != "+$group" ] || installed "$name"; then continue; fi
            if offered "$name"; then missing+=("$name"); else left_out+=("$name"); fi
            continue
        fi
        [[ $line =~ ^[a-z0-9] ]] || continue
        for name in ${line//|/ }; do
            installed "$name" && continue 2
            offered "$name" && missing+=("$name") && continue 2
        done
        unknown+=("$line")
    done <"$list"
}

command -v dpkg-query >/dev/null ||
    fail "this is no Debian or Ubuntu; install what tests/packages.txt lists, then run with --no-install."
look
[ ${#missing[@]} -gt 0 ] || [ ${#unknown[@]} -gt 0 ] || [ ${#left_out[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
        fail "missing: ${missing[*]-} ${unknown[*]-}; neither root nor sudo is here to install them."
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)
    "${as_root[@]}" true 2>/dev/null || fail "missing: ${missing[*]-} ${unknown[*]-}; sudo does not let this user install them."
    as_root+=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C)
fi
root() { ${as_root[@]+"${as_root[@]}"} "$@"; }
apt() { root apt-get -q -y -o DPkg::Lock::Timeout=600 "$@"; }

if [ ${#unknown[@]} -gt 0 ] || [ ${#left_out[@]} -gt 0 ]; then
    apt update || fail "apt-get update failed; missing: ${missing[*]-} ${unknown[*]}."
    look
    [ ${#unknown[@]} -eq 0 ] || fail "this distribution offers no ${unknown[*]}."
    [ ${#left_out[@]} -eq 0 ] || printf 'install.sh: left out, as this distribution has no %s\n' "${left_out[*]}"
    [ ${#missing[@]} -gt 0 ] || exit 0
fi

# Only while this script installs: whoever sets up a cluster later finds the defaults, and services start as they do elsewhere.
remove=()
trap '[ ${#remove[@]} -eq 0 ] || root rm -f "${remove[@]}"' EXIT
no_cluster=/etc/postgresql-common/createcluster.d/dewpond-tests.conf
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    remove+=("$no_cluster")
    printf 'create_main_cluster = false\n' | root install -D -m 644 /dev/stdin "$no_cluster" ||
        fail "cannot write $no_cluster."
fi
# What packages ask before they start a service; 101 is "forbidden". A machine that has one keeps it.
no_service=/usr/sbin/policy-rc.d
if [ ! -e "$no_service" ]; then
    remove+=("$no_service")
    printf '#!/bin/sh\nexit 101\n' | root install -m 755 /dev/stdin "$no_service" || fail "cannot write $no_service."
fi

printf 'installing: %s\n' "${missing[*]}"
apt install --no-install-recommends "${missing[@]}" || {
    # The lists may be older than what the mirror still has.
    apt update && apt install --no-install-recommends "${missing[@]}"
} || fail "apt-get could not install ${missing[*]}."
# Nor at the next start of the machine: of prometheus only promtool is wanted.
if [[ " ${missing[*]} " == *" prometheus "* ]] && command -v systemctl >/dev/null; then
    root systemctl disable --quiet prometheus.service 2>/dev/null || true
fi
