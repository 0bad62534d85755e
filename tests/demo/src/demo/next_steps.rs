//! What a user can try while the cloud keeps running: an environment for a shell, and commands.

use local_cloud::cli::{self, aws_environment};

use super::{Environment, Failure, Reporter};
use crate::daemon;

/// The arguments of `karpenter-prereqs` for each question.
const QUESTIONS: [(&str, &[&str]); 3] = [
    ("is anything missing?", &["check", "-p", "ClusterName=demo"]),
    (
        "what would an Update for Karpenter 1.15 do?",
        &["plan", "--stack", "karpenter-demo", "-p", "ClusterName=demo", "-p", "KarpenterVersion=1.15.0"],
    ),
    (
        "what would a Delete do?",
        &["plan", "--stack", "karpenter-demo", "-p", "ClusterName=demo", "--operation", "Delete"],
    ),
];

/// Commands of other programs.
const OTHER_COMMANDS: [&str; 4] = [
    "aws cloudformation describe-stack-events --stack-name karpenter-demo",
    "aws iam get-role --role-name KarpenterControllerRole-demo",
    "kubectl --namespace kube-system get configmap aws-auth --output yaml",
    "aws cloudformation delete-stack --stack-name karpenter-demo",
];

/// Prints an environment and commands, and runs those of `karpenter-prereqs`.
///
/// # Errors
/// [`Failure::CheckFailed`] if a command does not work.
pub(crate) async fn print(reporter: &mut Reporter, environment: &Environment) -> Result<(), Failure> {
    let Environment { cloud, cluster, administrator, .. } = environment;
    reporter.heading("The cloud keeps running, with the stack. Stop it with make down")?;
    environment.end_node(reporter).await?;
    reporter
        .dim_line("the environment for your shell: the role Admins, to which aws-auth gives access to the cluster")?;
    for line in daemon::environment(cloud, cluster, administrator)?.lines() {
        reporter.line(line)?;
    }
    reporter.dim_line("questions that change nothing:")?;
    for (question, arguments) in QUESTIONS {
        let output = cli::run(arguments, &aws_environment(cloud, administrator), "").await?;
        if !matches!(output.code, Some(0 | 2)) {
            let found = format!("{:?}\n{}{}", output.code, output.stdout, output.stderr);
            return Err(Failure::CheckFailed { check: format!("karpenter-prereqs {}", arguments.join(" ")), found });
        }
        reporter.line(format_args!("karpenter-prereqs {}  # {question}", arguments.join(" ")))?;
    }
    reporter.dim_line("to look at the objects, and to delete the stack, with the AWS CLI and kubectl:")?;
    for command in OTHER_COMMANDS {
        reporter.line(command)?;
    }
    reporter.dim_line(format_args!("logs: {}", cloud.folder().display()))
}
