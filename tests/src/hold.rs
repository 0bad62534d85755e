//! A cloud that stays up until somebody ends it, and how it is found and reached.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

use local_cloud::{Cloud, Cluster, Error, folder::RunFolder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    signal::unix::{Signal, SignalKind, signal},
};

/// The one cloud of this machine that is held up. A socket, not a file with a process id, is how [`down`] finds it:
/// an id may be somebody else's by the time it is read.
pub(crate) struct Hold {
    listener: UnixListener,
    terminate: Signal,
    interrupt: Signal,
    // Kept, so that the end of a terminal does not end the cloud.
    _hangup: Signal,
}

/// Somebody asked for the end, and waits until this is dropped.
pub(crate) struct Asked {
    _by: Option<UnixStream>,
}

impl Hold {
    /// Makes this process the one that holds a cloud up.
    ///
    /// # Errors
    /// [`Error::Unusable`] if another does.
    pub(crate) async fn begin() -> Result<Self, Error> {
        let path = socket();
        if UnixStream::connect(&path).await.is_ok() {
            return Err(Error::Unusable(
                "a cloud is up already, or was and is ending now; end it with make down".to_owned(),
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

    /// Waits until somebody asks for the end, by [`down`] or by a signal.
    pub(crate) async fn asked(&mut self) -> Asked {
        tokio::select! {
            by = asked_on(&self.listener) => Asked { _by: Some(by) },
            _ = self.terminate.recv() => Asked { _by: None },
            _ = self.interrupt.recv() => Asked { _by: None },
        }
    }
}

/// Waits for one that says [`DOWN`]. One that says nothing only looks whether somebody is here.
async fn asked_on(listener: &UnixListener) -> UnixStream {
    loop {
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        if stream.read_u8().await.is_ok_and(|word| word == DOWN) {
            return stream;
        }
    }
}

/// What [`down`] says.
const DOWN: u8 = b'!';

impl Drop for Hold {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(socket());
    }
}

/// Ends the cloud that is up, and returns when it is gone. Gives whether there was one.
///
/// # Errors
/// [`Error::File`] if it is there and does not listen.
pub(crate) async fn down() -> Result<bool, Error> {
    let path = socket();
    let Ok(mut stream) = UnixStream::connect(&path).await else { return Ok(false) };
    let failed = || Error::file("use", &path);
    stream.write_u8(DOWN).await.map_err(failed())?;
    // Nothing is ever sent back: the other side's end is the answer.
    stream.read_to_end(&mut Vec::new()).await.map_err(failed())?;
    Ok(true)
}

/// Lines for a shell: the environment of the AWS CLI and kubectl.
pub(crate) fn environment(cloud: &Cloud, cluster: &Cluster) -> String {
    let mut lines = String::new();
    for (name, value) in [
        ("AWS_ENDPOINT_URL", cloud.gateway().url()),
        // The CLI's first version and Python know the one, the SDKs of today the other.
        ("AWS_DEFAULT_REGION", cloud.region()),
        ("AWS_REGION", cloud.region()),
        ("AWS_ACCESS_KEY_ID", cloud.account()),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("KUBECONFIG", &cluster.control_plane().kubeconfig().to_string_lossy()),
    ] {
        // A string takes whatever is written to it.
        let _ = writeln!(lines, "export {name}={value}");
    }
    lines
}

fn socket() -> PathBuf {
    Path::new(&RunFolder::parent()).join("up.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_only_looks_whether_a_cloud_is_up_does_not_end_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("up.sock");
        let listener = UnixListener::bind(&path).unwrap();
        drop(UnixStream::connect(&path).await.unwrap());
        let mut down = UnixStream::connect(&path).await.unwrap();
        down.write_u8(DOWN).await.unwrap();
        let mut asked = asked_on(&listener).await;
        // It is the second that waits: what is said to it arrives.
        asked.write_u8(1).await.unwrap();
        assert_eq!(down.read_u8().await.unwrap(), 1);
    }
}
