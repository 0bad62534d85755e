#!/usr/bin/env bash
# Makes the packages of the function and of the program karpenter-prereqs, for arm64 and x86_64, into the folder OUT:
#
#   build.sh OUT [ARCHITECTURE...]
#
#   OUT/ARCHITECTURE/bootstrap.zip        what Lambda runs, and LICENSES.txt
#   OUT/ARCHITECTURE/bootstrap.cdx.json   what is in it, as CycloneDX
#   OUT/ARCHITECTURE/karpenter-prereqs.tar.gz  the program that people run, and LICENSES.txt; not with PROGRAM=no
#   OUT/LICENSES.txt                      the licences of what is in both
#   OUT/SHA256SUMS
#
# Lambda's provided.al2023 has glibc 2.34: the linker is told so, whatever the machine has. The same commit gives the same
# bytes, wherever its checkout stands.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
source "$root/tests/once.sh"
case ${1:-} in
    '' | -*)
        echo 'usage: build.sh OUT [arm64] [x86_64]' >&2
        exit 2
        ;;
esac
mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
architectures=("$@")
((${#architectures[@]} > 0)) || architectures=(arm64 x86_64)

# The most bytes of a zip file.
readonly BUDGET=4000000
readonly GLIBC=2.34
readonly CARGO_ABOUT=0.9.3
readonly CARGO_CYCLONEDX=0.5.9

name=package

target_of() {
    case $1 in
        arm64) echo aarch64-unknown-linux-gnu ;;
        x86_64) echo x86_64-unknown-linux-gnu ;;
        *) say "no architecture of Lambda's is called $1: arm64, x86_64" && return 1 ;;
    esac
}

has() { [[ -d $(rustc --print sysroot)/lib/rustlib/$1/lib ]]; }

install_tools() {
    # Whatever folder Cargo builds this project in is not these tools'.
    unset CARGO_TARGET_DIR RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    cargo install --locked --root "$1" "cargo-about@$CARGO_ABOUT" --features cli
    cargo install --locked --root "$1" "cargo-cyclonedx@$CARGO_CYCLONEDX"
}

for architecture in "${architectures[@]}"; do
    target_of "$architecture" >/dev/null
done

cd "$root"
linker=$(REQUIREMENTS=$here/requirements.txt "$root/tests/python.sh")
tools=$(once package-tools "$CARGO_ABOUT-$CARGO_CYCLONEDX" 'building cargo-about and cargo-cyclonedx (some 5 minutes on two cores)' install_tools)
export PATH=$linker/bin:$tools/bin:$PATH
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/target}")
export CARGO_TARGET_DIR
# No path of this machine in the binary, be it Rust's or C's; no time but the commit's. The last that fits counts.
prefixes=("$root=/src" "$CARGO_TARGET_DIR=/target" "${CARGO_HOME:-$HOME/.cargo}=/cargo")
for prefix in "${prefixes[@]}"; do
    [[ $prefix != *[[:space:]]* ]] || {
        say "a path with a space in it cannot be told to C compilers: ${prefix%=*}"
        exit 1
    }
done
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf '%s' "${prefixes[*]/#/--remap-path-prefix=}")
export CARGO_ENCODED_RUSTFLAGS CFLAGS="${prefixes[*]/#/-ffile-prefix-map=}"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH

trap 'rm -f "$root"/{fuzz,tests,handler/*}/*_bin.cdx.json' EXIT

say 'collecting the licences'
cargo fetch --locked --quiet
cargo-about generate --locked --offline --fail --manifest-path handler/cli/Cargo.toml --config "$here/about.toml" \
    --output-file "$out/LICENSES.txt" "$here/about.hbs"

missing=()
rm -f "$out/SHA256SUMS" "$out/PROGRAM-SHA256SUMS"
for architecture in "${architectures[@]}"; do
    target=$(target_of "$architecture")
    if ! has "$target"; then
        say "asking rustup for the target $target"
        timeout 300 rustup target add "$target" >&2 || true
    fi
    if ! has "$target"; then
        missing+=("$architecture")
        continue
    fi
    say "building for $architecture (a quarter of an hour on two cores, the first time)"
    cargo-zigbuild zigbuild --locked --release --target "$target.$GLIBC" --package karpenter-prereqs-function --bin bootstrap
    folder=$out/$architecture
    mkdir -p "$folder"
    install -m 755 "$CARGO_TARGET_DIR/$target/release/bootstrap" "$folder/bootstrap"
    python3 "$here/zip.py" "$folder/bootstrap.zip" "$folder/bootstrap" "$out/LICENSES.txt"
    size=$(stat -c %s "$folder/bootstrap.zip")
    say "$architecture: $(stat -c %s "$folder/bootstrap") bytes, zipped $size"
    ((size <= BUDGET)) || say "OVER ITS BUDGET of $BUDGET bytes: $folder/bootstrap.zip"
    rm "$folder/bootstrap"
    # Of the graph of all packages, tests' features too, so it names more than is in the binary rather than less.
    cargo-cyclonedx cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --target "$target" \
        --manifest-path handler/function/Cargo.toml
    sed "s|$root|/src|g" handler/function/bootstrap_bin.cdx.json >"$folder/bootstrap.cdx.json"
    (cd "$out" && sha256sum "$architecture/bootstrap.zip" >>SHA256SUMS)
    if [[ ${PROGRAM:-yes} != no ]]; then
        say "building the program for $architecture (as long again, the first time)"
        # By itself: it knows profiles and SSO, and what is built together has the features of both.
        cargo-zigbuild zigbuild --locked --release --target "$target.$GLIBC" --package karpenter-prereqs-cli --bin karpenter-prereqs
        install -m 755 "$CARGO_TARGET_DIR/$target/release/karpenter-prereqs" "$folder/karpenter-prereqs"
        cp "$out/LICENSES.txt" "$folder/LICENSES.txt"
        # The same bytes of the same files, whoever makes it and when.
        tar --create --directory "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
            karpenter-prereqs LICENSES.txt | gzip --best --no-name >"$folder/karpenter-prereqs.tar.gz"
        rm "$folder/karpenter-prereqs" "$folder/LICENSES.txt"
        say "$architecture: karpenter-prereqs.tar.gz has $(stat -c %s "$folder/karpenter-prereqs.tar.gz") bytes"
        (cd "$out" && sha256sum "$architecture/karpenter-prereqs.tar.gz" >>PROGRAM-SHA256SUMS)
    fi
done
((${#missing[@]} == ${#architectures[@]})) || cat "$out"/*SHA256SUMS
if ((${#missing[@]} > 0)); then
    say "NOT MADE, since rustup has no target for it here: ${missing[*]}"
    say 'what is made is whole; make the rest where rustup reaches its server'
    exit 1
fi
