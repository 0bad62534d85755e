//! Where the time of the function's last run went, drawn by the program that people run.

use std::path::PathBuf;

use local_cloud::{Error, cli, tools};

use super::{Failure, Page, Stage};

/// Draws it from the function's log, and says where the picture is.
pub(super) async fn draw(page: &mut Page, stage: &Stage) -> Result<(), Failure> {
    page.heading("Where the time went: karpenter-prereqs timeline")?;
    let picture = picture()?;
    let log = stage.deployment.log(&stage.cloud).await?;
    let drawn = cli::run(&["timeline", "-", "--output", &picture.to_string_lossy()], &[], &log).await?;
    for line in drawn.stdout.lines() {
        page.line(line)?;
    }
    page.gap()?;
    let claim = "the log tells each call of the run, and the picture shows them";
    page.claim(drawn.code == Some(0), claim, || drawn.stderr)
}

/// The file: in a folder of the checkout that git ignores.
fn picture() -> Result<PathBuf, Error> {
    let folder = tools::checkout().join(".local-cloud");
    std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    Ok(folder.join("timeline.svg"))
}
