//! Shows and checks access: of nodes at the real API server, and of the controller at STS.

use local_cloud::{Error, scenario::AWS_AUTH, world::World};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{Environment, Failure, Reporter, created::json};

/// Shows and checks the change of aws-auth.
pub(crate) fn aws_auth(reporter: &mut Reporter, environment: &Environment, world: &World) -> Result<(), Failure> {
    let after = world.get("aws-auth/mapRoles").unwrap_or_default();
    let diff = TextDiff::from_lines(AWS_AUTH, after);
    let lines: Vec<_> = diff
        .iter_all_changes()
        .map(|line| match line.tag() {
            ChangeTag::Delete => ('-', line.value().trim_end_matches('\n')),
            ChangeTag::Insert => ('+', line.value().trim_end_matches('\n')),
            ChangeTag::Equal => (' ', line.value().trim_end_matches('\n')),
        })
        .collect();
    reporter.dim_line("data.mapRoles of the ConfigMap kube-system/aws-auth")?;
    reporter.diff(lines.iter().copied())?;
    let annotations = annotations(world);
    reporter.dim_line("metadata.annotations")?;
    reporter.diff(annotations.iter().map(|line| ('+', line.as_str())))?;
    reporter.blank_line()?;

    reporter.check(
        annotations_before(environment).is_empty() && annotations.len() == 1,
        "one annotation records the entry of this stack",
        || annotations.join("\n"),
    )?;
    reporter.check(
        lines.iter().all(|(sign, _)| *sign != '-'),
        "existing lines are unchanged, and only lines were added",
        || "a line was removed or changed".to_owned(),
    )?;
    let entries = |text: &str| {
        yaml_serde::from_str::<Vec<Value>>(text).map_err(|error| check_failed("mapRoles is valid YAML", &error))
    };
    let mut expected = entries(AWS_AUTH)?;
    expected.push(serde_json::json!({
        "rolearn": "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo",
        "username": "system:node:{{EC2PrivateDNSName}}",
        "groups": ["system:bootstrappers", "system:nodes"],
    }));
    let found = entries(after)?;
    reporter.check(
        found == expected,
        "another YAML parser reads the existing entries and the node role's entry",
        || format!("{found:#?}"),
    )
}

/// Starts a node with the stack's instance profile, and checks that it joins.
pub(crate) async fn node(reporter: &mut Reporter, environment: &Environment) -> Result<(), Failure> {
    let node = reporter
        .step(
            "an instance starts with the instance profile",
            environment
                .node
                .get_or_try_init(|| Box::pin(environment.cluster.run_node("KarpenterNodeInstanceProfile-demo"))),
        )
        .await?;
    let admitted = environment.cluster.wait_admitted(&node.credentials);
    let identity = reporter.step("aws-iam-authenticator sees the new aws-auth", admitted).await?;
    reporter.line(format_args!("kube-apiserver authenticates the session of {} as:", node.instance_id))?;
    let username = format!("system:node:{}", node.private_dns_name);
    let found = || format!("{identity:?}");
    reporter.check(
        identity.username == username && node.private_dns_name.starts_with("ip-"),
        format_args!("username  {username}"),
        found,
    )?;
    let groups = ["system:authenticated", "system:bootstrappers", "system:nodes"];
    reporter.check(identity.groups == groups, format_args!("groups    {}", groups.join(", ")), found)
}

/// Checks that Karpenter's service account can assume the controller role, and others cannot.
pub(crate) async fn controller(reporter: &mut Reporter, environment: &Environment) -> Result<(), Failure> {
    let role = format!("arn:aws:iam::{}:role/KarpenterControllerRole-demo", environment.cloud.account());
    let session = async |namespace: &str, name: &str| {
        let token =
            environment.cluster.control_plane().service_account_token(namespace, name, "sts.amazonaws.com").await?;
        environment.cluster.assume_role_with_web_identity(&role, &token).await
    };
    reporter.line("AssumeRoleWithWebIdentity with service account tokens of kube-apiserver:")?;
    let credentials = session("karpenter", "karpenter").await?;
    let sdk = environment.cloud.sdk_config(credentials);
    let identity = aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await;
    let identity = identity.map_err(Error::aws("GetCallerIdentity"))?;
    let arn =
        format!("arn:aws:sts::{}:assumed-role/KarpenterControllerRole-demo/web-identity", environment.cloud.account());
    let check = format!("{:<22}  {arn}", "karpenter/karpenter");
    reporter.check(identity.arn() == Some(arn.as_str()), check, || format!("{identity:?}"))?;
    for (namespace, name) in [("kube-system", "karpenter"), ("karpenter", "another")] {
        let rejected = session(namespace, name).await;
        let check = format!("{:<22}  AccessDenied", format!("{namespace}/{name}"));
        let is_denied = rejected.as_ref().is_err_and(|error| error.code() == Some("AccessDenied"));
        reporter.check(is_denied, check, || format!("{rejected:?}"))?;
    }
    Ok(())
}

/// Checks that the cluster rejects the node again.
pub(crate) async fn node_is_rejected(reporter: &mut Reporter, environment: &Environment) -> Result<(), Failure> {
    let Some(node) = environment.node.get() else { return Ok(()) };
    reporter
        .step("aws-iam-authenticator sees the restored aws-auth", environment.cluster.wait_refused(&node.credentials))
        .await?;
    let identity = environment.cluster.identity(&node.credentials).await?;
    let check = format!("kube-apiserver rejects the session of {}: 401 Unauthorized", node.instance_id);
    reporter.check(identity.is_none(), check, || format!("{identity:?}"))
}

fn annotations(world: &World) -> Vec<String> {
    let metadata = json(world, "aws-auth/metadata");
    let annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    annotations.iter().map(|(key, value)| format!("{key}: {}", value.as_str().unwrap_or_default())).collect()
}

fn annotations_before(environment: &Environment) -> Vec<String> {
    annotations(&environment.before)
}

fn check_failed(check: &str, found: &dyn std::fmt::Display) -> Failure {
    Failure::CheckFailed { check: check.to_owned(), found: found.to_string() }
}
