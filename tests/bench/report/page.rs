//! The page `docs/performance.md`: the tables of a run, and the chains, each between marks of its own.
//!
//! `UPDATE_PERFORMANCE=1 cargo test --workspace --bin bench` writes the chains anew.

use std::{fs, path::Path};

use local_cloud::Error;

use crate::chain;

/// The chart, which is made with the tables.
const CHART: &str =
    "![Bars: one operation, and what a start costs, for this function, a Python function and the runbook](bench.svg)";

/// Puts the tables and the chains into the page, in the place of those that are there.
///
/// # Errors
/// It is not there, or has not the marks.
pub(crate) fn update(path: &Path, tables: &str) -> Result<(), Error> {
    let page = fs::read_to_string(path).map_err(Error::file("read", path))?;
    let page =
        with(&page, "bench", &format!("{CHART}\n\n{tables}")).and_then(|page| with(&page, "chains", &chain::page()));
    let page = page.ok_or_else(|| Error::Unusable(format!("{} has not the marks bench and chains", path.display())))?;
    fs::write(path, page).map_err(Error::file("write", path))
}

/// The page with this between `<!-- name -->` and `<!-- /name -->`.
fn with(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{}\n\n{end}{after}", text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_the_marks_is_replaced() {
        let page = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n";
        assert_eq!(with(page, "x", "\nnew\n").unwrap(), "a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n");
        assert_eq!(with(page, "y", "new"), None);
    }

    #[test]
    fn the_page_has_the_chains_of_the_code() {
        let path = local_cloud::tools::checkout().join("docs/performance.md");
        let page = fs::read_to_string(&path).unwrap();
        let wanted = with(&page, "chains", &chain::page()).unwrap();
        if std::env::var_os("UPDATE_PERFORMANCE").is_some() {
            fs::write(&path, wanted).unwrap();
        } else {
            assert!(page == wanted, "the chains of docs/performance.md differ: run this with UPDATE_PERFORMANCE=1");
        }
    }
}
