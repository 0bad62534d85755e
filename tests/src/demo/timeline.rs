//! Where the time of the function's last run went, drawn by the program that people run.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use local_cloud::{Error, tools};
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{Failure, Page, Stage};

/// Draws it from the function's log, and says where the picture is.
pub(super) async fn draw(page: &mut Page, stage: &Stage) -> Result<(), Failure> {
    page.heading("Where the time went: karpenter-prereqs timeline")?;
    let picture = picture()?;
    let log = stage.deployment.log(&stage.cloud).await?;
    let program = tools::karpenter_prereqs()?;
    let failed = |source| Error::Spawn { program: program.display().to_string(), source };
    let mut child = Command::new(&program)
        .args(["timeline", "-", "--output"])
        .arg(&picture)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // One that does not read all of it says why itself.
        let _ = pipe.write_all(log.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        page.line(line)?;
    }
    page.gap()?;
    page.claim(output.status.success(), "the log tells each call of the run, and the picture shows them", || {
        String::from_utf8_lossy(&output.stderr).into_owned()
    })
}

/// The file: in a folder of the checkout that git ignores.
fn picture() -> Result<PathBuf, Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.canonicalize().map_err(Error::file("find", &root))?.join(".local-cloud");
    std::fs::create_dir_all(&folder).map_err(Error::file("make", &folder))?;
    Ok(folder.join("timeline.svg"))
}
