//! What a stack sends to a custom resource.

use std::time::SystemTime;

use crate::lambda::Event;

/// One event that a stack wants delivered.
#[derive(Clone, Debug)]
pub struct Request {
    /// How many the stack had sent by then.
    pub(super) number: usize,
    /// The event, complete but for its URL.
    pub event: Event,
    /// What it asks for.
    pub kind: Kind,
    /// The `PhysicalResourceId` in it; absent in a Create.
    pub physical_resource_id: Option<String>,
    /// When the stack sent it: the date of its URL.
    pub issued: SystemTime,
}

/// A `RequestType`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Create.
    Create,
    /// Update.
    Update,
    /// Delete.
    Delete,
}

impl Request {
    /// The `RequestId`.
    pub fn id(&self) -> &str {
        &self.event.ids().request_id
    }

    /// The stack that sends it.
    pub fn stack_id(&self) -> &str {
        &self.event.ids().stack_id
    }

    /// The resource that it is for.
    pub fn logical_resource_id(&self) -> &str {
        &self.event.ids().logical_resource_id
    }
}
