//! The event of CloudFormation, the URL for its response, and whether CloudFormation still wants the operation.

pub mod event;
pub mod response_url;
pub mod stack_status;
