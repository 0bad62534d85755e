//! EC2's writes: what each does to the model, and when EC2 rejects it.

use super::check_tag_limit;
use crate::model::World;
use karpenter_prereqs_core::identity::ownership::Tags;
use karpenter_prereqs_core::plan::{Claim, Ec2Step, tags_to_delete};

/// The number of resources that one call of `CreateTags` or `DeleteTags` takes
/// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>).
const IDS_MAX: usize = 1000;

impl World {
    pub(super) fn apply_ec2_step(&mut self, step: &Ec2Step) -> Result<(), String> {
        match step {
            Ec2Step::CreateTags { ids, tags } | Ec2Step::AnnounceTagRemoval { ids, tags } => {
                self.create_tags(ids, tags)
            }
            Ec2Step::DeleteTags { ids, tags } => self.delete_tags(ids, tags),
            Ec2Step::VerifyTags { ids, claim: Claim { tag, marker, .. } } => {
                let has_tag_and_marker =
                    |tags: &Tags| tag.is_among(tags) && tags.get(marker.key()) == Some(&tag.marker_value());
                let all = ids.iter().all(|id| self.resources.get(id).is_some_and(has_tag_and_marker));
                if all { Ok(()) } else { Err("the created tags are missing".to_owned()) }
            }
            Ec2Step::RemoveUnclaimedTags { ids, markers } => {
                let existing = self.resources.iter().filter(|(id, _)| ids.contains(id));
                let deletions = tags_to_delete(existing, markers);
                deletions.iter().try_for_each(|(tags, ids)| self.delete_tags(ids, tags))
            }
        }
    }

    fn create_tags(&mut self, ids: &[String], tags: &Tags) -> Result<(), String> {
        self.write_tags(ids, |found| {
            found.extend(tags.clone());
            check_tag_limit(found)
        })
    }

    fn delete_tags(&mut self, ids: &[String], tags: &Tags) -> Result<(), String> {
        self.write_tags(ids, |found| {
            found.retain(|key, value| tags.get(key) != Some(value));
            Ok(())
        })
    }

    /// Applies one call to several resources. It must change each of them, which is a rule of this project and not of EC2.
    fn write_tags(&mut self, ids: &[String], write: impl Fn(&mut Tags) -> Result<(), String>) -> Result<(), String> {
        if IDS_MAX < ids.len() {
            return Err("InvalidParameterValue".to_owned());
        }
        for id in ids {
            let tags = self.resources.get_mut(id).ok_or("InvalidID.NotFound")?;
            let before = tags.clone();
            write(tags)?;
            if *tags == before {
                return Err(format!("a call on {id} changes nothing"));
            }
        }
        Ok(())
    }
}
