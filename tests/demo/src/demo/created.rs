//! Shows and checks what a Create created: outputs, roles, instance profile, policies and tags.

use local_cloud::{deployment::expected_outputs, scenario::CLUSTER, world::World};
use serde_json::{Map, Value, json as value};

use super::{
    Environment, Failure, Reporter, document,
    reporter::{WIDTH, elided, wrapped},
};

/// The stack's outputs.
pub(crate) async fn outputs(reporter: &mut Reporter, environment: &Environment) -> Result<(), Failure> {
    let outputs = environment.deployment.stack().outputs().await?;
    reporter.blank_line()?;
    for (name, text) in &outputs {
        for (index, line) in text.lines().flat_map(|line| break_line(line, WIDTH - 23)).enumerate() {
            let name = if index == 0 { name } else { "" };
            reporter.line(format_args!("{name:<19}  {line}"))?;
        }
    }
    reporter.blank_line()?;
    let wrong: Vec<_> = expected_outputs(&environment.cloud, &environment.cluster)
        .into_iter()
        .filter(|(name, text)| outputs.get(*name) != Some(text))
        .map(|(name, text)| format!("{name} is {:?}, not {text}", outputs.get(name)))
        .collect();
    reporter.check(wrong.is_empty(), "the outputs name the created objects", || wrong.join("\n"))?;
    let helm = outputs.get("HelmValues").map(String::as_str).unwrap_or_default();
    let values: Value = yaml_serde::from_str(helm).unwrap_or_default();
    let arn = &values["serviceAccount"]["annotations"]["eks.amazonaws.com/role-arn"];
    let holds = values["settings"]["clusterName"] == CLUSTER
        && outputs.get("ControllerRoleArn").is_some_and(|role| arn == role);
    reporter.check(holds, "HelmValues has the cluster and the role for Karpenter's chart", || helm.to_owned())
}

/// The roles with their policies, and the instance profile.
pub(crate) fn roles(reporter: &mut Reporter, environment: &Environment, world: &World) -> Result<(), Failure> {
    for name in ["KarpenterNodeRole-demo", "KarpenterControllerRole-demo"] {
        let role = json(world, &format!("role/{name}"));
        reporter.line(format_args!("role {name}"))?;
        print_part(reporter, "trust", document::lines(&role["trust"], PART))?;
        print_part(
            reporter,
            "policies",
            document::as_list(&role["attached"]).iter().filter_map(|arn| arn.as_str()).map(str::to_owned),
        )?;
        for document in role["inline"].as_object().into_iter().flatten().map(|(_, document)| document) {
            print_part(reporter, "inline", document::lines(document, PART))?;
        }
        let tags = role["tags"].as_object().into_iter().flatten();
        print_part(
            reporter,
            "tags",
            tags.map(|(key, value)| elided(&format!("{key} = {}", value.as_str().unwrap_or_default()), PART)),
        )?;
    }
    let profile = json(world, "instance-profile/KarpenterNodeInstanceProfile-demo");
    let profile_roles: Vec<_> = document::as_list(&profile["roles"]).iter().filter_map(|role| role.as_str()).collect();
    reporter.line(format_args!(
        "instance profile KarpenterNodeInstanceProfile-demo with {} and the same tags",
        profile_roles.join(", ")
    ))?;
    reporter.blank_line()?;
    check_roles(reporter, environment, world, &profile)
}

/// The tags of all subnets and security groups.
pub(crate) fn tags(reporter: &mut Reporter, environment: &Environment, world: &World) -> Result<(), Failure> {
    let ids = |prefix| environment.before.names().filter(move |name| name.starts_with(prefix));
    let marker =
        json(world, "role/KarpenterNodeRole-demo")["tags"].as_object().and_then(marker_key).unwrap_or_default();
    let mut rows = Vec::new();
    let (mut wrong, mut others) = (Vec::new(), 0);
    for id in ids("subnet-").chain(ids("sg-")) {
        let groups = environment
            .cluster
            .node_groups
            .iter()
            .filter(|group| group.subnet_ids.iter().chain(&group.security_group_ids).any(|used| used == id));
        let groups: Vec<_> = groups.map(|group| group.name.as_str()).collect();
        let before = json(&environment.before, id);
        let found = json(world, id);
        let mut expected = before.clone();
        if !groups.is_empty() {
            expected[DISCOVERY] = CLUSTER.into();
            expected[marker.as_str()] = format!("{DISCOVERY}={CLUSTER}").into();
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
            or_dash(found[marker.as_str()].as_str()),
        ]);
    }
    rows.sort();
    rows.insert(0, ["NAME", "ID", "NODES OF", DISCOVERY, &marker].map(str::to_owned));
    reporter.table(&rows)?;
    reporter.dim_line(format_args!("and {others} more in the account, unchanged"))?;
    reporter.blank_line()?;
    reporter
        .check(wrong.is_empty(), "only the subnets and security groups of node groups are tagged", || wrong.join("\n"))
}

/// Returns an object of a snapshot as JSON; null if it does not exist.
pub(crate) fn json(world: &World, name: &str) -> Value {
    serde_json::from_str(world.get(name).unwrap_or_default()).unwrap_or_default()
}

const DISCOVERY: &str = "karpenter.sh/discovery";

/// The maximum width of the text next to a part's name.
const PART: usize = WIDTH - 14;

fn check_roles(
    reporter: &mut Reporter,
    environment: &Environment,
    world: &World,
    profile: &Value,
) -> Result<(), Failure> {
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
    let has_role = profile["roles"] == value!(["KarpenterNodeRole-demo"]) && profile["tags"] == node["tags"];
    let holds = trusts_ec2 && node["attached"] == attached && has_role;
    reporter
        .check(holds, "the instance profile gives nodes all required policies", || format!("{node:#}\n{profile:#}"))?;

    let issuer = environment.cluster.issuer.split_once("://").map_or("", |(_, issuer)| issuer);
    let provider = environment.cluster.oidc_provider_arn.as_deref().unwrap_or_default();
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
    reporter.check(*found == trust, "the role trusts only Karpenter's service account in this cluster", || {
        format!("{found:#}")
    })?;

    let found = &controller["inline"]["KarpenterControllerPolicy-demo"]["Statement"];
    let holds = *found == baseline(environment.cloud.account(), environment.cloud.region());
    reporter.check(holds, "the controller's policy is exactly the baseline", || format!("{found:#}"))
}

/// Returns the four statements of the baseline.
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

/// Returns the key of the ownership marker among the tags of an object.
fn marker_key(tags: &Map<String, Value>) -> Option<String> {
    tags.keys().find(|key| key.starts_with("karpenter-prereqs/") && *key != "karpenter-prereqs/owner").cloned()
}

/// Prints lines with one name before them.
fn print_part(reporter: &mut Reporter, name: &str, lines: impl IntoIterator<Item = String>) -> Result<(), Failure> {
    for (index, line) in lines.into_iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        reporter.line(format_args!("  {name:<8}  {line}"))?;
    }
    Ok(())
}

/// Breaks a line that is too wide into several: a list at its commas, a sentence at its spaces. YAML is unchanged.
fn break_line(line: &str, width: usize) -> Vec<String> {
    if line.chars().count() <= width || line.starts_with(' ') {
        vec![line.to_owned()]
    } else if line.contains(' ') {
        wrapped(line.split(' '), " ", width)
    } else {
        wrapped(line.split_inclusive(','), "", width)
    }
}
