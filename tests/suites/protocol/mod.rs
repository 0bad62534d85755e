//! CloudFormation's protocol for custom resources: every event gets one response, in time and within the size limit.

mod deadline;
mod delivery;
mod odd_events;
mod samples;
mod size;
