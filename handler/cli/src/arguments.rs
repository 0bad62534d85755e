//! The command line: commands, options and their help texts.

#![allow(clippy::doc_markdown, reason = "clap prints these comments on the terminal, where backticks do not help")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Show what Custom::KarpenterPrereqs would do, check an installation, and draw where the time of a run went. Nothing is changed.
///
/// AWS calls use your own credentials, as the AWS CLI finds them: environment, profile or SSO. Calls to the Kubernetes API use
/// the access that this identity has in the cluster.
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
    /// Print the steps of a Create, an Update or a Delete, without doing them
    ///
    /// Preflight problems that the function would report are errors.
    /// Exit code: 0 nothing to do, 2 changes, 1 a problem or another error.
    Plan(Plan),
    /// Check an installation: can Karpenter assume its role, can nodes join, what is missing
    ///
    /// Compares the account with the given properties. It does not matter whether a stack or a person created the objects.
    /// Exit code: 0 nothing is missing, 2 findings, 1 error.
    Check(Check),
    /// Draw where the time of a run went, from the log of the function
    Timeline(Timeline),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// The options of `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The resource.
    #[command(flatten)]
    pub resource: ResourceOptions,
    /// A file with an event of CloudFormation (`-`: standard input), instead of properties, stack and operation
    #[arg(long, value_name = "FILE", conflicts_with_all = ["properties", "old_properties", "operation", "stack", "logical_id"])]
    pub event: Option<PathBuf>,
    /// The operation to plan [default: Update if the stack has the resource, otherwise Create]
    #[arg(long, value_enum, ignore_case = true)]
    pub operation: Option<OperationName>,
    /// Also print changed policies and new documents line by line
    #[arg(long, conflicts_with = "json")]
    pub diff: bool,
    /// A deployed property whose value differs from --property. An Update
    /// removes what only the old properties need. NAME= means that it is not set
    #[arg(long = "old-property", value_name = "NAME=VALUE")]
    pub old_properties: Vec<String>,
    /// The output format.
    #[command(flatten)]
    pub output: Output,
}

/// The options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The resource.
    #[command(flatten)]
    pub resource: ResourceOptions,
    /// The output format.
    #[command(flatten)]
    pub output: Output,
}

/// The properties of the resource, its stack, and the AWS account.
#[derive(Debug, Args)]
pub struct ResourceOptions {
    /// A property of the resource, such as ClusterName=my-cluster. A list is a,b or JSON, a map is JSON
    #[arg(long = "property", short = 'p', value_name = "NAME=VALUE")]
    pub properties: Vec<String>,
    /// The stack of the resource, by name or ARN [default: none, the resource is not deployed yet]
    #[arg(long)]
    pub stack: Option<String>,
    /// The logical id of the resource [default: the only one in the stack, or KarpenterPrereqs]
    #[arg(long)]
    pub logical_id: Option<String>,
    /// The profile of your AWS configuration
    #[arg(long)]
    pub profile: Option<String>,
    /// The Region of the stack and the cluster [default: the Region of your AWS configuration]
    #[arg(long)]
    pub region: Option<String>,
}

/// The output format of `plan` and `check`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Output {
    /// Print JSON, with complete documents
    #[arg(long)]
    pub json: bool,
}

/// The options of `timeline`.
#[derive(Debug, Args)]
pub struct Timeline {
    /// The log (`-`: standard input): lines as the function writes them, the output of `aws logs tail`, or the JSON of
    /// `aws logs filter-log-events`. Runs in several log streams are separated by the names of the streams, which
    /// `--format short` omits
    pub log: PathBuf,
    /// The run to draw, counted from 1 [default: the last]
    #[arg(long, value_name = "N")]
    pub run: Option<usize>,
    /// The SVG file to write (`-`: standard output)
    #[arg(long, short, value_name = "FILE", default_value = "timeline.svg")]
    pub output: PathBuf,
    /// List the runs in the log, and draw none
    #[arg(long, conflicts_with_all = ["run"])]
    pub list: bool,
}

/// An operation that CloudFormation requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OperationName {
    /// Create the resource.
    Create,
    /// Change the resource.
    Update,
    /// Delete the resource.
    Delete,
}

impl OperationName {
    /// Returns the value of `RequestType` in an event.
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
    fn command_line_passes_claps_assertions() {
        Arguments::command().debug_assert();
    }
}
