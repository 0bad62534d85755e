#!/bin/sh
# Starts a program on request, so that a control group and a clock can begin with the program itself.
#
#   gate.sh FOLDER PROGRAM [ARGUMENT…]
#
# Writes its process id, which is later the program's, to FOLDER/pid. Then waits until something is written to FOLDER/go.
set -eu
folder=$1
shift
mkfifo "$folder/go"
echo $$ >"$folder/pid.new"
mv "$folder/pid.new" "$folder/pid"
read -r _ <"$folder/go"
exec "$@"
