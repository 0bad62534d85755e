#!/usr/bin/env bash
# Installs the IAM simulator, and prints its folder: `node FOLDER/simulate.js` runs it. Each package is verified by its hash.
# The folder is in the cache, and its name depends on package-lock.json and simulate.js.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../../once.sh"

install() {
    command -v npm >/dev/null || {
        echo 'npm is not on the PATH. Install Node 20 or later and run this again'
        return 1
    }
    cp "$here/package.json" "$here/package-lock.json" "$here/simulate.js" "$1"
    cd "$1"
    npm ci --ignore-scripts --no-audit --no-fund
}

key=$(cd "$here" && sha256sum package-lock.json simulate.js | sha256sum | cut -c1-16)
once simulator "$key" 'installing an IAM simulator (a few seconds)' install
