//! Authentication at the Kubernetes API, and the objects that it depends on.

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec, TokenReview, TokenReviewSpec},
    core::v1::{ConfigMap, Namespace, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, PostParams},
    config::AuthInfo,
};

use super::{ControlPlane, client_config};
use crate::error::Error;

/// A Kubernetes identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user name.
    pub username: String,
    /// The groups, sorted.
    pub groups: Vec<String>,
}

impl ControlPlane {
    /// Returns the identity of a token, as the API server sees it; `None` if it rejects the token (401).
    ///
    /// # Errors
    /// [`Error::Kubernetes`] on any other error.
    pub async fn who_is(&self, token: &str) -> Result<Option<Identity>, Error> {
        let failed = || Error::kubernetes("create a SelfSubjectReview");
        let mut config = client_config(&self.kubeconfig).await?;
        config.auth_info = AuthInfo { token: Some(token.to_owned().into()), ..AuthInfo::default() };
        let client = Client::try_from(config).map_err(failed())?;
        let reviews: Api<SelfSubjectReview> = Api::all(client);
        match reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await {
            Ok(review) => {
                let user = review.status.and_then(|status| status.user_info).unwrap_or_default();
                let mut groups = user.groups.unwrap_or_default();
                groups.sort();
                Ok(Some(Identity { username: user.username.unwrap_or_default(), groups }))
            }
            Err(kube::Error::Api(status)) if status.code == 401 => Ok(None),
            Err(error) => Err(failed()(error)),
        }
    }

    /// Requests a token of a service account for an audience, with `TokenRequest`, like the projected token of a pod. Creates
    /// the namespace and the service account if they are missing.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn service_account_token(&self, namespace: &str, name: &str, audience: &str) -> Result<String, Error> {
        let meta = |name: &str| ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let namespaces: Api<Namespace> = Api::all(self.client());
        let object = Namespace { metadata: meta(namespace), ..Namespace::default() };
        created_or_exists(namespaces.create(&PostParams::default(), &object).await)
            .map_err(Error::kubernetes("create a namespace"))?;
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client(), namespace);
        let object = ServiceAccount { metadata: meta(name), ..ServiceAccount::default() };
        created_or_exists(accounts.create(&PostParams::default(), &object).await)
            .map_err(Error::kubernetes("create a service account"))?;

        let request = TokenRequest {
            spec: TokenRequestSpec {
                audiences: vec![audience.to_owned()],
                expiration_seconds: Some(3600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let response = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .map_err(Error::kubernetes("request a service account token"))?;
        Ok(response.status.map(|status| status.token).unwrap_or_default())
    }

    /// Returns whether the API server signed this service account token for this audience, and it has not expired.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn accepts_token(&self, token: &str, audience: &str) -> Result<bool, Error> {
        let review = TokenReview {
            spec: TokenReviewSpec { token: Some(token.to_owned()), audiences: Some(vec![audience.to_owned()]) },
            ..TokenReview::default()
        };
        let response = Api::all(self.client())
            .create(&PostParams::default(), &review)
            .await
            .map_err(Error::kubernetes("create a TokenReview"))?;
        Ok(response.status.and_then(|status| status.authenticated).unwrap_or(false))
    }

    /// Reads the ConfigMap `kube-system/aws-auth`; `None` when it does not exist.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn aws_auth(&self) -> Result<Option<ConfigMap>, Error> {
        self.kube_system()
            .get_opt("aws-auth")
            .await
            .map_err(Error::kubernetes("get the ConfigMap kube-system/aws-auth"))
    }

    /// Creates or replaces `kube-system/aws-auth`, with this text as `mapRoles` and nothing else. The authenticator uses it
    /// within about 1 s.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn set_aws_auth(&self, map_roles: &str) -> Result<ConfigMap, Error> {
        let failed = || Error::kubernetes("write the ConfigMap kube-system/aws-auth");
        let map = ConfigMap {
            metadata: ObjectMeta { name: Some("aws-auth".to_owned()), ..ObjectMeta::default() },
            data: Some([("mapRoles".to_owned(), map_roles.to_owned())].into()),
            ..ConfigMap::default()
        };
        let maps = self.kube_system();
        match maps.replace("aws-auth", &PostParams::default(), &map).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {
                maps.create(&PostParams::default(), &map).await.map_err(failed())
            }
            result => result.map_err(failed()),
        }
    }

    /// Deletes `kube-system/aws-auth`, if it exists.
    ///
    /// # Errors
    /// [`Error::Kubernetes`].
    pub async fn remove_aws_auth(&self) -> Result<(), Error> {
        match self.kube_system().delete("aws-auth", &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(Error::kubernetes("delete the ConfigMap kube-system/aws-auth")(error)),
        }
    }

    fn kube_system(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client(), "kube-system")
    }
}

/// Accepts the error that the object exists already.
fn created_or_exists<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        other => other.map(drop),
    }
}
