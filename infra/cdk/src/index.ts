export * from './function';
export * from './karpenter-prereqs';
export { ControllerIdentity, ExistingObjects, KarpenterPrereqsOptions, NodeAccess, OidcProvider, RunningNodes, TagConflict } from './properties';
