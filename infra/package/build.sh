#!/usr/bin/env bash
# Builds the packages of the function and of the program karpenter-prereqs, for arm64 and x86_64, in the folder OUT:
#
#   build.sh OUT [ARCHITECTURE...]
#
#   OUT/ARCHITECTURE/bootstrap.zip               the function for Lambda, with LICENSES.txt
#   OUT/ARCHITECTURE/bootstrap.cdx.json          its SBOM, as CycloneDX
#   OUT/ARCHITECTURE/karpenter-prereqs.tar.gz    the command-line program, with LICENSES.txt; not with PROGRAM=no
#   OUT/ARCHITECTURE/karpenter-prereqs.cdx.json  its SBOM, as CycloneDX; not with PROGRAM=no
#   OUT/LICENSES.txt                             the licences of all crates in both
#   OUT/SHA256SUMS                               the SHA-256 of the zip files
#   OUT/PROGRAM-SHA256SUMS                       the SHA-256 of the tar files
#
# The binaries link against glibc 2.34, because Lambda's provided.al2023 has that version. Builds are reproducible: one commit
# always produces the same bytes, in any checkout.
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

# The largest size of a zip file, in bytes.
readonly BUDGET=4000000
readonly GLIBC=2.34
readonly CARGO_ABOUT=0.9.3
readonly CARGO_CYCLONEDX=0.5.9

name=package

target_of() {
    case $1 in
        arm64) echo aarch64-unknown-linux-gnu ;;
        x86_64) echo x86_64-unknown-linux-gnu ;;
        *) say "unknown architecture $1: use arm64 or x86_64" && return 1 ;;
    esac
}

has() { [[ -d $(rustc --print sysroot)/lib/rustlib/$1/lib ]]; }

install_tools() {
    # These settings are for this project only. The tools must not use its target folder.
    unset CARGO_TARGET_DIR RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
    cargo install --locked --root "$1" "cargo-about@$CARGO_ABOUT" --features cli
    cargo install --locked --root "$1" "cargo-cyclonedx@$CARGO_CYCLONEDX"
}

for architecture in "${architectures[@]}"; do
    target_of "$architecture" >/dev/null
done

cd "$root"
linker=$(REQUIREMENTS=$here/requirements.txt "$root/tests/python.sh")
tools=$(once package-tools "$CARGO_ABOUT-$CARGO_CYCLONEDX" 'building cargo-about and cargo-cyclonedx (about 5 minutes on two cores)' install_tools)
export PATH=$linker/bin:$tools/bin:$PATH
CARGO_TARGET_DIR=$(realpath -m "${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/karpenter-prereqs/target}")
export CARGO_TARGET_DIR
# A reproducible binary contains no path of this machine and no time other than the commit's. If several prefixes match a path,
# the last one applies.
prefixes=("$root=/src" "$CARGO_TARGET_DIR=/target" "${CARGO_HOME:-$HOME/.cargo}=/cargo")
for prefix in "${prefixes[@]}"; do
    [[ $prefix != *[[:space:]]* ]] || {
        say "the path must not contain a space, because CFLAGS cannot contain such a path: ${prefix%=*}"
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
        say "installing the Rust target $target"
        timeout 300 rustup target add "$target" >&2 || true
    fi
    if ! has "$target"; then
        missing+=("$architecture")
        continue
    fi
    say "building the function for $architecture (about 15 minutes on two cores, the first time)"
    cargo-zigbuild zigbuild --locked --release --target "$target.$GLIBC" --package karpenter-prereqs-function --bin bootstrap
    folder=$out/$architecture
    mkdir -p "$folder"
    install -m 755 "$CARGO_TARGET_DIR/$target/release/bootstrap" "$folder/bootstrap"
    python3 "$here/zip.py" "$folder/bootstrap.zip" "$folder/bootstrap" "$out/LICENSES.txt"
    size=$(stat -c %s "$folder/bootstrap.zip")
    say "$architecture: bootstrap has $(stat -c %s "$folder/bootstrap") bytes, bootstrap.zip has $size"
    ((size <= BUDGET)) || say "WARNING: $folder/bootstrap.zip exceeds its budget of $BUDGET bytes"
    rm "$folder/bootstrap"
    # The SBOM covers all packages and features of the workspace. It may list more than the binary contains, but never less.
    cargo-cyclonedx cyclonedx --quiet --format json --spec-version 1.5 --describe binaries --target "$target" \
        --manifest-path handler/function/Cargo.toml
    sed "s|$root|/src|g" handler/function/bootstrap_bin.cdx.json >"$folder/bootstrap.cdx.json"
    (cd "$out" && sha256sum "$architecture/bootstrap.zip" >>SHA256SUMS)
    if [[ ${PROGRAM:-yes} != no ]]; then
        say "building the command-line program for $architecture (about 15 minutes on two cores, the first time)"
        # A separate build: Cargo unifies the features of what it builds together, and the function must not get the program's
        # support for profiles and SSO.
        cargo-zigbuild zigbuild --locked --release --target "$target.$GLIBC" --package karpenter-prereqs-cli --bin karpenter-prereqs
        install -m 755 "$CARGO_TARGET_DIR/$target/release/karpenter-prereqs" "$folder/karpenter-prereqs"
        cp "$out/LICENSES.txt" "$folder/LICENSES.txt"
        # A reproducible archive contains no user and no time other than the commit's.
        tar --create --directory "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
            karpenter-prereqs LICENSES.txt | gzip --best --no-name >"$folder/karpenter-prereqs.tar.gz"
        rm "$folder/karpenter-prereqs" "$folder/LICENSES.txt"
        # cargo-cyclonedx has written an SBOM for each binary of the workspace.
        sed "s|$root|/src|g" handler/cli/karpenter-prereqs_bin.cdx.json >"$folder/karpenter-prereqs.cdx.json"
        say "$architecture: karpenter-prereqs.tar.gz has $(stat -c %s "$folder/karpenter-prereqs.tar.gz") bytes"
        (cd "$out" && sha256sum "$architecture/karpenter-prereqs.tar.gz" >>PROGRAM-SHA256SUMS)
    fi
done
((${#missing[@]} == ${#architectures[@]})) || cat "$out"/*SHA256SUMS
if ((${#missing[@]} > 0)); then
    say "NOT BUILT, because rustup cannot install the target: ${missing[*]}"
    say 'the other packages are complete; build the missing ones on a machine with access to the rustup server'
    exit 1
fi
