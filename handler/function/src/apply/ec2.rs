//! The steps on the tags of subnets and security groups. docs/internals/ownership-protocol.md describes their protocol.

use super::Apply;
use crate::clients::aws::ec2::{self, Kind};
use crate::error::Error;
use backon::Retryable as _;
use karpenter_prereqs_core::desired::discovery_tag::DiscoveryTag;
use karpenter_prereqs_core::identity::ownership::{Marker, Tags};
use karpenter_prereqs_core::plan::{self, Claim, Ec2Step};
use std::collections::{BTreeMap, BTreeSet};

/// Carries out one step.
///
/// # Errors
/// [`Error::LostRace`] if another resource claims another value of the tag. Otherwise the error of a call.
pub(super) async fn step(apply: &Apply<'_>, step: &Ec2Step) -> Result<(), Error> {
    match step {
        Ec2Step::CreateTags { ids, tags } => create(apply, ids, tags).await,
        Ec2Step::DeleteTags { ids, tags } => delete(apply, ids, tags).await,
        Ec2Step::VerifyTags { ids, claim } => verify(apply, ids, claim).await,
        Ec2Step::AnnounceTagRemoval { ids, tags } => announce_removal(apply, ids, tags).await,
        Ec2Step::RemoveUnclaimedTags { ids, markers } => remove_unclaimed(apply, ids, markers).await,
    }
}

async fn create(apply: &Apply<'_>, ids: &[String], tags: &Tags) -> Result<(), Error> {
    ec2::create_tags(&apply.clients.ec2, ids, tags).await.map_err(Error::Aws)
}

async fn delete(apply: &Apply<'_>, ids: &[String], tags: &Tags) -> Result<(), Error> {
    ec2::delete_tags(&apply.clients.ec2, ids, tags).await.map_err(Error::Aws)
}

/// Reads the tags again after they were created, and withdraws the claim if a rival claims another value.
///
/// Two resources that tag at the same moment do not see each other in their snapshots. A resource that now finds another value,
/// or a rival's marker for another value, withdraws and fails. The rival keeps the tag, because its own verification may have
/// succeeded before.
///
/// A resource that announced the removal of the tag before our marker existed deletes the tag. The function waits for that, and
/// then creates the tag again.
///
/// # Errors
/// [`Error::LostRace`] if the claim was withdrawn. Otherwise the error of a call.
async fn verify(apply: &Apply<'_>, ids: &[String], claim: &Claim) -> Result<(), Error> {
    let tag = &claim.tag;
    let mut found = read_after_announced_removals(apply, ids, claim).await?;
    let mut missing = BTreeMap::<Tags, Vec<String>>::new();
    for id in ids {
        let tags = found.get(id).cloned().unwrap_or_default();
        if !tags.contains_key(&tag.key) {
            missing.entry(claim.missing_tags(&tags)).or_default().push(id.clone());
        }
    }
    for (tags, ids) in &missing {
        create(apply, ids, tags).await?;
    }
    if !missing.is_empty() {
        found = read_after_announced_removals(apply, ids, claim).await?;
    }
    let (mut lost, mut overwritten) = (Vec::new(), BTreeMap::<DiscoveryTag, Vec<String>>::new());
    let mut rivals_before = BTreeSet::new();
    for id in ids {
        rivals_before.extend(found.get(id).map(|tags| claim.rivals_before(tags)).unwrap_or_default());
        match found.get(id).filter(|tags| tag.is_among(tags)).map(|tags| claim.rival(tags)) {
            Some(None) => continue,
            Some(Some(rival)) => overwritten.entry(rival).or_default().push(id.clone()),
            None => {}
        }
        lost.push(id.clone());
    }
    if lost.is_empty() {
        return Ok(());
    }
    withdraw(apply, &lost, &overwritten, claim).await?;
    Err(Error::LostRace { ids: lost.join(", "), key: tag.key.clone(), turn: rivals_before.len() })
}

/// Reads the tags until each resource has a tag with the claim's key, and no other resource is about to delete the tag.
async fn read_after_announced_removals(
    apply: &Apply<'_>,
    ids: &[String],
    claim: &Claim,
) -> Result<BTreeMap<String, Tags>, Error> {
    // Any value counts: another value already decides the race.
    let is_ready = |tags: &Tags| tags.contains_key(&claim.tag.key) && !claim.is_removal_announced(tags);
    read_until(apply, ids, |found| ids.iter().all(|id| found.get(id).is_some_and(is_ready))).await
}

/// Withdraws the claim: writes the rival's tags that ours overwrote, deletes our marker, and deletes the tags that no marker
/// names any more.
///
/// Both rivals may withdraw. Each reads the tags after its own marker is deleted. So the last to read finds no marker, and
/// deletes the tag.
async fn withdraw(
    apply: &Apply<'_>,
    lost: &[String],
    overwritten: &BTreeMap<DiscoveryTag, Vec<String>>,
    claim: &Claim,
) -> Result<(), Error> {
    let Claim { tag, marker, .. } = claim;
    for (rival, ids) in overwritten {
        create(apply, ids, &rival.tags()).await?;
    }
    delete(apply, lost, &Tags::from([(marker.key().to_owned(), tag.marker_value())])).await?;
    let is_withdrawn = |found: &BTreeMap<String, Tags>| found.values().all(|tags| !tags.contains_key(marker.key()));
    let found = read_until(apply, lost, is_withdrawn).await?;
    for candidate in overwritten.keys().chain([tag]) {
        let unclaimed: Vec<_> = lost
            .iter()
            .filter(|id| found.get(*id).is_some_and(|tags| plan::is_unclaimed(tags, candidate)))
            .cloned()
            .collect();
        if !unclaimed.is_empty() {
            // The execution role may delete a discovery tag only together with a marker.
            let mut tags = candidate.tags();
            tags.insert(marker.key().to_owned(), tag.marker_value());
            delete(apply, &unclaimed, &tags).await?;
        }
    }
    Ok(())
}

/// Writes departing markers on the resources that still exist.
async fn announce_removal(apply: &Apply<'_>, ids: &[String], tags: &Tags) -> Result<(), Error> {
    ec2::create_tags_on_existing(&apply.clients.ec2, ids, tags).await.map_err(Error::Aws)
}

/// Reads the tags again, and deletes these markers and the tags that no other marker names. Only now are the markers of others
/// known that depart at the same moment. A resource that does not exist is skipped.
async fn remove_unclaimed(apply: &Apply<'_>, ids: &[String], markers: &BTreeSet<Marker>) -> Result<(), Error> {
    // The step before wrote a departing marker to each resource. If a read shows none, EC2 does not show it yet, or another
    // delivery of the event has deleted it already. Only time distinguishes these cases.
    let is_announced = |tags: &Tags| {
        let values: Vec<_> = markers.iter().filter_map(|marker| tags.get(marker.key())).collect();
        !values.is_empty() && values.iter().all(|value| DiscoveryTag::without_departing(value) != **value)
    };
    let found = read_until(apply, ids, |found| found.values().all(is_announced)).await?;
    for (tags, ids) in plan::tags_to_delete(&found, markers) {
        delete(apply, &ids, &tags).await?;
    }
    Ok(())
}

/// Reads the tags until `is_ready` holds, for at most a quarter of the settle time, because EC2 shows a write only after a
/// while. Returns the tags of the last read.
async fn read_until(
    apply: &Apply<'_>,
    ids: &[String],
    is_ready: impl Fn(&BTreeMap<String, Tags>) -> bool,
) -> Result<BTreeMap<String, Tags>, Error> {
    let read = || async {
        let found = read(apply, ids).await.map_err(NoResult::Failed)?;
        if is_ready(&found) { Ok(found) } else { Err(NoResult::NotYet(found)) }
    };
    match read.retry(apply.deadlines.shown_tags()).when(|error| matches!(error, NoResult::NotYet(_))).await {
        Ok(found) | Err(NoResult::NotYet(found)) => Ok(found),
        Err(NoResult::Failed(error)) => Err(error),
    }
}

/// Why a read is not the result.
enum NoResult {
    /// The tags are not ready yet.
    NotYet(BTreeMap<String, Tags>),
    /// The read failed.
    Failed(Error),
}

/// Reads the tags of these resources once. The result lacks resources that do not exist.
async fn read(apply: &Apply<'_>, ids: &[String]) -> Result<BTreeMap<String, Tags>, Error> {
    let ids_of_kind = |is_subnet: bool| -> BTreeSet<String> {
        ids.iter().filter(|id| matches!(Kind::of(id), Kind::Subnet) == is_subnet).cloned().collect()
    };
    let (subnets, groups, none) = (ids_of_kind(true), ids_of_kind(false), BTreeSet::new());
    let (mut found, groups) = futures::try_join!(
        ec2::read_tags(&apply.clients.ec2, Kind::Subnet, &subnets, &none),
        ec2::read_tags(&apply.clients.ec2, Kind::SecurityGroup, &groups, &none),
    )
    .map_err(Error::Aws)?;
    found.extend(groups);
    // A filter can match other resources too. Only these count.
    found.retain(|id, _| ids.contains(id));
    Ok(found)
}
