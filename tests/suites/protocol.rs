//! CloudFormation's protocol: every event is answered, in time, once and for all, within the answer's limit.

mod deadline;
mod delivery;
mod odd_events;
mod samples;
mod size;
