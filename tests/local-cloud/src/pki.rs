//! The certificate authority of a local cloud. Each cloud has a new one.

use std::{
    error::Error as StdError,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer},
};

use crate::error::Error;

/// A certificate authority, with a folder for its files.
pub struct Pki {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    /// Creates an authority, and writes its certificate into the folder, which must exist.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::File`].
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "karpenter-prereqs local cloud");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = KeyPair::generate()
            .and_then(|key| CertifiedIssuer::self_signed(params, key))
            .map_err(failed("the authority"))?;
        let pki = Self { folder, issuer };
        write(&pki.ca_path(), &pki.ca_pem())?;
        Ok(pki)
    }

    /// The authority's certificate, as PEM.
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// The file with only the authority's certificate.
    pub fn ca_path(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Creates a server certificate for these host names and addresses, in files that begin with `name`.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::File`].
    pub fn server(&self, name: &str, hosts: &[&str]) -> Result<Leaf, Error> {
        let hosts: Vec<_> = hosts.iter().copied().map(str::to_owned).collect();
        let mut params = CertificateParams::new(hosts).map_err(failed(name))?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.leaf(name, &params)
    }

    /// Creates a client certificate. Kubernetes reads a user and a group from it.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::File`].
    pub fn client(&self, user: &str, group: &str) -> Result<Leaf, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.leaf(user, &params)
    }

    /// Returns a client configuration that accepts only certificates of this authority.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).map_err(failed("the authority"))?;
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(failed("a client"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    fn leaf(&self, name: &str, params: &CertificateParams) -> Result<Leaf, Error> {
        let key = KeyPair::generate().map_err(failed(name))?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed(name))?;
        let leaf = Leaf {
            certificate_path: self.folder.join(format!("{name}.pem")),
            key_path: self.folder.join(format!("{name}.key")),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        };
        write(&leaf.certificate_path, &leaf.certificate_pem)?;
        write(&leaf.key_path, &leaf.key_pem)?;
        Ok(leaf)
    }
}

impl fmt::Debug for Pki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pki").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Leaf {
    /// The file with the certificate.
    pub certificate_path: PathBuf,
    /// The file with the key.
    pub key_path: PathBuf,
    /// The certificate, as PEM.
    pub certificate_pem: String,
    /// The key, as PKCS#8 in PEM.
    pub key_pem: String,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Leaf {
    /// Returns a server configuration with this certificate, for HTTP/1.1.
    ///
    /// # Errors
    /// [`Error::Certificate`].
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(self.chain.clone(), self.key.clone_key())
            })
            .map_err(failed("a server"))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// A key pair that signs service account tokens, with the private and the public key in one file each.
///
/// `--service-account-key-file` of kube-apiserver rejects a private EC key in PKCS#8, the only form that ring writes, and
/// accepts the public key. `--service-account-signing-key-file` accepts the private key.
#[derive(Debug)]
pub struct SigningKey {
    /// The file with the private key.
    pub private_path: PathBuf,
    /// The file with the public key.
    pub public_path: PathBuf,
}

impl SigningKey {
    /// Creates a key pair, in files of the folder that begin with `name`.
    ///
    /// # Errors
    /// [`Error::Certificate`], [`Error::File`].
    pub fn new(folder: &Path, name: &str) -> Result<Self, Error> {
        let pair = KeyPair::generate().map_err(failed(name))?;
        let key =
            Self { private_path: folder.join(format!("{name}.key")), public_path: folder.join(format!("{name}.pub")) };
        write(&key.private_path, &pair.serialize_pem())?;
        write(&key.public_path, &pair.public_key_pem())?;
        Ok(key)
    }
}

/// Explicit, because the process may not have a default provider yet.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(Error::file("write", path))
}

fn failed<E: StdError + Send + Sync + 'static>(subject: &str) -> impl FnOnce(E) -> Error {
    let subject = subject.to_owned();
    move |source| Error::Certificate { subject, source: Box::new(source) }
}
