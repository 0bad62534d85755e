//! Who gets in, by the judgement of the real API server and of STS.

use local_cloud::{Error, scenario::AWS_AUTH, world::World};
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::{Failure, Page, Stage, made::json};

/// The difference that the stack makes to aws-auth.
pub(crate) fn aws_auth(page: &mut Page, stage: &Stage, world: &World) -> Result<(), Failure> {
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
    page.note("data.mapRoles of the ConfigMap kube-system/aws-auth")?;
    page.diff(lines.iter().copied())?;
    let annotations = annotations(world);
    page.note("metadata.annotations")?;
    page.diff(annotations.iter().map(|line| ('+', line.as_str())))?;
    page.gap()?;

    page.claim(
        annotations_before(stage).is_empty() && annotations.len() == 1,
        "one annotation says what is ours",
        || annotations.join("\n"),
    )?;
    page.claim(lines.iter().all(|(sign, _)| *sign != '-'), "no line of others changed: only lines were added", || {
        "a line was taken away or changed".to_owned()
    })?;
    let entries =
        |text: &str| yaml_serde::from_str::<Vec<Value>>(text).map_err(|error| not_so("mapRoles parses", &error));
    let mut expected = entries(AWS_AUTH)?;
    expected.push(serde_json::json!({
        "rolearn": "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo",
        "username": "system:node:{{EC2PrivateDNSName}}",
        "groups": ["system:bootstrappers", "system:nodes"],
    }));
    let found = entries(after)?;
    page.claim(found == expected, "another YAML parser reads the entries from before, and the node role's", || {
        format!("{found:#?}")
    })
}

/// A node with our instance profile joins.
pub(crate) async fn node(page: &mut Page, stage: &Stage) -> Result<(), Failure> {
    let node = page
        .step(
            "an instance starts with the instance profile",
            stage.node.get_or_try_init(|| Box::pin(stage.cluster.run_node("KarpenterNodeInstanceProfile-demo"))),
        )
        .await?;
    let admitted = stage.cluster.wait_admitted(&node.credentials);
    let identity = page.step("aws-iam-authenticator sees the new aws-auth", admitted).await?;
    page.line(format_args!("kube-apiserver, to the session of {}:", node.instance_id))?;
    let username = format!("system:node:{}", node.private_dns_name);
    let found = || format!("{identity:?}");
    page.claim(
        identity.username == username && node.private_dns_name.starts_with("ip-"),
        format_args!("username  {username}"),
        found,
    )?;
    let groups = ["system:authenticated", "system:bootstrappers", "system:nodes"];
    page.claim(identity.groups == groups, format_args!("groups    {}", groups.join(", ")), found)
}

/// Karpenter's service account assumes the controller role, and no other does.
pub(crate) async fn controller(page: &mut Page, stage: &Stage) -> Result<(), Failure> {
    let role = format!("arn:aws:iam::{}:role/KarpenterControllerRole-demo", stage.cloud.account());
    let session = async |namespace: &str, name: &str| {
        let token = stage.cluster.control_plane().service_account_token(namespace, name, "sts.amazonaws.com").await?;
        stage.cluster.assume_role_with_web_identity(&role, &token).await
    };
    page.line("AssumeRoleWithWebIdentity, with tokens that kube-apiserver signs for service accounts:")?;
    let credentials = session("karpenter", "karpenter").await?;
    let sdk = stage.cloud.sdk_config(credentials);
    let identity = aws_sdk_sts::Client::new(&sdk).get_caller_identity().send().await;
    let identity = identity.map_err(Error::aws("GetCallerIdentity"))?;
    let arn = format!("arn:aws:sts::{}:assumed-role/KarpenterControllerRole-demo/web-identity", stage.cloud.account());
    let claim = format!("{:<22}  {arn}", "karpenter/karpenter");
    page.claim(identity.arn() == Some(arn.as_str()), claim, || format!("{identity:?}"))?;
    for (namespace, name) in [("kube-system", "karpenter"), ("karpenter", "another")] {
        let refused = session(namespace, name).await;
        let claim = format!("{:<22}  AccessDenied", format!("{namespace}/{name}"));
        let denied = refused.as_ref().is_err_and(|error| error.code() == Some("AccessDenied"));
        page.claim(denied, claim, || format!("{refused:?}"))?;
    }
    Ok(())
}

/// The node stays outside again.
pub(crate) async fn refused(page: &mut Page, stage: &Stage) -> Result<(), Failure> {
    let Some(node) = stage.node.get() else { return Ok(()) };
    page.step("aws-iam-authenticator sees aws-auth as it was", stage.cluster.wait_refused(&node.credentials)).await?;
    let identity = stage.cluster.identity(&node.credentials).await?;
    let claim = format!("kube-apiserver, to the session of {}: 401 Unauthorized", node.instance_id);
    page.claim(identity.is_none(), claim, || format!("{identity:?}"))
}

fn annotations(world: &World) -> Vec<String> {
    let metadata = json(world, "aws-auth/metadata");
    let annotations = metadata["annotations"].as_object().cloned().unwrap_or_default();
    annotations.iter().map(|(key, value)| format!("{key}: {}", value.as_str().unwrap_or_default())).collect()
}

fn annotations_before(stage: &Stage) -> Vec<String> {
    annotations(&stage.before)
}

fn not_so(claim: &str, found: &dyn std::fmt::Display) -> Failure {
    Failure::NotSo { claim: claim.to_owned(), found: found.to_string() }
}
