//! What CloudFormation asks for: the event, where the response goes, and whether the event is still wanted.

pub mod event;
pub mod response_url;
pub mod stack_status;
