#!/usr/bin/env bash
# Installs the packages of requirements.txt into a virtual environment, and prints its folder. REQUIREMENTS selects another
# file. Each package is verified by its hash. The folder is in the cache, and its name depends on requirements.txt and on
# Python's version.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/once.sh"
python=${PYTHON:-python3}
requirements=${REQUIREMENTS:-$here/requirements.txt}

interpreter=$("$python" -c '
import sys
print(sys.executable, sys.version)
sys.exit(sys.version_info < (3, 11))' 2>/dev/null) || {
    echo "python: $python is missing or older than 3.11. Install Python 3.11 or later, or set PYTHON=..." >&2
    exit 1
}

install() {
    "$python" -m venv "$1" || {
        echo 'on Debian, python3 -m venv needs the package python3-venv'
        return 1
    }
    "$1/bin/python" -m pip install --disable-pip-version-check --no-input \
        --require-hashes --requirement "$requirements"
}

key=$(printf '%s\n' "$interpreter" | cat - "$requirements" | sha256sum | cut -c1-16)
once python "$key" "installing the packages of ${requirements#"$here/"} (about 20 seconds)" install
