//! Draws where the time of the function's last run went, with the command-line program.

use std::path::PathBuf;

use local_cloud::{Error, cli, tools};

use super::{Environment, Failure, Reporter};

/// Draws the timeline from the function's log, and prints the file of the picture.
pub(super) async fn draw(reporter: &mut Reporter, environment: &Environment) -> Result<(), Failure> {
    reporter.heading("Where the time went: karpenter-prereqs timeline")?;
    let picture = picture()?;
    let log = environment.deployment.log(&environment.cloud).await?;
    let drawn = cli::run(&["timeline", "-", "--output", &picture.to_string_lossy()], &[], &log).await?;
    for line in drawn.stdout.lines() {
        reporter.line(line)?;
    }
    reporter.blank_line()?;
    let check = "the log has each call of the run, and the picture shows them";
    reporter.check(drawn.code == Some(0), check, || drawn.stderr)
}

/// Returns the file, in a folder of the checkout that git ignores.
fn picture() -> Result<PathBuf, Error> {
    let folder = tools::checkout().join(".local-cloud");
    std::fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    Ok(folder.join("timeline.svg"))
}
