#!/usr/bin/env bash
# The streaming parser of libyaml-safer decodes a whole slice before its first event, at four bytes for each character.
#
# Software: libyaml-safer 0.3.0, a port of libyaml to safe Rust.
# One would guess: the parser takes a reader, returns one event after the other, and libyaml reads its input in pieces. So the
# memory before the first event does not depend on the size of the input.
# What it does: it decodes all that fill_buf of the reader returns into a queue of char, which have four bytes each. A slice returns
# all of itself. The queue doubles as it grows, so it needs four to eight bytes for each byte of the text.
# Why it matters: a ConfigMap of 1 MiB needs 4 MiB before the first event. A reader that returns pieces of 512 bytes needs no
# memory that grows.
set -euo pipefail

VERSION=0.3.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cd "$folder"
cat >Cargo.toml <<TOML
[package]
name = "finding"
version = "0.0.0"
edition = "2021"

[dependencies]
libyaml-safer = "=$VERSION"
TOML
cat >src/main.rs <<'RUST'
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead, BufReader};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Records the largest block that was requested.
struct Largest(AtomicUsize);

unsafe impl GlobalAlloc for Largest {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.0.fetch_max(layout.size(), Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        System.dealloc(at, layout);
    }
}

#[global_allocator]
static LARGEST: Largest = Largest(AtomicUsize::new(0));

/// Returns the size of the largest block that is requested until the first event.
fn until_first_event(input: impl BufRead) -> usize {
    LARGEST.0.store(0, Relaxed);
    let mut parser = libyaml_safer::Parser::new();
    parser.set_input(input);
    parser.parse().unwrap();
    LARGEST.0.load(Relaxed)
}

fn main() {
    let text = "- item\n".repeat(100_000);
    let slice = until_first_event(text.as_bytes());
    let pieces = until_first_event(BufReader::with_capacity(512, text.as_bytes()));
    println!("a text of {} bytes: largest block {slice} bytes from a slice, {pieces} bytes in pieces of 512", text.len());
}
RUST
found=$(CARGO_TARGET_DIR=$folder/target cargo run --quiet 2>build.log) || { cat build.log >&2; exit 1; }
printf 'libyaml-safer %s\n%s\n' "$VERSION" "$found"

expected='a text of 700000 bytes: largest block 4194304 bytes from a slice, '
if [[ $found != "$expected"* ]]; then
    printf 'changed: expected\n%s…\n' "$expected" >&2
    exit 1
fi
