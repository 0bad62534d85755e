//! How the function is deployed: a stack, stack sets and the CDK construct.

mod cdk;
mod stack;
mod stack_set;
