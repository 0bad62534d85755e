//! What a Create made: outputs, roles, instance profile, policies and tags.

use local_cloud::{deployment::expected_outputs, scenario::CLUSTER, world::World};
use serde_json::{Map, Value, json as value};

use super::{
    Failure, Page, Stage, document,
    page::{WIDTH, elided, wrapped},
};

/// The stack's outputs.
pub(crate) async fn outputs(page: &mut Page, stage: &Stage) -> Result<(), Failure> {
    let outputs = stage.deployment.stack().outputs().await?;
    page.gap()?;
    for (name, text) in &outputs {
        for (index, line) in text.lines().flat_map(|line| broken(line, WIDTH - 23)).enumerate() {
            let name = if index == 0 { name } else { "" };
            page.line(format_args!("{name:<19}  {line}"))?;
        }
    }
    page.gap()?;
    let wrong: Vec<_> = expected_outputs(&stage.cloud, &stage.cluster)
        .into_iter()
        .filter(|(name, text)| outputs.get(*name) != Some(text))
        .map(|(name, text)| format!("{name} is {:?}, not {text}", outputs.get(name)))
        .collect();
    page.claim(wrong.is_empty(), "the outputs name what is there", || wrong.join("\n"))?;
    let helm = outputs.get("HelmValues").map(String::as_str).unwrap_or_default();
    let values: Value = yaml_serde::from_str(helm).unwrap_or_default();
    let arn = &values["serviceAccount"]["annotations"]["eks.amazonaws.com/role-arn"];
    let holds = values["settings"]["clusterName"] == CLUSTER
        && outputs.get("ControllerRoleArn").is_some_and(|role| arn == role);
    page.claim(holds, "HelmValues gives Karpenter's chart the cluster and the role", || helm.to_owned())
}

/// The roles, with their documents, and the instance profile.
pub(crate) fn roles(page: &mut Page, stage: &Stage, world: &World) -> Result<(), Failure> {
    for name in ["KarpenterNodeRole-demo", "KarpenterControllerRole-demo"] {
        let role = json(world, &format!("role/{name}"));
        page.line(format_args!("role {name}"))?;
        part(page, "trust", document::lines(&role["trust"], PART))?;
        part(
            page,
            "policies",
            document::many(&role["attached"]).iter().filter_map(|arn| arn.as_str()).map(str::to_owned),
        )?;
        for document in role["inline"].as_object().into_iter().flatten().map(|(_, document)| document) {
            part(page, "inline", document::lines(document, PART))?;
        }
        let tags = role["tags"].as_object().into_iter().flatten();
        part(
            page,
            "tags",
            tags.map(|(key, value)| elided(&format!("{key} = {}", value.as_str().unwrap_or_default()), PART)),
        )?;
    }
    let profile = json(world, "instance-profile/KarpenterNodeInstanceProfile-demo");
    let held: Vec<_> = document::many(&profile["roles"]).iter().filter_map(|role| role.as_str()).collect();
    page.line(format_args!(
        "instance profile KarpenterNodeInstanceProfile-demo with {}, tagged as it is",
        held.join(", ")
    ))?;
    page.gap()?;
    check_roles(page, stage, world, &profile)
}

/// The tags of all subnets and security groups.
pub(crate) fn tags(page: &mut Page, stage: &Stage, world: &World) -> Result<(), Failure> {
    let ids = |prefix| stage.before.names().filter(move |name| name.starts_with(prefix));
    let mark = json(world, "role/KarpenterNodeRole-demo")["tags"].as_object().and_then(mark_of).unwrap_or_default();
    let mut rows = Vec::new();
    let (mut wrong, mut others) = (Vec::new(), 0);
    for id in ids("subnet-").chain(ids("sg-")) {
        let groups = stage
            .cluster
            .node_groups
            .iter()
            .filter(|group| group.subnet_ids.iter().chain(&group.security_group_ids).any(|used| used == id));
        let groups: Vec<_> = groups.map(|group| group.name.as_str()).collect();
        let before = json(&stage.before, id);
        let found = json(world, id);
        let mut expected = before.clone();
        if !groups.is_empty() {
            expected[DISCOVERY] = CLUSTER.into();
            expected[mark.as_str()] = format!("{DISCOVERY}={CLUSTER}").into();
        }
        if found != expected {
            wrong.push(format!("{id}: {found}"));
        }
        let Some(name) = before["Name"].as_str() else {
            others += 1;
            continue;
        };
        let or_dash = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("–").to_owned();
        let of = or_dash(Some(&groups.join(" ")));
        rows.push([
            name.to_owned(),
            id.to_owned(),
            of,
            or_dash(found[DISCOVERY].as_str()),
            or_dash(found[mark.as_str()].as_str()),
        ]);
    }
    rows.sort();
    rows.insert(0, ["NAME", "ID", "NODES OF", DISCOVERY, &mark].map(str::to_owned));
    page.table(&rows)?;
    page.note(format_args!("and {others} more in the account, as they were"))?;
    page.gap()?;
    page.claim(wrong.is_empty(), "what the nodes of a node group use is tagged, and nothing else is", || {
        wrong.join("\n")
    })
}

/// One thing of a world as JSON; null where it is not there.
pub(crate) fn json(world: &World, name: &str) -> Value {
    serde_json::from_str(world.get(name).unwrap_or_default()).unwrap_or_default()
}

const DISCOVERY: &str = "karpenter.sh/discovery";

/// How wide the text beside a part's name may be.
const PART: usize = WIDTH - 14;

fn check_roles(page: &mut Page, stage: &Stage, world: &World, profile: &Value) -> Result<(), Failure> {
    let (node, controller) =
        (json(world, "role/KarpenterNodeRole-demo"), json(world, "role/KarpenterControllerRole-demo"));
    let policies = [
        "AmazonEC2ContainerRegistryReadOnly",
        "AmazonEKSWorkerNodePolicy",
        "AmazonEKS_CNI_Policy",
        "AmazonSSMManagedInstanceCore",
    ];
    let attached = value!(policies.map(|name| format!("arn:aws:iam::aws:policy/{name}")));
    let trusts_ec2 = node["trust"]["Statement"][0]["Principal"] == value!({"Service": "ec2.amazonaws.com"});
    let held = profile["roles"] == value!(["KarpenterNodeRole-demo"]) && profile["tags"] == node["tags"];
    let holds = trusts_ec2 && node["attached"] == attached && held;
    page.claim(holds, "nodes get what they need by the instance profile", || format!("{node:#}\n{profile:#}"))?;

    let issuer = stage.cluster.issuer.split_once("://").map_or("", |(_, issuer)| issuer);
    let provider = stage.cluster.oidc_provider_arn.as_deref().unwrap_or_default();
    let trust = value!([{
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            format!("{issuer}:aud"): "sts.amazonaws.com",
            format!("{issuer}:sub"): "system:serviceaccount:karpenter:karpenter",
        }},
    }]);
    let found = &controller["trust"]["Statement"];
    page.claim(*found == trust, "only Karpenter's service account of this cluster is trusted", || {
        format!("{found:#}")
    })?;

    let found = &controller["inline"]["KarpenterControllerPolicy-demo"]["Statement"];
    let holds = *found == baseline(stage.cloud.account(), stage.cloud.region());
    page.claim(holds, "the controller's policy is the baseline, to the letter", || format!("{found:#}"))
}

/// The four statements of the baseline.
fn baseline(account: &str, region: &str) -> Value {
    let actions = "ssm:GetParameter ec2:DescribeImages ec2:RunInstances ec2:DescribeSubnets ec2:DescribeSecurityGroups \
                   ec2:DescribeLaunchTemplates ec2:DescribeInstances ec2:DescribeInstanceTypes \
                   ec2:DescribeInstanceTypeOfferings ec2:DescribeAvailabilityZones ec2:DeleteLaunchTemplate \
                   ec2:CreateTags ec2:CreateLaunchTemplate ec2:CreateFleet ec2:DescribeSpotPriceHistory \
                   pricing:GetProducts";
    value!([
        {"Sid": "Karpenter", "Effect": "Allow", "Action": actions.split(' ').collect::<Vec<_>>(), "Resource": "*"},
        {
            "Sid": "ConditionalEC2Termination",
            "Effect": "Allow",
            "Action": "ec2:TerminateInstances",
            "Resource": "*",
            "Condition": {"StringLike": {"ec2:ResourceTag/Name": "*karpenter*"}},
        },
        {
            "Sid": "PassNodeIAMRole",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": format!("arn:aws:iam::{account}:role/KarpenterNodeRole-demo"),
        },
        {
            "Sid": "EKSClusterEndpointLookup",
            "Effect": "Allow",
            "Action": "eks:DescribeCluster",
            "Resource": format!("arn:aws:eks:{region}:{account}:cluster/demo"),
        },
    ])
}

/// The key of our mark among the tags of an object.
fn mark_of(tags: &Map<String, Value>) -> Option<String> {
    tags.keys().find(|key| key.starts_with("karpenter-prereqs/") && *key != "karpenter-prereqs/owner").cloned()
}

/// Lines with one name before them.
fn part(page: &mut Page, name: &str, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    for (index, line) in lines.into_iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        page.line(format_args!("  {name:<8}  {line}"))?;
    }
    Ok(())
}

/// A line that is too wide, in several: a list at its commas, a sentence at its blanks. YAML stays as it is.
fn broken(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width || line.starts_with(' ') {
        vec![line.to_owned()]
    } else if line.contains(' ') {
        wrapped(line.split(' '), " ", width)
    } else {
        wrapped(line.split_inclusive(','), "", width)
    }
}
