#!/bin/sh
# Runs a program in a network namespace of its own, where the hosts of AWS in the file `hosts` are this machine. So every
# program there calls AWS by its real names at port 443, without any setting.
#
#   isolate.sh PROGRAM [ARGUMENT…]
#
# Needs root, or user namespaces, and the programs unshare, mount (util-linux) and ip (iproute2).
set -eu
hosts=$(cd "$(dirname "$0")" && pwd)/hosts

# Only root can enter control groups, and not from a new user namespace.
if [ "$(id -u)" = 0 ]; then as_root=; else as_root=--map-root-user; fi

unshare $as_root --mount --net true || {
    echo 'bench: this machine permits no namespaces. Run this as root, outside of a container' >&2
    exit 1
}
# shellcheck disable=SC2016 # The inner shell expands them.
exec unshare $as_root --mount --net -- sh -euc '
    ip link set lo up
    mount --bind "$1" /etc/hosts
    shift
    exec "$@"
' sh "$hosts" "$@"
