//! The services' own rules: what each write does to the model, and which writes the services reject.

mod ec2;
mod eks;
mod iam;

use crate::model::World;
use jiff::Timestamp;
use karpenter_prereqs_core::documents::config_map::{self, Change, Edit};
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::plan::{EditAwsAuth, EksStep, IamStep, Step, Verb};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The number of tags that an object of IAM or a resource of EC2 can have. AWS's own tags (`aws:`) do not count
/// (<https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>).
const TAGS_MAX: usize = 50;

/// The creation time of every object that a step creates. Objects that existed before are older.
const CREATED_AT: Timestamp = Timestamp::constant(1, 0);

/// The error of an edit of aws-auth that changes nothing.
pub(crate) const NOTHING_TO_EDIT: &str = "the edit changes nothing";

/// Inserts a new object. An existing object is kept, and the call fails with `code`.
fn insert_new<K: Ord, V>(objects: &mut BTreeMap<K, V>, name: K, object: V, code: &str) -> Result<(), String> {
    match objects.entry(name) {
        Entry::Occupied(_) => Err(code.to_owned()),
        Entry::Vacant(free) => {
            free.insert(object);
            Ok(())
        }
    }
}

impl World {
    /// Applies one step.
    ///
    /// # Errors
    /// The error code of the service, or a text if the step violates a rule of this project.
    pub(crate) fn apply_step(&mut self, step: &Step, cluster: &str) -> Result<(), String> {
        match step {
            Step::Ec2(step) => self.apply_ec2_step(step),
            Step::AwsAuth(EditAwsAuth { change, verb }) => self.edit_aws_auth(cluster, change, *verb),
            Step::Iam(step) => match step {
                IamStep::CreateInstanceProfile { .. }
                | IamStep::TagInstanceProfile { .. }
                | IamStep::UntagInstanceProfile { .. }
                | IamStep::AddRoleToInstanceProfile { .. }
                | IamStep::RemoveRoleFromInstanceProfile { .. }
                | IamStep::DeleteInstanceProfile { .. } => self.apply_profile_step(step),
                IamStep::CreateOpenIdConnectProvider { .. }
                | IamStep::TagOpenIdConnectProvider { .. }
                | IamStep::UntagOpenIdConnectProvider { .. }
                | IamStep::DeleteOpenIdConnectProvider { .. } => self.apply_oidc_provider_step(step),
                _ => self.apply_role_step(step),
            },
            Step::Eks(step) => match step {
                EksStep::CreatePodIdentityAssociation { .. }
                | EksStep::UpdatePodIdentityAssociation { .. }
                | EksStep::DeletePodIdentityAssociation { .. } => self.apply_association_step(step),
                _ => self.apply_access_entry_step(step),
            },
        }
    }

    fn edit_aws_auth(&mut self, cluster: &str, change: &Change, planned: Verb) -> Result<(), String> {
        let eks = self.clusters.get_mut(cluster).ok_or("no such cluster")?;
        let (verb, map) = match config_map::edit(eks.aws_auth.as_ref(), change).map_err(|error| error.to_string())? {
            Edit::None => return Err(NOTHING_TO_EDIT.to_owned()),
            Edit::Create(map) => (Verb::Create, Some(map)),
            Edit::Replace(map) => (Verb::Update, Some(map)),
            Edit::Delete => (Verb::Delete, None),
        };
        if verb != planned {
            return Err(format!("the plan has {}, and the edit needs {}", planned.name(), verb.name()));
        }
        eks.aws_auth = map;
        Ok(())
    }
}

/// Fails if an object has too many tags.
pub(crate) fn check_tag_limit(tags: &Tags) -> Result<(), String> {
    let count = tags.keys().filter(|key| !key.starts_with("aws:")).count();
    if count <= TAGS_MAX { Ok(()) } else { Err("TagLimitExceeded".to_owned()) }
}
