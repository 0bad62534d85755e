//! The program `local-cloud`.
//!
//! `local-cloud demo` shows the whole runbook on a local cloud. `local-cloud up` starts a local cloud with one EKS cluster,
//! prints how to use it, and runs until it is interrupted or `local-cloud down` is called.

mod administrator;
mod daemon;
mod demo;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{ArgAction, Parser, Subcommand};
use local_cloud::{
    Cloud, CloudOptions, ClusterOptions, Error,
    scenario::{AWS_AUTH, CLUSTER},
};

use crate::{
    administrator::administrator,
    daemon::Daemon,
    demo::{Failure, Reporter},
};

/// An AWS account and an EKS cluster on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show and check what a stack does for a cluster, from its creation to its deletion
    Demo {
        /// Keep the stack and the cloud, and print how to use them
        #[arg(long)]
        keep: bool,
        /// Run as the background process (used internally by --keep)
        #[arg(long, hide = true, requires = "keep")]
        daemon: bool,
    },
    /// Start a cloud with an EKS cluster named demo, and keep it running
    Up {
        /// Whether IAM policies, trust policies and signatures are enforced
        #[arg(long, default_value_t = true, action = ArgAction::Set)]
        auth: bool,
        /// Keep the folder of logs when the cloud ends
        #[arg(long)]
        keep: bool,
    },
    /// Stop the cloud that is running
    Down,
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { daemon: true, .. } => demo::background::run().await.map(|()| ExitCode::SUCCESS),
        Command::Demo { keep: true, .. } => demo::background::start(),
        Command::Demo { .. } => demo().await.map(|()| ExitCode::SUCCESS),
        Command::Up { auth, keep } => up(auth, keep).await.map(|()| ExitCode::SUCCESS).map_err(Failure::from),
        Command::Down => down().await.map(|()| ExitCode::SUCCESS).map_err(Failure::from),
    };
    result.unwrap_or_else(|failure| {
        eprintln!("local-cloud: {failure}");
        ExitCode::FAILURE
    })
}

async fn demo() -> Result<(), Failure> {
    let mut reporter = Reporter::stdout();
    tokio::select! {
        result = demo::run(&mut reporter, false) => result.map(drop),
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    }
}

async fn up(auth: bool, keep: bool) -> Result<(), Error> {
    let mut daemon = Daemon::start().await?;
    eprintln!("local-cloud: starting");
    let cloud = Cloud::start(CloudOptions { auth, keep, ..CloudOptions::default() }).await?;
    let cluster = cloud.create_cluster(CLUSTER, ClusterOptions::default()).await?;
    cluster.control_plane().set_aws_auth(AWS_AUTH).await?;
    let administrator = administrator(&cloud).await?;
    let folder = cloud.folder().display();
    let directions = format!(
        "# A local cloud is running, with the EKS cluster demo. Its logs are in {folder}\n\
         # Stop it with: local-cloud down\n{}",
        daemon::environment(&cloud, &cluster, &administrator)?
    );
    io::stdout().write_all(directions.as_bytes()).map_err(Error::file("write to", "stdout"))?;

    let stop_request = daemon.stop_requested().await;
    eprintln!("local-cloud: stopping");
    drop(cluster);
    drop(cloud);
    // The client waits until the connection is closed.
    drop(daemon);
    drop(stop_request);
    Ok(())
}

async fn down() -> Result<(), Error> {
    if !daemon::down().await? {
        eprintln!("local-cloud: no cloud is running");
    }
    Ok(())
}
