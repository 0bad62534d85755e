//! What a file says.

use crate::failure::Failure;
use std::io::Read as _;
use std::path::Path;

/// The text of a file; of standard input for `-`.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if is_standard(path) {
        std::io::stdin().lock().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|read| text = read)
    };
    read.map(|()| text).map_err(|error| Failure::file("read", named(path), &error))
}

/// What a message calls it.
pub(crate) fn named(path: &Path) -> String {
    if is_standard(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}
