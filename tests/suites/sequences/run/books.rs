//! What the stacks are asked, and count on.

use std::collections::{BTreeMap, BTreeSet};

use local_cloud::cloudformation::{Delivered, Kind as RequestKind, Request, Stack, Template};
use serde_json::Value;

use super::{
    super::{
        judge::{Broken, Standing},
        op::To,
        wanted::{Wanted, Who, controller_role_name, node_role_name},
    },
    Run,
};

/// The place of a stack: when one is deleted, the next takes it, under another id.
pub(super) struct Slot {
    pub(super) name: &'static str,
    pub(super) holders: &'static [Who],
    /// Of the stack that stands here; `None` where none does.
    pub(super) id: Option<String>,
    /// What templates have asked for.
    pub(super) asked: BTreeMap<Who, Vec<Value>>,
}

impl Slot {
    pub(super) const fn new(name: &'static str, holders: &'static [Who]) -> Self {
        Self { name, holders, id: None, asked: BTreeMap::new() }
    }
}

impl Run<'_> {
    /// The status of a place's stack.
    pub(super) fn status(&self, at: usize) -> &'static str {
        self.slots[at].id.as_ref().map_or("none", |id| self.engine.stack(id, |stack| stack.status()))
    }

    /// Whether a stack waits for somebody to continue its rollback: it has to be without a cluster.
    pub(super) fn is_stuck(&self, at: usize) -> bool {
        self.status(at) == "UPDATE_ROLLBACK_FAILED"
    }

    /// Notes what came of an event; gives what the stack sends now.
    pub(super) fn took(&mut self, mut delivered: Delivered, counts: bool) -> Result<Vec<Request>, Broken> {
        self.tally.events += 1;
        let (request, next) = (&delivered.request, std::mem::take(&mut delivered.next));
        let asked = request.physical_resource_id.clone();
        let name =
            format!("{:?} of {} {}", request.kind, request.logical_resource_id(), asked.clone().unwrap_or_default());
        let said = delivered.response.as_ref().map(|response| {
            let reason = response.reason.as_deref().unwrap_or_default();
            format!("{} {} {reason}", response.status, response.physical_resource_id)
        });
        self.story.push(format!("  {}. {name} → {}", self.history.len() + 1, said.as_deref().unwrap_or("no answer")));
        if self.bench.tells_all {
            self.story.extend(delivered.log_text().lines().map(|line| format!("     {line}")));
        }
        let logged = |delivered: &Delivered| format!("{name}; the log:\n{}", tail(&delivered.log_text()));
        let Some(response) = &delivered.response else {
            return Err(Broken::unanswered(logged(&delivered)));
        };
        if !delivered.violations.is_empty() {
            let text = format!("{}\n{}", delivered.violations.join("\n"), logged(&delivered));
            let is_late = delivered.violations.iter().any(|wrong| wrong.contains("deadline"));
            return Err(if is_late { Broken::unanswered(text) } else { Broken::wrong(text) });
        }
        if response.succeeded() {
            self.tally.successes += 1;
            if request.kind != RequestKind::Delete && counts {
                let id = response.physical_resource_id.clone();
                if let Some(asked) = asked.filter(|asked| *asked != id) {
                    self.replaced.insert(asked, id.clone());
                }
                self.unsettled.remove(&id);
                self.without_entry.remove(&id);
                self.data.insert(id, response.data.clone());
            }
        }
        // Logs of hundreds of events at the lowest level are many megabytes.
        delivered.invocations.clear();
        self.history.push(delivered);
        Ok(next)
    }

    /// Does what people do with a stack that did not come to a good end.
    pub(super) async fn recover(&mut self, at: usize) -> Result<(), Broken> {
        let Some(id) = self.slots[at].id.clone() else { return Ok(()) };
        for _ in 0..3 {
            let requests = match self.status(at) {
                "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" => self.engine.stack(&id, Stack::delete),
                "UPDATE_ROLLBACK_FAILED" if self.no_cluster.is_none() => {
                    self.story.push("  the rollback is continued".to_owned());
                    self.engine.stack(&id, Stack::continue_rollback)
                }
                _ => break,
            };
            self.settle_foretold(requests).await?;
        }
        let left_over = self.engine.stack(&id, |stack| stack.left_over().to_vec());
        if !left_over.is_empty() {
            return Err(Broken::wrong(format!("CloudFormation has given up deleting {}", left_over.join(", "))));
        }
        match self.status(at) {
            "DELETE_COMPLETE" => {
                self.slots[at].id = None;
                Ok(())
            }
            "UPDATE_ROLLBACK_FAILED" if self.no_cluster.is_some() => Ok(()),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => Ok(()),
            status => Err(Broken::wrong(format!("stack {} stays in {status}", self.slots[at].name))),
        }
    }

    /// The template that `to` makes of what stands; `None` where a stack cannot take one now.
    pub(super) fn template(&mut self, at: usize, to: &[To; 2]) -> Option<Template> {
        if self.is_stuck(at) {
            return None;
        }
        let (may_share, is_together) =
            (self.sequence.shares_names, self.sequence.shares_names && !self.sequence.two_stacks);
        let current = self.slots[at].id.as_ref().map(|id| self.engine.stack(id, |stack| stack.template()));
        let mut template = Template::new();
        for (who, to) in self.slots[at].holders.iter().zip(to) {
            let held = current.as_ref().and_then(|current| current.get(who.logical_id()).cloned());
            let asked = self.slots[at].asked.get(who);
            let earlier: Vec<_> = asked.into_iter().flatten().filter(|asked| Some(*asked) != held.as_ref()).collect();
            let properties: Option<Value> = match to {
                To::Keep => held,
                To::Gone => None,
                To::Back(_) if earlier.is_empty() => held,
                To::Back(index) => Some(earlier[index.index(earlier.len())].clone()),
                To::Wanted(wanted) => Some(wanted.properties(*who, may_share, is_together, &self.bench.cluster)),
            };
            if let Some(properties) = properties {
                self.slots[at].asked.entry(*who).or_default().push(properties.clone());
                template.insert(who.logical_id().to_owned(), properties);
            }
        }
        if template.is_empty() {
            let who = self.slots[at].holders[0];
            template.insert(who.logical_id().to_owned(), Wanted::plain(who));
        }
        Some(template)
    }

    /// What stands by the books of all stacks.
    pub(super) fn standing(&self) -> Vec<Standing> {
        let mut standing = Vec::new();
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(id) = &slot.id else { continue };
            let is_stuck = self.is_stuck(at);
            self.engine.stack(id, |stack| {
                standing.extend(stack.existing().map(|(logical_id, physical_id, properties)| Standing {
                    logical_id: logical_id.to_owned(),
                    physical_id: physical_id.to_owned(),
                    properties: properties.clone(),
                    data: self.data.get(physical_id).cloned().unwrap_or_default(),
                    is_settled: !is_stuck && !self.unsettled.contains(physical_id),
                    has_lost_its_entry: self.without_entry.contains(physical_id),
                }));
            });
        }
        standing
    }

    /// Whether something stands that left out a subnet or group for the tag in its way, which may have gone since.
    pub(super) fn has_left_out(&self) -> bool {
        let left_out = |data: &BTreeMap<String, String>| data["Warnings"].contains("TagConflict: Skip");
        self.standing().iter().any(|standing| left_out(&standing.data))
    }

    /// The physical ids that stand.
    pub(super) fn standing_ids(&self) -> BTreeSet<String> {
        self.standing().into_iter().map(|standing| standing.physical_id).collect()
    }

    /// The Deletes of ids that stand again, by their place in the history.
    pub(super) fn deletes_of_what_stands(&self) -> Vec<usize> {
        let stands = self.standing_ids();
        let of_these = |request: &Request| {
            request.kind == RequestKind::Delete
                && request.physical_resource_id.as_ref().is_some_and(|id| stands.contains(id))
        };
        let history = self.history.iter().enumerate();
        history.filter(|(_, delivered)| of_these(&delivered.request)).map(|(at, _)| at).collect()
    }

    /// The roles of what stands, by their names in the world; the given one is nobody's but its team's.
    pub(super) fn roles_of_ours(&self) -> BTreeSet<String> {
        let standing = self.standing();
        let names = standing.iter().flat_map(|standing| {
            let made = standing.properties.get("NodeRoleArn").is_none();
            let node = made.then(|| node_role_name(&standing.properties));
            node.into_iter().chain([controller_role_name(&standing.properties)])
        });
        names.map(|name| format!("role/{name}")).collect()
    }

    /// Forgets what went with generations that do not stand any more. `stood`: those that did before the operation.
    pub(super) fn prune(&mut self, stood: &BTreeSet<String>) {
        let stands = self.standing_ids();
        self.unsettled.retain(|id| stands.contains(id));
        self.without_entry.retain(|id| stands.contains(id));
        let mut kept = BTreeSet::new();
        for standing in self.standing().iter().filter(|standing| stood.contains(&standing.physical_id)) {
            kept.insert(format!("role/{}", node_role_name(&standing.properties)));
            kept.insert(format!("role/{}", controller_role_name(&standing.properties)));
        }
        // A role may have gone and come again in between, and the tags of others with it.
        self.foreign.on_ours.retain(|name, _| kept.contains(name));
    }
}

/// The end of a long text.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..]
        .iter()
        .map(|line| line.chars().take(600).collect::<String>() + "\n")
        .collect()
}
