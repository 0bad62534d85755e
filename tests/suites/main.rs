//! What is proved on the local cloud.

mod gateway;
mod local_cloud;
