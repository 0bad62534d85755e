//! Writes of the ConfigMap, and their dry runs. Each write names the version that was read, so that it does not overwrite a change
//! of another writer.

use super::config_map::set_content;
use super::{Kubernetes, NAME, NAMESPACE, Read};
use crate::error::KubernetesError;
use k8s_openapi::api::core::v1::ConfigMap;
use karpenter_prereqs_core::documents::config_map::Edit;
use karpenter_prereqs_core::observed;
use karpenter_prereqs_core::plan::Verb;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::core::Status;

/// Whether a write is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteMode {
    /// The API server authorizes and validates the write, calls the admission webhooks, and stores nothing:
    /// <https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run>.
    DryRun,
    /// The API server stores the write.
    Store,
}

/// The result of a write.
#[derive(Debug)]
pub(crate) enum Written {
    /// The write succeeded. The ConfigMap after it; `None` if it was deleted.
    Done(Option<Box<Read>>),
    /// Another writer was faster: the ConfigMap has changed since it was read.
    Conflict,
}

impl WriteMode {
    /// Returns whether nothing is stored.
    fn is_dry_run(self) -> bool {
        self == Self::DryRun
    }

    /// Returns the name of the call in the log. A dry run is no write.
    fn operation(self, verb: Verb) -> &'static str {
        match (self, verb) {
            (Self::DryRun, Verb::Create) => "dry-run-create ConfigMap",
            (Self::DryRun, Verb::Update) => "dry-run-update ConfigMap",
            (Self::DryRun, Verb::Delete) => "dry-run-delete ConfigMap",
            (Self::Store, Verb::Create) => "create ConfigMap",
            (Self::Store, Verb::Update) => "update ConfigMap",
            (Self::Store, Verb::Delete) => "delete ConfigMap",
        }
    }
}

impl Kubernetes {
    /// Makes the write of an edit once. `read` is the ConfigMap that was edited. An edit without a write succeeds at once.
    ///
    /// If an admission webhook does not support dry runs, an access review takes the place of the dry run.
    ///
    /// # Errors
    /// The call failed. 401 and 403, and an API server that cannot be reached, have a remedy each.
    pub(crate) async fn write(
        &self,
        read: Option<&Read>,
        edit: &Edit,
        mode: WriteMode,
    ) -> Result<Written, KubernetesError> {
        let (verb, result) = match (edit, read) {
            (Edit::Create(wanted), _) => (Verb::Create, self.create(wanted, mode).await),
            (Edit::Replace(wanted), Some(read)) => (Verb::Update, self.replace(read, wanted, mode).await),
            (Edit::Delete, Some(read)) => (Verb::Delete, self.delete(read, mode).await),
            (Edit::None | Edit::Replace(_) | Edit::Delete, _) => return Ok(Written::Done(None)),
        };
        match result {
            Ok(object) => Ok(Written::Done(object.map(|object| Box::new(Read::new(object))))),
            Err(kube::Error::Api(status)) if verb == Verb::Delete && status.code == 404 => Ok(Written::Done(None)),
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(Written::Conflict),
            Err(kube::Error::Api(status)) if mode.is_dry_run() && is_dry_run_unsupported(&status) => {
                self.review_access(verb).await?;
                Ok(Written::Done(None))
            }
            Err(error) => Err(self.error(verb.name(), error)),
        }
    }

    async fn create(&self, wanted: &observed::ConfigMap, mode: WriteMode) -> kube::Result<Option<ConfigMap>> {
        let mut object = ConfigMap::default();
        object.metadata.name = Some(NAME.to_owned());
        object.metadata.namespace = Some(NAMESPACE.to_owned());
        set_content(&mut object, wanted);
        let (config_maps, parameters) = (self.config_maps(), post_parameters(mode));
        self.recorded(mode.operation(Verb::Create), config_maps.create(&parameters, &object)).await.map(Some)
    }

    async fn replace(
        &self,
        read: &Read,
        wanted: &observed::ConfigMap,
        mode: WriteMode,
    ) -> kube::Result<Option<ConfigMap>> {
        let object = read.with_content(wanted);
        let (config_maps, parameters) = (self.config_maps(), post_parameters(mode));
        self.recorded(mode.operation(Verb::Update), config_maps.replace(NAME, &parameters, &object)).await.map(Some)
    }

    async fn delete(&self, read: &Read, mode: WriteMode) -> kube::Result<Option<ConfigMap>> {
        let metadata = &read.object.metadata;
        let preconditions =
            Preconditions { uid: metadata.uid.clone(), resource_version: metadata.resource_version.clone() };
        let parameters =
            DeleteParams { dry_run: mode.is_dry_run(), preconditions: Some(preconditions), ..DeleteParams::default() };
        let config_maps = self.config_maps();
        self.recorded(mode.operation(Verb::Delete), config_maps.delete(NAME, &parameters)).await.map(|_| None)
    }
}

fn post_parameters(mode: WriteMode) -> PostParams {
    PostParams { dry_run: mode.is_dry_run(), ..PostParams::default() }
}

/// Returns whether the dry run failed because an admission webhook may have side effects, and the API server therefore does not
/// call it in a dry run. Example: `admission webhook "a.example.com" does not support dry run`. The words are those of
/// `NewDryRunUnsupportedErr` in `k8s.io/apiserver`.
fn is_dry_run_unsupported(status: &Status) -> bool {
    status.code == 400 && status.message.contains("does not support dry run")
}
