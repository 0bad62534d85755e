//! `local-cloud up` brings up a local cloud with one EKS cluster, tells how to reach it, and stays
//! until it is interrupted or `local-cloud down` is said.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{ArgAction, Parser, Subcommand};
use local_cloud::{Cloud, CloudOptions, Cluster, ClusterOptions, Error, folder::RunFolder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
};

/// An AWS account and an EKS cluster on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring up a cloud with an EKS cluster named demo, and stay
    Up {
        /// Whether IAM policies, trust documents and signatures are enforced
        #[arg(long, default_value_t = true, action = ArgAction::Set)]
        auth: bool,
        /// Leave the folder of logs when the cloud goes
        #[arg(long)]
        keep: bool,
    },
    /// End the cloud that is up
    Down,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Up { auth, keep } => up(auth, keep).await,
        Command::Down => down().await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("local-cloud: {error:?}");
            ExitCode::FAILURE
        }
    }
}

async fn up(auth: bool, keep: bool) -> Result<(), Error> {
    let socket = Socket::bind().await?;
    eprintln!("local-cloud: starting");
    let cloud = Cloud::start(CloudOptions { auth, keep, ..CloudOptions::default() }).await?;
    let cluster = cloud.create_cluster("demo", ClusterOptions::default()).await?;
    let stdout = Error::file("write to", "stdout");
    io::stdout().write_all(directions(&cloud, &cluster).as_bytes()).map_err(stdout)?;

    let waiting = Error::file("wait for", "SIGTERM");
    let mut terminate = signal(SignalKind::terminate()).map_err(waiting)?;
    let asked = tokio::select! {
        asked = socket.listener.accept() => asked.ok().map(|(stream, _)| stream),
        _ = terminate.recv() => None,
        _ = tokio::signal::ctrl_c() => None,
    };
    eprintln!("local-cloud: ending");
    drop(cluster);
    drop(cloud);
    // Whoever asked waits for the end of this connection.
    drop(asked);
    Ok(())
}

async fn down() -> Result<(), Error> {
    let path = Socket::path();
    let Ok(mut stream) = UnixStream::connect(&path).await else {
        eprintln!("local-cloud: no cloud is up");
        return Ok(());
    };
    let failed = || Error::file("use", &path);
    stream.shutdown().await.map_err(failed())?;
    // Nothing is ever sent: the other side's end is the answer.
    stream.read_to_end(&mut Vec::new()).await.map_err(failed())?;
    Ok(())
}

/// Lines for a shell: comments, and the environment of the AWS CLI and kubectl.
fn directions(cloud: &Cloud, cluster: &Cluster) -> String {
    format!(
        "# A local cloud is up; its logs are in {folder}\n\
         # EKS cluster {name}; end it with: local-cloud down\n\
         export AWS_ENDPOINT_URL={endpoint}\n\
         export AWS_REGION={region}\n\
         export AWS_ACCESS_KEY_ID={account}\n\
         export AWS_SECRET_ACCESS_KEY=test\n\
         export KUBECONFIG={kubeconfig}\n",
        folder = cloud.folder().display(),
        name = cluster.name,
        endpoint = cloud.gateway().url(),
        region = cloud.region(),
        account = cloud.account(),
        kubeconfig = cluster.control_plane().kubeconfig().display(),
    )
}

/// Where `down` finds `up`. A socket, not a file with a process id: an id may be somebody else's by
/// the time it is read.
struct Socket {
    listener: UnixListener,
}

impl Socket {
    fn path() -> PathBuf {
        RunFolder::parent().join("up.sock")
    }

    async fn bind() -> Result<Self, Error> {
        let path = Self::path();
        if UnixStream::connect(&path).await.is_ok() {
            return Err(Error::Unusable(
                "a cloud is up already, or was and is ending now; run local-cloud down".to_owned(),
            ));
        }
        std::fs::create_dir_all(RunFolder::parent()).map_err(Error::file("create", RunFolder::parent()))?;
        if path.exists() {
            std::fs::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
        let listener = UnixListener::bind(&path).map_err(Error::file("bind", &path))?;
        Ok(Self { listener })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(Self::path());
    }
}
