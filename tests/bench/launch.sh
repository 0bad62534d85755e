#!/bin/sh
# Runs a program as on AWS: with host names of AWS that resolve to this machine, and in control groups.
#
#   launch.sh HOSTS GROUPS PROGRAM [ARGUMENT…]
#
# HOSTS   A file in the format of hosts(5). The program sees it as /etc/hosts, in a mount namespace of its own.
# GROUPS  Folders of control groups, separated by colons. May be empty.
#
# The last act before the program is the entry into the groups, so that nothing else uses their share. Before that, the time in
# nanoseconds is written to the file `begun` in the current folder.
set -eu
hosts=$1 groups=$2
shift 2

# Only root can bind a file without a user namespace. Only root can enter control groups, and a user namespace prevents that.
if [ "$(id -u)" = 0 ]; then as_root=; else as_root=--map-root-user; fi

# shellcheck disable=SC2016 # The inner shell expands them.
exec unshare $as_root --mount -- sh -euc '
    hosts=$1 groups=$2
    shift 2
    mount --bind "$hosts" /etc/hosts
    date +%s%N >begun
    IFS=:
    for group in $groups; do echo $$ >"$group/cgroup.procs"; done
    exec "$@"
' sh "$hosts" "$groups" "$@"
