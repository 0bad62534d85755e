//! The programs of a control plane, and their flags.

use std::path::Path;

use super::{ControlPlaneOptions, config};
use crate::{
    error::Error,
    pki::{Pki, SigningKey},
    ports,
    process::{Program, Running},
};

pub(super) fn start_etcd(folder: &Path, programs: &Path) -> Result<(Running, String), Error> {
    let url = format!("http://127.0.0.1:{}", ports::free()?);
    let peer = format!("http://127.0.0.1:{}", ports::free()?);
    let running = Program::new("etcd", programs.join("etcd"), folder)
        .option("--data-dir", folder.join("etcd"))
        .arg("--unsafe-no-fsync")
        .option("--listen-client-urls", &url)
        .option("--advertise-client-urls", &url)
        .option("--listen-peer-urls", &peer)
        .option("--initial-advertise-peer-urls", &peer)
        .option("--initial-cluster", format!("default={peer}"))
        .start()?;
    Ok((running, url))
}

pub(super) fn start_api_server(
    folder: &Path,
    programs: &Path,
    pki: &Pki,
    options: &ControlPlaneOptions<'_>,
    etcd_url: &str,
    port: u16,
    webhook: &Path,
) -> Result<Running, Error> {
    let serving = pki.server(&format!("{}-api", options.cluster), &["127.0.0.1", "localhost"])?;
    let key = SigningKey::new(folder, "service-account")?;
    Program::new("kube-apiserver", programs.join("kube-apiserver"), folder)
        // Nearly each test starts one. With Go's default of 100, the garbage collector takes a sixth of the processor time of a
        // start. With 400, the process takes 360 MB instead of 270 MB.
        .env("GOGC", "400")
        .option("--etcd-servers", etcd_url)
        .option("--bind-address", "127.0.0.1")
        .option("--advertise-address", "127.0.0.1")
        .option("--secure-port", port.to_string())
        .option("--tls-cert-file", &serving.certificate_path)
        .option("--tls-private-key-file", &serving.key_path)
        .option("--client-ca-file", pki.ca_path())
        .option("--authorization-mode", "RBAC")
        .option("--service-cluster-ip-range", "10.0.0.0/24")
        .option("--endpoint-reconciler-type", "none")
        // No controller manager runs, and this plug-in waits for objects that it would create.
        .option("--disable-admission-plugins", "ServiceAccount")
        .option("--service-account-issuer", options.issuer)
        .option("--service-account-key-file", &key.public_path)
        .option("--service-account-signing-key-file", &key.private_path)
        .option("--authentication-token-webhook-config-file", webhook)
        // A change of aws-auth must take effect at once.
        .option("--authentication-token-webhook-cache-ttl", "0s")
        .start()
}

pub(super) fn start_authenticator(
    folder: &Path,
    programs: &Path,
    pki: &Pki,
    options: &ControlPlaneOptions<'_>,
    port: u16,
    kubeconfig: &Path,
) -> Result<Running, Error> {
    // The authenticator uses `cert.pem` and `key.pem` in its state folder, and creates them only if they are missing.
    let serving = pki.server(&format!("{}-authenticator", options.cluster), &["127.0.0.1"])?;
    let state = folder.join("authenticator");
    std::fs::create_dir_all(&state).map_err(Error::file("create", &state))?;
    for (text, name) in [(&serving.certificate_pem, "cert.pem"), (&serving.key_pem, "key.pem")] {
        let path = state.join(name);
        std::fs::write(&path, text).map_err(Error::file("write", &path))?;
    }
    let settings = folder.join("authenticator.yaml");
    config::write(&settings, &config::authenticator(options, port, &state, kubeconfig))?;
    Program::new("aws-iam-authenticator", programs.join("aws-iam-authenticator"), folder)
        .arg("server")
        .option("--config", &settings)
        .env("AWS_REGION", options.region)
        .env("AWS_ACCESS_KEY_ID", options.account)
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL_EC2", options.ec2_endpoint)
        .env("HTTPS_PROXY", options.sts_proxy_url)
        .env("SSL_CERT_FILE", pki.ca_path())
        .start()
}
