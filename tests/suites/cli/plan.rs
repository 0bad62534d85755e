//! `plan`: what a person reads before anything is deployed, and after.

use local_cloud::{
    cli::{actual_writes, planned_writes},
    scenario::with,
};
use serde_json::{Value, json};

use super::Person;

const BOUND: [&str; 3] = ["plan", "--property", "ClusterName=demo"];

/// Before there is a stack the plan is that of the Create that comes; it says so in words too.
#[tokio::test]
async fn what_is_not_deployed_yet_is_told_whole_and_comes_so() {
    let mut person = Person::start().await;
    let told = person.says(&BOUND).await;
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    for line in [
        "Create of KarpenterPrereqs (not deployed yet), us-east-1, account 111122223333",
        "    + create role `KarpenterNodeRole-demo`",
        "        + EKSClusterEndpointLookup: eks:DescribeCluster",
        "        +- rolearn: arn:aws:iam::111122223333:role/KarpenterNodeRole-demo",
        "Warning: KP0301: KarpenterVersion is not set",
        "11 to add, 0 to change, 0 to remove.",
    ] {
        assert!(told.stdout.contains(line), "{line}\n{}", told.stdout);
    }
    assert!(!told.stdout.contains('\u{1b}'), "colours, and no terminal: {}", told.stdout);

    let plan = person.says(&[&BOUND[..], &["--json"]].concat()).await.json();
    let created = person.scenario.send(&person.scenario.resource.create(&with(json!({})))).await.unwrap();
    created.succeeded();
    assert_eq!(planned_writes(&plan), actual_writes(&created.calls), "{plan:#}");
}

/// What another stack made is refused as the function would refuse it; so are bad properties, and what is no property.
#[tokio::test]
async fn what_would_be_refused_is_told_in_the_functions_words() {
    let mut person = Person::start().await;
    person.scenario.send(&person.scenario.resource.create(&with(json!({})))).await.unwrap().succeeded();
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
        let told = person.says(&[&["plan"], arguments].concat()).await;
        assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(told.stderr.contains(words), "{}", told.stderr);
    }
    let told = person.says(&["plan", "--no-such-option"]).await;
    assert_eq!(told.code, Some(1), "{}", told.stderr);
}

/// A slip in what is asked is told to whoever has no credentials yet, and to whoever sits in no network. A Delete takes
/// what made the Create fail.
#[tokio::test]
async fn a_slip_is_told_before_credentials_are_asked_for() {
    let person = Person::start().await;
    let mut nobody = person.cli.clone().with("AWS_EC2_METADATA_DISABLED", "true");
    for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"] {
        nobody = nobody.with(variable, "");
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
    let slip = json!({"Clustername": "demo", "RolePath": "x"});
    let words = "KP0101: unknown property `Clustername`. Did you mean `ClusterName`? KP0102: `ClusterName` is required";
    let no_credentials = "no AWS credentials found";
    let slips = ["--property", "Clustername=demo", "--property", "RolePath=x"];
    let by_hand = |command: &[&'static str]| [command, &slips[..]].concat();
    for (arguments, event, words) in [
        (by_hand(&["plan"]), String::new(), words),
        (by_hand(&["plan", "--operation", "update", "--stack", "s"]), String::new(), words),
        (by_hand(&["check"]), String::new(), words),
        (vec!["plan", "--event", "-"], event("Create", slip.clone()), words),
        (vec!["plan", "--event", "-"], event("Update", slip.clone()), words),
        (
            [&BOUND[..], &["--operation", "delete"]].concat(),
            String::new(),
            "--stack is not set: Delete needs an existing resource",
        ),
        ([&BOUND[..], &["--old-property", "RolePath=/x/"]].concat(), String::new(), "--old-property needs an Update"),
        (vec!["plan", "--event", "-"], "{".to_owned(), "standard input is not valid JSON"),
        (vec!["plan", "--event", "-"], "{}".to_owned(), "the event has no StackId"),
        (vec!["plan", "--event", "-"], event("Destroy", json!({})), "unknown variant `Destroy`"),
        (BOUND.to_vec(), String::new(), "no Region is configured: set AWS_REGION, or pass --region"),
        (vec!["plan", "--event", "-"], event("Delete", slip), no_credentials),
        (
            by_hand(&["plan", "--operation", "delete", "--region", "us-east-1", "--stack", "s"]),
            String::new(),
            no_credentials,
        ),
    ] {
        let told = nobody.run(&arguments, &event).await.unwrap();
        assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(told.stderr.contains(words), "{arguments:?}: {}", told.stderr);
    }
}

/// Of an Update that replaces the resource, what CloudFormation's clean-up takes away is told apart.
#[tokio::test]
async fn a_replacement_tells_what_goes_afterwards() {
    let mut person = Person::start().await;
    let resource = person.scenario.resource.clone();
    let (old, new) = (with(json!({})), with(json!({"NodeRoleName": "nodes", "InstanceProfileName": "profile"})));
    let id = person.scenario.send(&resource.create(&old)).await.unwrap().response.physical_resource_id;
    let url = person.scenario.responses.expect(resource.create(&old).ids());
    let event = resource.update(&id, &new, &old).with_response_url(&url).to_string();
    let told = person.cli.run(&["plan", "--event", "-"], &event).await.unwrap();
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let (before, after) =
        told.stdout.split_once("After this Update, CloudFormation deletes the replaced resource:").unwrap();
    assert!(before.contains("+ create role `nodes`") && !before.contains("delete role"), "{before}");
    assert!(after.contains("- delete role `KarpenterNodeRole-demo`"), "{after}");
}

/// What the new generation uses too is not said to go; and nodes that run keep the clean-up from going on, not the Update.
#[tokio::test]
async fn what_a_replacement_keeps_does_not_go() {
    let mut person = Person::start().await;
    let resource = person.scenario.resource.clone();
    let (old, new) = (with(json!({})), with(json!({"ControllerRoleName": "another"})));
    let id = person.scenario.send(&resource.create(&old)).await.unwrap().response.physical_resource_id;
    let url = person.scenario.responses.expect(resource.create(&old).ids());
    let event = resource.update(&id, &new, &old).with_response_url(&url).to_string();
    let told = person.cli.run(&["plan", "--json", "--event", "-"], &event).await.unwrap().json();
    let stages = told["stages"].as_array().unwrap();
    let clean_up = stages.iter().find(|stage| stage["part"] == "cleanUp").unwrap();
    let foretold: Vec<_> = clean_up["steps"].as_array().unwrap().iter().map(|step| step["summary"].clone()).collect();
    assert!(foretold.contains(&json!("delete role `KarpenterControllerRole-demo`")), "{foretold:?}");
    assert!(!foretold.contains(&json!("delete role `KarpenterNodeRole-demo`")), "{foretold:?}");

    let node = person.scenario.cluster.run_node("KarpenterNodeInstanceProfile-demo").await.unwrap();
    let told = person.cli.run(&["plan", "--json", "--event", "-"], &event).await.unwrap();
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    person.scenario.cluster.end_node(&node).await.unwrap();

    person.scenario.send(&resource.update(&id, &new, &old)).await.unwrap().succeeded();
    let deleted = person.scenario.send(&resource.delete(&id, &old)).await.unwrap();
    deleted.succeeded();
    let only = json!({"stages": [{"part": "tearDown", "steps": clean_up["steps"]}]});
    assert_eq!(planned_writes(&only), actual_writes(&deleted.calls), "{clean_up:#}");
}

/// A Delete or Update of what does not stand, and credentials of another account, are told apart from nothing to do.
#[tokio::test]
async fn what_is_not_found_is_told() {
    let person = Person::start().await;
    let [property, cluster] = ["--property", "ClusterName=demo"];
    for (arguments, words) in [
        (&["--operation", "delete"][..], "--stack is not set: Delete needs an existing resource"),
        (
            &["--operation", "update", "--stack", "nope"],
            "stack `nope` does not exist yet: Update needs an existing resource",
        ),
        (&["--old-property", "RolePath=/x/"], "--old-property needs an Update, but the operation is Create"),
    ] {
        let told = person.says(&[&["plan", property, cluster], arguments].concat()).await;
        assert_eq!((told.code, told.stdout.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(told.stderr.contains(words), "{}", told.stderr);
    }
    let told = person.says(&["plan", property, cluster, "--stack", "nope"]).await;
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stdout.contains("stack `nope` does not exist yet"), "{}", told.stdout);

    let event = json!({
        "RequestType": "Create", "LogicalResourceId": "Prereqs", "ResourceProperties": {"ClusterName": "demo"},
        "StackId": "arn:aws:cloudformation:us-east-1:444455556666:stack/s/0a",
    });
    let told = person.cli.run(&["plan", "--event", "-"], &event.to_string()).await.unwrap();
    let words = "the stack of the event is in account 444455556666, but the credentials are for account 111122223333";
    assert!(told.code == Some(1) && told.stderr.contains(words), "{}", told.stderr);
}

/// A profile of the AWS configuration is taken where it is named, also where the environment has other credentials.
#[tokio::test]
async fn the_profile_that_is_named_counts() {
    let person = Person::start().await;
    let file = person.scenario.cloud.folder().join("credentials");
    let account = person.scenario.cloud.account();
    std::fs::write(&file, format!("[root]\naws_access_key_id = {account}\naws_secret_access_key = test\n")).unwrap();
    let cli = person.cli.clone().with("AWS_SHARED_CREDENTIALS_FILE", file.to_string_lossy());
    // The cluster does not let the account's root in; whoever the environment has is let in.
    let of_profile = cli.run(&[&BOUND[..], &["--profile", "root"]].concat(), "").await.unwrap();
    assert!(of_profile.stderr.contains("does not know your AWS identity"), "{of_profile:?}");
    let of_environment = cli.run(&BOUND, "").await.unwrap();
    assert_eq!(of_environment.code, Some(2), "{}", of_environment.stderr);
    let nobody = cli.clone().with("AWS_ACCESS_KEY_ID", "").with("AWS_SECRET_ACCESS_KEY", "");
    let nobody = nobody.with("AWS_EC2_METADATA_DISABLED", "true").run(&BOUND, "").await.unwrap();
    assert_eq!(nobody.code, Some(1));
    assert!(
        nobody.stderr.contains("no AWS credentials found. Log in, set them in the environment, or pass --profile"),
        "{nobody:?}"
    );
    let of_none = cli.run(&[&BOUND[..], &["--profile", "nobody"]].concat(), "").await.unwrap();
    assert!(of_none.code == Some(1) && of_none.stderr.contains("nobody"), "{}", of_none.stderr);
}

/// Credentials that the cluster does not let in are told so, in words for a person.
#[tokio::test]
async fn who_is_not_let_into_the_cluster_is_told() {
    let person = Person::start().await;
    let stranger = person.cli.clone().with("AWS_ACCESS_KEY_ID", person.scenario.cloud.account());
    let stranger = stranger.with("AWS_SECRET_ACCESS_KEY", "test").with("AWS_SESSION_TOKEN", "");
    let told = stranger.run(&BOUND, "").await.unwrap();
    assert_eq!(told.code, Some(1), "{}", told.stdout);
    assert!(told.stderr.contains("does not know your AWS identity (401 Unauthorized)"), "{}", told.stderr);
    assert!(told.stderr.contains("use a profile that leads to a role that has access"), "{}", told.stderr);
    // It took longer than two seconds to be sure.
    assert!(told.stderr.contains("reading EKS, IAM, EC2 and the Kubernetes API: "), "{}", told.stderr);
}
