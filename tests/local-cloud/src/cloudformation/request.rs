//! A request of a stack to a custom resource.

use std::time::SystemTime;

use crate::lambda::Event;

/// An event to deliver.
#[derive(Clone, Debug)]
pub struct Request {
    /// The number of the request in its stack, from 1.
    pub(super) number: usize,
    /// The event, without its URL.
    pub event: Event,
    /// The request type.
    pub kind: Kind,
    /// The `PhysicalResourceId`; `None` in a Create.
    pub physical_resource_id: Option<String>,
    /// When the stack sent it. This is the date of the URL.
    pub issued: SystemTime,
}

/// The `RequestType`.
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

    /// The logical id of the resource.
    pub fn logical_resource_id(&self) -> &str {
        &self.event.ids().logical_resource_id
    }
}
