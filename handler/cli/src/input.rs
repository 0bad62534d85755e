//! Reads a file, or standard input.

use crate::failure::Failure;
use std::io::Read as _;
use std::path::Path;

/// Returns the text of a file, or of standard input if the path is `-`.
///
/// # Errors
/// Returns an error if the text cannot be read or is not valid UTF-8.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if is_standard_input(path) {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map(|()| text).map_err(|error| Failure::file("read", display_name(path), &error))
}

/// Returns the name of the input for messages: the path, or `standard input`.
pub(crate) fn display_name(path: &Path) -> String {
    if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}
