//! What the stacks ask for, and which resources must exist.

use std::collections::{BTreeMap, BTreeSet};

use local_cloud::cloudformation::{Delivered, Kind as RequestKind, Request, Stack, Template};
use serde_json::Value;

use super::{
    super::{
        judge::{ExpectedResource, Violation},
        op::TemplateChange,
        properties::{DesiredProperties, TestResource, controller_role_name, node_role_name},
    },
    Run,
};

/// The place of a stack. When the stack is deleted, the next one has the same place and another id.
pub(super) struct Slot {
    pub(super) name: &'static str,
    /// The resources that templates of this stack can have.
    pub(super) resources: &'static [TestResource],
    /// The id of the existing stack, if there is one.
    pub(super) id: Option<String>,
    /// The properties in all templates so far.
    pub(super) requested: BTreeMap<TestResource, Vec<Value>>,
}

impl Slot {
    pub(super) const fn new(name: &'static str, resources: &'static [TestResource]) -> Self {
        Self { name, resources, id: None, requested: BTreeMap::new() }
    }
}

impl Run<'_> {
    /// Returns the status of the stack in slot `at`, or `none` if there is no stack.
    pub(super) fn status(&self, at: usize) -> &'static str {
        self.slots[at].id.as_ref().map_or("none", |id| self.engine.stack(id, |stack| stack.status()))
    }

    /// Returns whether the stack waits until its rollback is continued by hand. That happens only if the cluster is deleted.
    pub(super) fn is_stuck(&self, at: usize) -> bool {
        self.status(at) == "UPDATE_ROLLBACK_FAILED"
    }

    /// Records the result of an event. A late duplicate does not count (`counts`), because CloudFormation ignores its response.
    ///
    /// Returns the events that the stack sends next.
    ///
    /// # Errors
    /// The event got no response, or the response broke a rule.
    pub(super) fn record(&mut self, mut delivered: Delivered, counts: bool) -> Result<Vec<Request>, Violation> {
        self.tally.events += 1;
        let (request, next) = (&delivered.request, std::mem::take(&mut delivered.next));
        let requested_id = request.physical_resource_id.clone();
        let name = format!(
            "{:?} of {} {}",
            request.kind,
            request.logical_resource_id(),
            requested_id.clone().unwrap_or_default()
        );
        let response = delivered.response.as_ref().map(|response| {
            let reason = response.reason.as_deref().unwrap_or_default();
            format!("{} {} {reason}", response.status, response.physical_resource_id)
        });
        let response = response.as_deref().unwrap_or("no response");
        self.trace.push(format!("  {}. {name} → {response}", self.history.len() + 1));
        if self.environment.logs_in_trace {
            self.trace.extend(delivered.log_text().lines().map(|line| format!("     {line}")));
        }
        let logged = |delivered: &Delivered| format!("{name}; the log:\n{}", tail(&delivered.log_text()));
        let Some(response) = &delivered.response else {
            return Err(Violation::no_response(logged(&delivered)));
        };
        if !delivered.violations.is_empty() {
            let text = format!("{}\n{}", delivered.violations.join("\n"), logged(&delivered));
            let is_late = delivered.violations.iter().any(|wrong| wrong.contains("deadline"));
            return Err(if is_late { Violation::no_response(text) } else { Violation::wrong(text) });
        }
        if response.succeeded() {
            self.tally.successes += 1;
            if request.kind != RequestKind::Delete && counts {
                let id = response.physical_resource_id.clone();
                if let Some(requested_id) = requested_id.filter(|requested_id| *requested_id != id) {
                    self.replaced.insert(requested_id, id.clone());
                }
                self.may_differ.remove(&id);
                self.without_entry.remove(&id);
                self.data.insert(id, response.data.clone());
            }
        }
        // Frees the logs, which at TRACE are many megabytes for hundreds of events.
        delivered.invocations.clear();
        self.history.push(delivered);
        Ok(next)
    }

    /// Brings a failed stack to a good state as a user does: deletes a stack whose creation or deletion failed, and continues a
    /// failed rollback.
    ///
    /// # Errors
    /// The stack stays in a failed state, or CloudFormation gave up a cleanup.
    pub(super) async fn recover(&mut self, at: usize) -> Result<(), Violation> {
        let Some(id) = self.slots[at].id.clone() else { return Ok(()) };
        for _ in 0..3 {
            let requests = match self.status(at) {
                "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" => self.engine.stack(&id, Stack::delete),
                "UPDATE_ROLLBACK_FAILED" if self.no_cluster.is_none() => {
                    self.trace.push("  the rollback is continued".to_owned());
                    self.engine.stack(&id, Stack::continue_rollback)
                }
                _ => break,
            };
            self.deliver_all_with_plan(requests).await?;
        }
        let left_over = self.engine.stack(&id, |stack| stack.left_over().to_vec());
        if !left_over.is_empty() {
            return Err(Violation::wrong(format!("CloudFormation gave up the deletion of {}", left_over.join(", "))));
        }
        match self.status(at) {
            "DELETE_COMPLETE" => {
                self.slots[at].id = None;
                Ok(())
            }
            "UPDATE_ROLLBACK_FAILED" if self.no_cluster.is_some() => Ok(()),
            "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE" => Ok(()),
            status => Err(Violation::wrong(format!("stack {} stays in {status}", self.slots[at].name))),
        }
    }

    /// Returns the new template of a stack after these changes, or `None` if the stack cannot be updated now.
    pub(super) fn template(&mut self, at: usize, changes: &[TemplateChange; 2]) -> Option<Template> {
        if self.is_stuck(at) {
            return None;
        }
        let (may_share, is_together) =
            (self.sequence.shares_names, self.sequence.shares_names && !self.sequence.two_stacks);
        let current = self.slots[at].id.as_ref().map(|id| self.engine.stack(id, |stack| stack.template()));
        let mut template = Template::new();
        for (resource, change) in self.slots[at].resources.iter().zip(changes) {
            let old = current.as_ref().and_then(|current| current.get(resource.logical_id()).cloned());
            let requested = self.slots[at].requested.get(resource);
            let earlier: Vec<_> =
                requested.into_iter().flatten().filter(|requested| Some(*requested) != old.as_ref()).collect();
            let properties: Option<Value> = match change {
                TemplateChange::Keep => old,
                TemplateChange::Remove => None,
                TemplateChange::Back(_) if earlier.is_empty() => old,
                TemplateChange::Back(index) => Some(earlier[index.index(earlier.len())].clone()),
                TemplateChange::Set(desired) => {
                    Some(desired.properties(*resource, may_share, is_together, &self.environment.cluster))
                }
            };
            if let Some(properties) = properties {
                self.slots[at].requested.entry(*resource).or_default().push(properties.clone());
                template.insert(resource.logical_id().to_owned(), properties);
            }
        }
        if template.is_empty() {
            let resource = self.slots[at].resources[0];
            template.insert(resource.logical_id().to_owned(), DesiredProperties::plain(resource));
        }
        Some(template)
    }

    /// Returns the resources that exist in all stacks, according to CloudFormation.
    pub(super) fn expected_resources(&self) -> Vec<ExpectedResource> {
        let mut expected = Vec::new();
        for (at, slot) in self.slots.iter().enumerate() {
            let Some(id) = &slot.id else { continue };
            let is_stuck = self.is_stuck(at);
            self.engine.stack(id, |stack| {
                expected.extend(stack.existing().map(|(logical_id, physical_id, properties)| ExpectedResource {
                    logical_id: logical_id.to_owned(),
                    physical_id: physical_id.to_owned(),
                    properties: properties.clone(),
                    data: self.data.get(physical_id).cloned().unwrap_or_default(),
                    must_match_properties: !is_stuck && !self.may_differ.contains(physical_id),
                    has_lost_its_entry: self.without_entry.contains(physical_id),
                }));
            });
        }
        expected
    }

    /// Returns whether an existing resource left out a subnet or a security group because of a tag conflict. The conflict may be
    /// solved by now.
    pub(super) fn has_skipped_tags(&self) -> bool {
        let has_skipped = |data: &BTreeMap<String, String>| data["Warnings"].contains("TagConflict is Skip");
        self.expected_resources().iter().any(|resource| has_skipped(&resource.data))
    }

    /// Returns the physical ids that exist.
    pub(super) fn current_ids(&self) -> BTreeSet<String> {
        self.expected_resources().into_iter().map(|resource| resource.physical_id).collect()
    }

    /// Returns the indexes in the history of Deletes whose id exists again.
    pub(super) fn deletes_of_current_ids(&self) -> Vec<usize> {
        let current = self.current_ids();
        let is_harmful = |request: &Request| {
            request.kind == RequestKind::Delete
                && request.physical_resource_id.as_ref().is_some_and(|id| current.contains(id))
        };
        let history = self.history.iter().enumerate();
        history.filter(|(_, delivered)| is_harmful(&delivered.request)).map(|(at, _)| at).collect()
    }

    /// Returns the roles that the existing resources created, by their names in the world.
    pub(super) fn own_roles(&self) -> BTreeSet<String> {
        let expected = self.expected_resources();
        let names = expected.iter().flat_map(|resource| {
            let creates_node_role = resource.properties.get("NodeRoleArn").is_none();
            let node = creates_node_role.then(|| node_role_name(&resource.properties));
            node.into_iter().chain([controller_role_name(&resource.properties)])
        });
        names.map(|name| format!("role/{name}")).collect()
    }

    /// Removes the records of generations that do not exist any more. `previous` are the ids that existed before the operation.
    pub(super) fn prune(&mut self, previous: &BTreeSet<String>) {
        let current = self.current_ids();
        self.may_differ.retain(|id| current.contains(id));
        self.without_entry.retain(|id| current.contains(id));
        let mut kept = BTreeSet::new();
        for resource in self.expected_resources().iter().filter(|resource| previous.contains(&resource.physical_id)) {
            kept.insert(format!("role/{}", node_role_name(&resource.properties)));
            kept.insert(format!("role/{}", controller_role_name(&resource.properties)));
        }
        // A role that was deleted and created again in between has lost the tags of others.
        self.third_party.tags_on_own_roles.retain(|name, _| kept.contains(name));
    }
}

/// Returns the last lines of a long text.
fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..]
        .iter()
        .map(|line| line.chars().take(600).collect::<String>() + "\n")
        .collect()
}
