//! `karpenter-prereqs`, the program that people run: it tells what comes, what is missing and where the time went, and
//! changes nothing. That a plan is what comes of it in any world is proved by the suite `convergence`.

mod check;
mod plan;
mod timeline;

use local_cloud::{
    cli::{Cli, CommandOutput},
    scenario::Scenario,
};

/// A person in a cloud.
struct Person {
    scenario: Scenario,
    cli: Cli,
}

impl Person {
    async fn start() -> Self {
        let scenario = Scenario::start().await.unwrap();
        let cli = Cli::new(&scenario).await.unwrap();
        Self { scenario, cli }
    }

    /// Runs the program, which must write nothing.
    async fn says(&self, arguments: &[&str]) -> CommandOutput {
        let journal = self.scenario.cloud.gateway().journal();
        let mark = journal.position();
        let said = self.cli.run(arguments, "").await.unwrap();
        let writes: Vec<_> = journal.since(mark).into_iter().filter(local_cloud::gateway::Call::is_write).collect();
        assert!(writes.is_empty(), "{writes:?}");
        said
    }
}
