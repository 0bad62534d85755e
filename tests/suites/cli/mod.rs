//! The commands `plan`, `check` and `timeline` of the program `karpenter-prereqs`, which change nothing.
//!
//! The suites `reconciliation` and `sequences` check that a plan equals the run that follows, in any state of the account.

mod check;
mod plan;
mod timeline;

use local_cloud::{cli::CommandOutput, scenario::Scenario};

use crate::program::Cli;

/// A user who runs the program against the cloud of a scenario.
struct User {
    scenario: Scenario,
    cli: Cli,
}

impl User {
    async fn start() -> Self {
        let scenario = Scenario::start().await.unwrap();
        let cli = Cli::new(&scenario).await.unwrap();
        Self { scenario, cli }
    }

    /// Runs the program with these arguments and an empty standard input. Asserts that it writes nothing.
    async fn run(&self, arguments: &[&str]) -> CommandOutput {
        let journal = self.scenario.cloud.gateway().journal();
        let mark = journal.position();
        let output = self.cli.run(arguments, "").await.unwrap();
        let writes: Vec<_> = journal.since(mark).into_iter().filter(local_cloud::gateway::Call::is_write).collect();
        assert!(writes.is_empty(), "{writes:?}");
        output
    }
}
