//! The steps on the tags of subnets and security groups.

use super::Apply;
use crate::clients::aws::ec2::{self, Kind};
use crate::error::Error;
use backon::Retryable as _;
use karpenter_prereqs_core::desired::discovery_tag::DiscoveryTag;
use karpenter_prereqs_core::identity::ownership::{Marker, Tags};
use karpenter_prereqs_core::plan::{self, Claim, Ec2Step};
use std::collections::{BTreeMap, BTreeSet};

/// Carries one step out.
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

/// Reads the tags again. Two that tag at once each see nothing before; whoever finds another value, or another's marker
/// for one, steps back and fails. The other may have been confirmed before, so it is the one that stays.
///
/// Somebody who has just said that the tag may go, and has not seen our marker, takes it away: that is waited for, and the
/// tag written again.
async fn verify(apply: &Apply<'_>, ids: &[String], claim: &Claim) -> Result<(), Error> {
    let tag = &claim.tag;
    let mut found = once_settled(apply, ids, claim).await?;
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
        found = once_settled(apply, ids, claim).await?;
    }
    let (mut lost, mut overwritten) = (Vec::new(), BTreeMap::<DiscoveryTag, Vec<String>>::new());
    let mut first = BTreeSet::new();
    for id in ids {
        first.extend(found.get(id).map(|tags| claim.rivals_before(tags)).unwrap_or_default());
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
    step_back(apply, &lost, &overwritten, claim).await?;
    Err(Error::LostRace { ids: lost.join(", "), key: tag.key.clone(), turn: first.len() })
}

/// The tags once each resource has one of the key, and nobody is about to take it away.
async fn once_settled(apply: &Apply<'_>, ids: &[String], claim: &Claim) -> Result<BTreeMap<String, Tags>, Error> {
    // One with another value is an answer.
    let is_settled = |tags: &Tags| tags.contains_key(&claim.tag.key) && !claim.is_contested(tags);
    read_settled(apply, ids, |found| ids.iter().all(|id| found.get(id).is_some_and(is_settled))).await
}

/// Takes the marker off, and gives the tag that was written over its value again; nothing of it, if its owner has stepped
/// back as well: whoever reads last after its own marker has gone sees that.
async fn step_back(
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
    let found = read_settled(apply, lost, |found| found.values().all(|tags| !tags.contains_key(marker.key()))).await?;
    for candidate in overwritten.keys().chain([tag]) {
        let left: Vec<_> = lost
            .iter()
            .filter(|id| found.get(*id).is_some_and(|tags| plan::is_unclaimed(tags, candidate)))
            .cloned()
            .collect();
        if !left.is_empty() {
            // The execution role may take a discovery tag off only together with one of our markers.
            let mut tags = candidate.tags();
            tags.insert(marker.key().to_owned(), tag.marker_value());
            delete(apply, &left, &tags).await?;
        }
    }
    Ok(())
}

/// Says on each resource that is still there that these markers are about to go.
async fn announce_removal(apply: &Apply<'_>, ids: &[String], tags: &Tags) -> Result<(), Error> {
    ec2::create_tags_if_there(&apply.clients.ec2, ids, tags).await.map_err(Error::Aws)
}

/// Reads the tags again, and deletes what these markers leave behind now that those who go too are known. What is gone is
/// done.
async fn remove_unclaimed(apply: &Apply<'_>, ids: &[String], markers: &BTreeSet<Marker>) -> Result<(), Error> {
    // A departing marker was just written to each resource. Where none is shown, EC2 does not show it yet, or another delivery of
    // the event deleted it already: only time tells these apart.
    let said = |tags: &Tags| {
        let notes: Vec<_> = markers.iter().filter_map(|marker| tags.get(marker.key())).collect();
        !notes.is_empty() && notes.iter().all(|note| DiscoveryTag::without_departing(note) != **note)
    };
    let found = read_settled(apply, ids, |found| found.values().all(said)).await?;
    for (tags, ids) in plan::tags_to_delete(&found, markers) {
        delete(apply, &ids, &tags).await?;
    }
    Ok(())
}

/// Reads the tags until they are as they should be after what was just written, which may not be read yet; gives what
/// was read last.
async fn read_settled(
    apply: &Apply<'_>,
    ids: &[String],
    is_settled: impl Fn(&BTreeMap<String, Tags>) -> bool,
) -> Result<BTreeMap<String, Tags>, Error> {
    let read = || async {
        let found = read(apply, ids).await.map_err(Unsettled::Failed)?;
        if is_settled(&found) { Ok(found) } else { Err(Unsettled::NotYet(found)) }
    };
    match read.retry(apply.deadlines.shown_tags()).when(|error| matches!(error, Unsettled::NotYet(_))).await {
        Ok(found) | Err(Unsettled::NotYet(found)) => Ok(found),
        Err(Unsettled::Failed(error)) => Err(error),
    }
}

enum Unsettled {
    NotYet(BTreeMap<String, Tags>),
    Failed(Error),
}

async fn read(apply: &Apply<'_>, ids: &[String]) -> Result<BTreeMap<String, Tags>, Error> {
    let of_kind = |subnets: bool| -> BTreeSet<String> {
        ids.iter().filter(|id| matches!(Kind::of(id), Kind::Subnet) == subnets).cloned().collect()
    };
    let (subnets, groups, none) = (of_kind(true), of_kind(false), BTreeSet::new());
    let (mut found, groups) = futures::try_join!(
        ec2::tagged(&apply.clients.ec2, Kind::Subnet, &subnets, &none),
        ec2::tagged(&apply.clients.ec2, Kind::SecurityGroup, &groups, &none),
    )
    .map_err(Error::Aws)?;
    found.extend(groups);
    // Whatever else is shown is nobody's business here.
    found.retain(|id, _| ids.contains(id));
    Ok(found)
}
