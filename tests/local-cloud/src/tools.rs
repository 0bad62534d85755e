//! Finds the programs of a cloud.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{process::Command, sync::OnceCell};

use crate::error::Error;

/// The folders of the control plane and of the Python environment.
#[derive(Debug)]
pub struct Tools {
    /// Contains `kube-apiserver`, `etcd` and `aws-iam-authenticator`.
    pub control_plane: PathBuf,
    /// The virtual environment's `bin`, with `ministack`.
    pub python: PathBuf,
}

impl Tools {
    /// Finds the programs, once a process. Missing programs are built or installed first, like `make control-plane` and `make
    /// python`, with their progress on stderr.
    ///
    /// # Errors
    /// [`Error::Script`] if a build or an installation fails.
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

/// Returns the folder with Karpenter's controller, its chart and its definitions, and with Helm. Builds it first if it is
/// missing, like `make karpenter`, with the progress on stderr. This takes about 8 minutes on two cores.
///
/// # Errors
/// [`Error::Script`] if the build fails.
pub async fn karpenter() -> Result<PathBuf, Error> {
    folder_from("karpenter/build.sh").await
}

/// The folder of the checkout that this was built in.
pub fn checkout() -> &'static Path {
    Path::new(env!("KARPENTER_PREREQS_CHECKOUT"))
}

/// Returns the function's executable, which `cargo build` writes next to the running program. `KARPENTER_PREREQS_BOOTSTRAP`
/// overrides it.
///
/// # Errors
/// [`Error::Unusable`] if it does not exist, with the command that builds it.
pub fn bootstrap() -> Result<PathBuf, Error> {
    match env::var_os("KARPENTER_PREREQS_BOOTSTRAP") {
        Some(path) => built(PathBuf::from(path), "karpenter-prereqs-function"),
        None => built(target_folder()?.join("bootstrap"), "karpenter-prereqs-function"),
    }
}

/// Returns the command-line program's executable, in the folder of the function.
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
    Err(Error::Unusable(format!("the executable {path} is missing. Run cargo build --package {package}")))
}

/// Returns the profile's folder in Cargo's target folder. Tests run in its `deps`, programs in the folder itself.
fn target_folder() -> Result<PathBuf, Error> {
    let executable = env::current_exe().map_err(Error::file("find", "the running executable"))?;
    let folder = executable.parent().unwrap_or_else(|| Path::new("."));
    Ok(if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder }.to_owned())
}

/// Returns the virtual environment with the packages of a `requirements.txt`, given by its path in the folder `tests`.
/// Installs it first if it is missing.
///
/// # Errors
/// [`Error::Script`] if the installation fails.
pub async fn python(requirements: &str) -> Result<PathBuf, Error> {
    let requirements = checkout().join("tests").join(requirements);
    folder_from_with("python.sh", &[("REQUIREMENTS", &requirements)]).await
}

/// Runs a script of the folder `tests`, which prints a folder on the last line of its stdout.
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
