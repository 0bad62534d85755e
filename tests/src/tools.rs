//! Where the programs are that a cloud runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{process::Command, sync::OnceCell};

use crate::error::Error;

/// The folders of the built control plane and of the Python environment, and the built function.
#[derive(Debug)]
pub struct Tools {
    /// Holds `kube-apiserver`, `etcd` and `aws-iam-authenticator`.
    pub control_plane: PathBuf,
    /// The virtual environment's `bin`; holds `ministack`.
    pub python: PathBuf,
}

impl Tools {
    /// Finds the programs, once a process. What is missing is built or installed first, as
    /// `make control-plane` and `make python` do, with their progress on stderr.
    ///
    /// # Errors
    /// [`Error::Script`] if building or installing fails.
    pub async fn locate() -> Result<&'static Self, Error> {
        static TOOLS: OnceCell<Tools> = OnceCell::const_new();
        TOOLS
            .get_or_try_init(|| async {
                let (control_plane, python) =
                    tokio::try_join!(folder_from("control-plane/build.sh"), folder_from("python.sh"))?;
                Ok(Self { control_plane, python: python.join("bin") })
            })
            .await
    }
}

/// The folder of Karpenter's controller, its chart and its definitions, and of Helm: built first where that is missing,
/// as `make karpenter` does, with the progress on stderr. About 8 minutes on two cores.
///
/// # Errors
/// [`Error::Script`] if building fails.
pub async fn karpenter() -> Result<PathBuf, Error> {
    folder_from("karpenter/build.sh").await
}

/// The folder of the checkout that this was built in.
pub fn checkout() -> &'static Path {
    Path::new(env!("KARPENTER_PREREQS_CHECKOUT"))
}

/// The function's executable, as `cargo build` leaves it beside the program that asks.
/// `KARPENTER_PREREQS_BOOTSTRAP` names another.
///
/// # Errors
/// [`Error::Unusable`] if it is not there, with the command that makes it.
pub fn bootstrap() -> Result<PathBuf, Error> {
    match env::var_os("KARPENTER_PREREQS_BOOTSTRAP") {
        Some(path) => built(PathBuf::from(path), "karpenter-prereqs-function"),
        None => built(target_folder()?.join("bootstrap"), "karpenter-prereqs-function"),
    }
}

/// The command-line program's executable, beside the function's.
///
/// # Errors
/// As [`bootstrap`].
pub fn karpenter_prereqs() -> Result<PathBuf, Error> {
    built(target_folder()?.join("karpenter-prereqs"), "karpenter-prereqs-cli")
}

fn built(path: PathBuf, package: &str) -> Result<PathBuf, Error> {
    if path.is_file() {
        return Ok(path);
    }
    let path = path.display();
    Err(Error::Unusable(format!("the executable {path} is missing; run cargo build --package {package}")))
}

/// The profile's folder in Cargo's target folder: tests run in its `deps`, programs in itself.
fn target_folder() -> Result<PathBuf, Error> {
    let executable = env::current_exe().map_err(Error::file("find", "the running executable"))?;
    let folder = executable.parent().unwrap_or_else(|| Path::new("."));
    Ok(if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}

/// The virtual environment of the packages of a `requirements.txt`, given by its path within this crate's folder:
/// installed first where that is missing.
///
/// # Errors
/// [`Error::Script`] if installing fails.
pub async fn python(requirements: &str) -> Result<PathBuf, Error> {
    let requirements = checkout().join("tests").join(requirements);
    folder_from_with("python.sh", &[("REQUIREMENTS", &requirements)]).await
}

/// Runs a script of this crate's folder that prints a folder on the last line of its stdout.
async fn folder_from(script: &str) -> Result<PathBuf, Error> {
    folder_from_with(script, &[]).await
}

async fn folder_from_with(script: &str, environment: &[(&str, &Path)]) -> Result<PathBuf, Error> {
    let script = checkout().join("tests").join(script);
    let output = Command::new(&script)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|source| Error::Spawn { program: script.display().to_string(), source })?;
    if !output.status.success() {
        return Err(Error::Script { script, status: output.status });
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    let folder = stdout.lines().last().unwrap_or_default();
    Ok(PathBuf::from(folder))
}
