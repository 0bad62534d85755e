//! Updates the page `docs/performance.md`: the tables of a run, and the chains, each between its own marker comments.
//!
//! `UPDATE_PERFORMANCE=1 cargo test --workspace --bin bench` writes the chains again.

use std::{fs, path::Path};

use local_cloud::Error;

use crate::chain;

/// The chart, which is created with the tables.
const CHART: &str =
    "![Bars: one operation, and what a start costs, for this function, a Python function and the runbook](bench.svg)";

/// Replaces the tables and the chains of the page.
///
/// # Errors
/// [`Error::File`], and [`Error::Unusable`] when the page has no markers.
pub(crate) fn update(path: &Path, tables: &str) -> Result<(), Error> {
    let page = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let page = replace_section(&page, "bench", &format!("{CHART}\n\n{tables}"))
        .and_then(|page| replace_section(&page, "chains", &chain::page()));
    let missing = || Error::Unusable(format!("{} has no markers bench and chains", path.display()));
    let page = page.ok_or_else(missing)?;
    fs::write(path, page).map_err(Error::file("write", path))
}

/// Replaces the text between `<!-- name -->` and `<!-- /name -->`. Returns `None` when the markers are missing.
fn replace_section(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_between_markers_is_replaced() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        assert_eq!(replace_section(page, "x", "\nnew\n").unwrap(), "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n");
        assert_eq!(replace_section(page, "y", "new"), None);
    }

    #[test]
    fn page_has_the_chains_of_the_code() {
        let path = local_cloud::tools::checkout().join("docs/performance.md");
        let page = fs::read_to_string(&path).unwrap();
        let expected = replace_section(&page, "chains", &chain::page()).unwrap();
        if std::env::var_os("UPDATE_PERFORMANCE").is_some() {
            fs::write(&path, expected).unwrap();
        } else {
            assert!(page == expected, "the chains of docs/performance.md differ: run this with UPDATE_PERFORMANCE=1");
        }
    }
}
