//! `plan`: what a user reads before a deployment, and after it.

use local_cloud::scenario::with;
use serde_json::{Value, json};

use super::User;
use crate::program::{actual_writes, planned_writes};

/// The shortest command that plans a Create.
const PLAN: [&str; 3] = ["plan", "--property", "ClusterName=demo"];

/// Without a stack, the plan equals the writes of the Create that follows. The text output has no colours if the output is
/// no terminal.
#[tokio::test]
async fn plan_before_deployment_equals_create() {
    let mut user = User::start().await;
    let output = user.run(&PLAN).await;
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    for line in [
        "Create of KarpenterPrereqs (not deployed yet), us-east-1, account 111122223333",
        "    + create role `KarpenterNodeRole-demo`",
        "        + EKSClusterEndpointLookup: eks:DescribeCluster",
        "        +- rolearn: arn:aws:iam::111122223333:role/KarpenterNodeRole-demo",
        "Warning: KP0301: KarpenterVersion is not set",
        "11 to add, 0 to change, 0 to remove.",
    ] {
        assert!(output.stdout.contains(line), "{line}\n{}", output.stdout);
    }
    assert!(!output.stdout.contains('\u{1b}'), "colours without a terminal: {}", output.stdout);

    let plan = user.run(&[&PLAN[..], &["--json"]].concat()).await.json();
    let created = user.scenario.send(&user.scenario.resource.create(&with(json!({})))).await.unwrap();
    created.succeeded();
    assert_eq!(planned_writes(&plan), actual_writes(&created.calls), "{plan:#}");
}

/// `plan` reports the problems that the function would report: objects of another stack, invalid properties, a missing
/// cluster. Invalid arguments are errors too. The exit code is 1.
#[tokio::test]
async fn plan_with_problems_reports_same_text_as_function() {
    let mut user = User::start().await;
    user.scenario.send(&user.scenario.resource.create(&with(json!({})))).await.unwrap().succeeded();
    for (arguments, words) in [
        (
            &["--property", "ClusterName=demo"][..],
            "role `KarpenterNodeRole-demo` already exists and belongs to the resource arn:aws:cloudformation:us-east-1:111122223333:stack/platform/",
        ),
        (&["--property", "Clustername=demo"], "KP0101: unknown property `Clustername`. Did you mean `ClusterName`?"),
        (
            &["--property", "ClusterName=nope"],
            "KP0001: EKS has no cluster `nope` in region us-east-1 of account 111122223333",
        ),
        (&["--property", "ClusterName"], "invalid property `ClusterName`: expected NAME=VALUE"),
        (&["--event", "/no/such/file"], "cannot read /no/such/file: No such file"),
        (
            &["--property", "ClusterName=demo", "--stack", "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0"],
            "stack arn:aws:cloudformation:us-east-1:111122223333:stack/s/0 does not exist",
        ),
    ] {
        let output = user.run(&[&["plan"], arguments].concat()).await;
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    let output = user.run(&["plan", "--no-such-option"]).await;
    assert_eq!(output.code, Some(1), "{}", output.stderr);
}

/// Invalid properties, options and events are reported without AWS credentials and without a network. A Delete accepts the
/// properties that made the Create fail, so it needs credentials.
#[tokio::test]
async fn invalid_input_is_reported_before_credentials_are_needed() {
    let user = User::start().await;
    let mut without_credentials = user.cli.clone().with("AWS_EC2_METADATA_DISABLED", "true");
    for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"] {
        without_credentials = without_credentials.with(variable, "");
    }
    let event = |operation: &str, properties: Value| {
        let mut event = json!({
            "RequestType": operation, "LogicalResourceId": "Prereqs", "ResourceProperties": properties,
            "StackId": "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a",
        });
        if operation != "Create" {
            event["PhysicalResourceId"] = json!("none");
        }
        event.to_string()
    };
    let invalid = json!({"Clustername": "demo", "RolePath": "x"});
    let words = "KP0101: unknown property `Clustername`. Did you mean `ClusterName`? KP0102: `ClusterName` is required";
    let no_credentials = "no AWS credentials found";
    let options = ["--property", "Clustername=demo", "--property", "RolePath=x"];
    let with_options = |command: &[&'static str]| [command, &options[..]].concat();
    for (arguments, event, words) in [
        (with_options(&["plan"]), String::new(), words),
        (with_options(&["plan", "--operation", "update", "--stack", "s"]), String::new(), words),
        (with_options(&["check"]), String::new(), words),
        (vec!["plan", "--event", "-"], event("Create", invalid.clone()), words),
        (vec!["plan", "--event", "-"], event("Update", invalid.clone()), words),
        (
            [&PLAN[..], &["--operation", "delete"]].concat(),
            String::new(),
            "--stack is not set: Delete needs an existing resource",
        ),
        ([&PLAN[..], &["--old-property", "RolePath=/x/"]].concat(), String::new(), "--old-property needs an Update"),
        (vec!["plan", "--event", "-"], "{".to_owned(), "standard input is not valid JSON"),
        (vec!["plan", "--event", "-"], "{}".to_owned(), "the event has no StackId"),
        (vec!["plan", "--event", "-"], event("Destroy", json!({})), "unknown variant `Destroy`"),
        (PLAN.to_vec(), String::new(), "no Region is configured: set AWS_REGION, or pass --region"),
        (vec!["plan", "--event", "-"], event("Delete", invalid), no_credentials),
        (
            with_options(&["plan", "--operation", "delete", "--region", "us-east-1", "--stack", "s"]),
            String::new(),
            no_credentials,
        ),
    ] {
        let output = without_credentials.run(&arguments, &event).await.unwrap();
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(output.stderr.contains(words), "{arguments:?}: {}", output.stderr);
    }
}

/// The plan of a replacement lists the deletions of CloudFormation's cleanup in a section of their own.
#[tokio::test]
async fn plan_of_replacement_separates_cleanup_steps() {
    let mut user = User::start().await;
    let resource = user.scenario.resource.clone();
    let (old, new) = (with(json!({})), with(json!({"NodeRoleName": "nodes", "InstanceProfileName": "profile"})));
    let id = user.scenario.send(&resource.create(&old)).await.unwrap().response.physical_resource_id;
    let url = user.scenario.responses.expect(resource.create(&old).ids());
    let event = resource.update(&id, &new, &old).with_response_url(&url).to_string();
    let output = user.cli.run(&["plan", "--event", "-"], &event).await.unwrap();
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    let (before, after) =
        output.stdout.split_once("After this Update, CloudFormation deletes the replaced resource:").unwrap();
    assert!(before.contains("+ create role `nodes`") && !before.contains("delete role"), "{before}");
    assert!(after.contains("- delete role `KarpenterNodeRole-demo`"), "{after}");
}

/// The cleanup in the plan of a replacement does not delete objects that the new generation uses too. Running nodes prevent
/// the cleanup, but not the Update. The cleanup's plan equals the writes of the Delete that follows.
#[tokio::test]
async fn plan_of_replacement_keeps_shared_objects() {
    let mut user = User::start().await;
    let resource = user.scenario.resource.clone();
    let (old, new) = (with(json!({})), with(json!({"ControllerRoleName": "another"})));
    let id = user.scenario.send(&resource.create(&old)).await.unwrap().response.physical_resource_id;
    let url = user.scenario.responses.expect(resource.create(&old).ids());
    let event = resource.update(&id, &new, &old).with_response_url(&url).to_string();
    let output = user.cli.run(&["plan", "--json", "--event", "-"], &event).await.unwrap().json();
    let stages = output["stages"].as_array().unwrap();
    let clean_up = stages.iter().find(|stage| stage["part"] == "cleanUp").unwrap();
    let steps: Vec<_> = clean_up["steps"].as_array().unwrap().iter().map(|step| step["summary"].clone()).collect();
    assert!(steps.contains(&json!("delete role `KarpenterControllerRole-demo`")), "{steps:?}");
    assert!(!steps.contains(&json!("delete role `KarpenterNodeRole-demo`")), "{steps:?}");

    let node = user.scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
    let output = user.cli.run(&["plan", "--json", "--event", "-"], &event).await.unwrap();
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    user.scenario.cluster.end_node(&node).await.unwrap();

    user.scenario.send(&resource.update(&id, &new, &old)).await.unwrap().succeeded();
    let deleted = user.scenario.send(&resource.delete(&id, &old)).await.unwrap();
    deleted.succeeded();
    let only = json!({"stages": [{"part": "tearDown", "steps": clean_up["steps"]}]});
    assert_eq!(planned_writes(&only), actual_writes(&deleted.calls), "{clean_up:#}");
}

/// A Delete or an Update without an existing stack is an error, and so are credentials of another account. A Create with
/// the name of a stack that does not exist yet is planned.
#[tokio::test]
async fn plan_without_matching_stack_or_account_is_rejected() {
    let user = User::start().await;
    let [property, cluster] = ["--property", "ClusterName=demo"];
    for (arguments, words) in [
        (&["--operation", "delete"][..], "--stack is not set: Delete needs an existing resource"),
        (
            &["--operation", "update", "--stack", "nope"],
            "stack `nope` does not exist yet: Update needs an existing resource",
        ),
        (&["--old-property", "RolePath=/x/"], "--old-property needs an Update, but the operation is Create"),
    ] {
        let output = user.run(&[&["plan", property, cluster], arguments].concat()).await;
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
    let output = user.run(&["plan", property, cluster, "--stack", "nope"]).await;
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stdout.contains("stack `nope` does not exist yet"), "{}", output.stdout);

    let event = json!({
        "RequestType": "Create", "LogicalResourceId": "Prereqs", "ResourceProperties": {"ClusterName": "demo"},
        "StackId": "arn:aws:cloudformation:us-east-1:444455556666:stack/s/0a",
    });
    let output = user.cli.run(&["plan", "--event", "-"], &event.to_string()).await.unwrap();
    let words = "the stack of the event is in account 444455556666, but the credentials are for account 111122223333";
    assert!(output.code == Some(1) && output.stderr.contains(words), "{}", output.stderr);
}

/// `--profile` overrides credentials in environment variables.
#[tokio::test]
async fn profile_option_overrides_environment_credentials() {
    let user = User::start().await;
    let file = user.scenario.cloud.folder().join("credentials");
    let account = user.scenario.cloud.account();
    std::fs::write(&file, format!("[root]\naws_access_key_id = {account}\naws_secret_access_key = test\n")).unwrap();
    let cli = user.cli.clone().with("AWS_SHARED_CREDENTIALS_FILE", file.to_string_lossy());
    // The root user of the account has no access to the cluster. The role of the environment variables has.
    let of_profile = cli.run(&[&PLAN[..], &["--profile", "root"]].concat(), "").await.unwrap();
    assert!(of_profile.stderr.contains("does not know your AWS identity"), "{of_profile:?}");
    let of_environment = cli.run(&PLAN, "").await.unwrap();
    assert_eq!(of_environment.code, Some(2), "{}", of_environment.stderr);
    let without_credentials = cli.clone().with("AWS_ACCESS_KEY_ID", "").with("AWS_SECRET_ACCESS_KEY", "");
    let output = without_credentials.with("AWS_EC2_METADATA_DISABLED", "true").run(&PLAN, "").await.unwrap();
    assert_eq!(output.code, Some(1));
    assert!(
        output.stderr.contains("no AWS credentials found. Log in, set them in the environment, or pass --profile"),
        "{output:?}"
    );
    let of_none = cli.run(&[&PLAN[..], &["--profile", "no-such-profile"]].concat(), "").await.unwrap();
    assert!(of_none.code == Some(1) && of_none.stderr.contains("no-such-profile"), "{}", of_none.stderr);
}

/// If the cluster does not know the user's AWS identity, the message says so and suggests another profile.
#[tokio::test]
async fn credentials_without_cluster_access_are_reported() {
    let user = User::start().await;
    let stranger = user.cli.clone().with("AWS_ACCESS_KEY_ID", user.scenario.cloud.account());
    let stranger = stranger.with("AWS_SECRET_ACCESS_KEY", "test").with("AWS_SESSION_TOKEN", "");
    let output = stranger.run(&PLAN, "").await.unwrap();
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    assert!(output.stderr.contains("does not know your AWS identity (401 Unauthorized)"), "{}", output.stderr);
    assert!(output.stderr.contains("use a profile that leads to a role that has access"), "{}", output.stderr);
    // The 401 is retried for more than two seconds, so the program prints its progress.
    assert!(output.stderr.contains("reading EKS, IAM, EC2 and the Kubernetes API: "), "{}", output.stderr);
}
