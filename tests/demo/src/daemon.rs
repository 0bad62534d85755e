//! A cloud that runs in the background until it is stopped, and the way to find and stop it.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use aws_credential_types::Credentials;
use local_cloud::{Cloud, Cluster, Error, cli::aws_environment, folder::RunFolder, tools};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    signal::unix::{Signal, SignalKind, signal},
};

/// The one background cloud of this machine. [`down`] finds it by a socket. A file with a process id would not be safe,
/// because another process may have the same id later.
pub(crate) struct Daemon {
    listener: UnixListener,
    terminate: Signal,
    interrupt: Signal,
    // Held so that the end of a terminal does not stop the cloud.
    _hangup: Signal,
}

/// A request to stop. The client waits until this value is dropped.
pub(crate) struct StopRequest {
    _by: Option<UnixStream>,
}

impl Daemon {
    /// Makes this process the background cloud of the machine.
    ///
    /// # Errors
    /// [`Error::Unusable`] if there is another one.
    pub(crate) async fn start() -> Result<Self, Error> {
        let path = socket();
        if UnixStream::connect(&path).await.is_ok() {
            return Err(Error::Unusable(
                "a cloud is running already, or has not ended yet. Stop it with make down".to_owned(),
            ));
        }
        std::fs::create_dir_all(RunFolder::parent()).map_err(Error::file("create", RunFolder::parent()))?;
        if path.exists() {
            std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
        let listener = UnixListener::bind(&path).map_err(Error::file("bind", &path))?;
        let on = |kind| signal(kind).map_err(Error::file("wait for", "a signal"));
        Ok(Self {
            listener,
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
            _hangup: on(SignalKind::hangup())?,
        })
    }

    /// Waits for a request to stop, from [`down`] or by a signal.
    pub(crate) async fn stop_requested(&mut self) -> StopRequest {
        tokio::select! {
            by = wait_for_stop(&self.listener) => StopRequest { _by: Some(by) },
            _ = self.terminate.recv() => StopRequest { _by: None },
            _ = self.interrupt.recv() => StopRequest { _by: None },
        }
    }
}

/// Waits for a connection that sends [`STOP`]. A connection that sends nothing only checks whether a cloud runs.
async fn wait_for_stop(listener: &UnixListener) -> UnixStream {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        if stream.read_u8().await.is_ok_and(|word| word == STOP) {
            return stream;
        }
    }
}

/// The byte that [`down`] sends.
const STOP: u8 = b'!';

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(socket());
    }
}

/// Stops the background cloud, and waits until it has ended. Returns whether there was one.
///
/// # Errors
/// [`Error::File`] if the socket exists and the cloud does not respond.
pub(crate) async fn down() -> Result<bool, Error> {
    let path = socket();
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(false) };
    let failed = || Error::file("use", &path);
    stream.write_u8(STOP).await.map_err(failed())?;
    // Nothing is sent back. The connection is closed when the cloud has ended.
    stream.read_to_end(&mut Vec::new()).await.map_err(failed())?;
    Ok(true)
}

/// Returns lines for a shell: the environment of `karpenter-prereqs`, the AWS CLI and kubectl, with these credentials.
///
/// # Errors
/// As [`tools::karpenter_prereqs`].
pub(crate) fn environment(cloud: &Cloud, cluster: &Cluster, credentials: &Credentials) -> Result<String, Error> {
    let program = tools::karpenter_prereqs()?;
    let mut variables = aws_environment(cloud, credentials);
    // Version 1 of the AWS CLI and Python do not read AWS_REGION.
    variables.push(("AWS_DEFAULT_REGION", cloud.region().to_owned()));
    variables.push(("KUBECONFIG", cluster.control_plane().kubeconfig().to_string_lossy().into_owned()));
    variables.push(("PATH", format!("{}:$PATH", program.parent().unwrap_or(&program).display())));
    let mut lines = String::new();
    for (name, value) in variables {
        let _ = writeln!(lines, "export {name}={value}");
    }
    Ok(lines)
}

fn socket() -> PathBuf {
    Path::new(&RunFolder::parent()).join("up.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connection_without_stop_byte_does_not_stop_cloud() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("up.sock");
        let listener = UnixListener::bind(&path).unwrap();
        drop(UnixStream::connect(&path).await.unwrap());
        let mut down = UnixStream::connect(&path).await.unwrap();
        down.write_u8(STOP).await.unwrap();
        let mut asked = wait_for_stop(&listener).await;
        // The second connection is the one that waits, because it gets this byte.
        asked.write_u8(1).await.unwrap();
        assert_eq!(down.read_u8().await.unwrap(), 1);
    }
}
