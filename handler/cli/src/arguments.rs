//! What can be said on the command line.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read on a terminal")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Show what Custom::KarpenterPrereqs would do, check what stands, and draw where a run's time went. Nothing is changed.
///
/// AWS is called with your own credentials, as the AWS CLI finds them (environment, profile, SSO), and a cluster's
/// Kubernetes API with the access that they have there.
#[derive(Debug, Parser)]
#[command(name = "karpenter-prereqs", version, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print what a Create, Update or Delete would do, step by step, and do nothing
    ///
    /// Exit code: 0 nothing to do, 2 changes, 1 error; what the function would refuse is an error, in its own words.
    Plan(Plan),
    /// Check an installation: can Karpenter assume its role, can nodes join, what is missing
    ///
    /// It is judged by what these properties ask for, whoever made it: by a stack, or by hand.
    /// Exit code: 0 nothing missing, 2 findings, 1 error.
    Check(Check),
    /// Draw where a run's time went, from the function's log
    Timeline(Timeline),
    /// Print a script that completes these commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// What is wanted.
    #[command(flatten)]
    pub wanted: Wanted,
    /// A file with the event that CloudFormation would send (`-`: standard input), in place of properties, stack and operation
    #[arg(long, value_name = "FILE", conflicts_with_all = ["properties", "old_properties", "operation", "stack", "logical_id"])]
    pub event: Option<PathBuf>,
    /// What to look at [default: Update where the stack has the resource, else Create]
    #[arg(long, value_enum, ignore_case = true)]
    pub operation: Option<OperationName>,
    /// Print the differences of policies line by line too, and those of new documents
    #[arg(long, conflicts_with = "json")]
    pub diff: bool,
    /// A property as it is deployed now, where it differs: what only the old
    /// properties asked for goes with an Update. NAME= for one that is not there
    #[arg(long = "old-property", value_name = "NAME=VALUE")]
    pub old_properties: Vec<String>,
    /// How it is told.
    #[command(flatten)]
    pub output: Output,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// What is wanted.
    #[command(flatten)]
    pub wanted: Wanted,
    /// How it is told.
    #[command(flatten)]
    pub output: Output,
}

/// What is wanted, and where.
#[derive(Debug, Args)]
pub struct Wanted {
    /// A property of the resource, such as ClusterName=my-cluster; a list as a,b, a map or a list as JSON
    #[arg(long = "property", short = 'p', value_name = "NAME=VALUE")]
    pub properties: Vec<String>,
    /// The stack of the resource, by name or ARN [default: none, it is not deployed yet]
    #[arg(long)]
    pub stack: Option<String>,
    /// The resource's logical id [default: the stack's only one, or KarpenterPrereqs]
    #[arg(long)]
    pub logical_id: Option<String>,
    /// The profile of your AWS configuration
    #[arg(long)]
    pub profile: Option<String>,
    /// The Region of the stack and the cluster [default: your AWS configuration's]
    #[arg(long)]
    pub region: Option<String>,
}

/// How it is told.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print JSON, with every document whole
    #[arg(long)]
    pub json: bool,
}

/// `timeline`.
#[derive(Debug, Args)]
pub struct Timeline {
    /// The log: lines as the function writes them, what `aws logs tail` prints, or the JSON of
    /// `aws logs filter-log-events` (`-`: standard input). Runs of several log streams are told apart by the streams'
    /// names, which `--format short` leaves out
    pub log: PathBuf,
    /// Which run of the log, from 1 [default: the last]
    #[arg(long, value_name = "N")]
    pub run: Option<usize>,
    /// Where the picture goes (`-`: standard output)
    #[arg(long, short, value_name = "FILE", default_value = "timeline.svg")]
    pub output: PathBuf,
    /// List the runs of the log, and draw none
    #[arg(long, conflicts_with_all = ["run"])]
    pub list: bool,
}

/// What CloudFormation would ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OperationName {
    /// Make it.
    Create,
    /// Make it so.
    Update,
    /// Take it away.
    Delete,
}

impl OperationName {
    /// As the event spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
