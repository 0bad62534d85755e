//! `local-cloud demo` shows the whole runbook on a local cloud. `local-cloud up` brings up a local cloud with one EKS
//! cluster, tells how to reach it, and stays until it is interrupted or `local-cloud down` is said. `local-cloud sweep`
//! runs the whole sweep.

mod demo;
mod hold;
mod sweeper;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{ArgAction, Parser, Subcommand};
use local_cloud::{Cloud, CloudOptions, ClusterOptions, Error};

use crate::{
    demo::{Failure, Page},
    hold::Hold,
    sweeper::Sweeper,
};

/// An AWS account and an EKS cluster on this machine.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show, and check, what a stack does for a cluster, from its creation to its deletion
    Demo {
        /// Do not delete the stack; leave the cloud up, and tell how to reach it
        #[arg(long)]
        keep: bool,
        /// Be the process that stays (for --keep's own use)
        #[arg(long, hide = true, requires = "keep")]
        hold: bool,
    },
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
    /// Run each operation under each fault of each of its calls, and judge what comes of it
    Sweep {
        /// How many clouds work side by side
        #[arg(long, default_value_t = 6)]
        shards: usize,
        /// The folder where the verdicts are kept until the sweep is over, so that it can be interrupted
        #[arg(long)]
        state: PathBuf,
        /// Run this case alone, and show what differs
        #[arg(long)]
        case: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { hold: true, .. } => demo::background::hold().await.map(|()| ExitCode::SUCCESS),
        Command::Demo { keep: true, .. } => demo::background::start(),
        Command::Demo { .. } => demo().await.map(|()| ExitCode::SUCCESS),
        Command::Up { auth, keep } => up(auth, keep).await.map(|()| ExitCode::SUCCESS).map_err(Failure::from),
        Command::Sweep { shards, state, case } => {
            let good = Box::pin(Sweeper { shards, state, case }.sweep()).await;
            good.map(|good| if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }).map_err(Failure::from)
        }
        Command::Down => down().await.map(|()| ExitCode::SUCCESS).map_err(Failure::from),
    };
    result.unwrap_or_else(|failure| {
        eprintln!("local-cloud: {failure}");
        ExitCode::FAILURE
    })
}

async fn demo() -> Result<(), Failure> {
    let mut page = Page::stdout();
    tokio::select! {
        played = demo::play(&mut page, false) => played.map(drop),
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
    }
}

async fn up(auth: bool, keep: bool) -> Result<(), Error> {
    let mut hold = Hold::begin().await?;
    eprintln!("local-cloud: starting");
    let cloud = Cloud::start(CloudOptions { auth, keep, ..CloudOptions::default() }).await?;
    let cluster = cloud.create_cluster("demo", ClusterOptions::default()).await?;
    let folder = cloud.folder().display();
    let directions = format!(
        "# A local cloud is up, with the EKS cluster demo; its logs are in {folder}\n\
         # End it with: local-cloud down\n{}",
        hold::environment(&cloud, &cluster)
    );
    io::stdout().write_all(directions.as_bytes()).map_err(Error::file("write to", "stdout"))?;

    let asked = hold.asked().await;
    eprintln!("local-cloud: ending");
    drop(cluster);
    drop(cloud);
    // Whoever asked waits for the end of this connection.
    drop(hold);
    drop(asked);
    Ok(())
}

async fn down() -> Result<(), Error> {
    if !hold::down().await? {
        eprintln!("local-cloud: no cloud is up");
    }
    Ok(())
}
