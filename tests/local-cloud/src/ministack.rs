//! MiniStack, the AWS emulator of the local cloud.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    error::Error,
    ports,
    process::{Program, Running},
    tools,
};

/// The options of MiniStack.
#[derive(Debug, Clone)]
pub struct MinistackOptions {
    /// Whether IAM policies, trust policies and signatures are enforced. An access key id of twelve digits, or `test`, is a
    /// root key, and always has all permissions.
    pub auth: bool,
    /// The account of access keys without an account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The `AWS_ENDPOINT_URL` of functions. `None` means MiniStack itself.
    pub function_endpoint: Option<String>,
    /// The `SSL_CERT_FILE` of functions. `None` means the machine's own.
    pub function_ca: Option<PathBuf>,
}

/// A running MiniStack.
#[derive(Debug)]
pub struct Ministack {
    running: Running,
    address: SocketAddr,
    url: String,
    access_entries: PathBuf,
}

impl Ministack {
    /// Starts MiniStack from the virtual environment's `bin`, and waits until it is ready. Its log and files are in `folder`.
    /// The script `ministack/start.py` adds what MiniStack lacks.
    ///
    /// Functions inherit the environment of MiniStack. MiniStack does not inherit the environment of this process, so that
    /// credentials and profiles of the developer do not reach the functions.
    ///
    /// # Errors
    /// [`Error::Ended`] or [`Error::TimedOut`] if it does not start.
    pub async fn start(folder: &Path, python_bin: &Path, options: &MinistackOptions) -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?));
        let url = format!("http://{address}");
        let script = tools::checkout().join("tests/local-cloud/ministack/start.py");
        let access_entries = folder.join("access-entries");
        std::fs::create_dir_all(&access_entries).map_err(Error::file("create", &access_entries))?;
        let mut program = Program::new("ministack", python_bin.join("python"), folder)
            .arg(script)
            .env("GATEWAY_PORT", address.port().to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("MINISTACK_ACCOUNT_ID", &options.account)
            .env("MINISTACK_REGION", &options.region)
            .env("AUTH", options.auth.to_string())
            .env("ACCESS_ENTRIES", &access_entries)
            .env("PYTHONUNBUFFERED", "1")
            // Listeners on fixed ports, which nothing here uses.
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0");
        if let Some(endpoint) = &options.function_endpoint {
            program = program.env("AWS_ENDPOINT_URL", endpoint);
        }
        if let Some(ca) = &options.function_ca {
            program = program.env("SSL_CERT_FILE", ca);
        }
        let mut running = program.start()?;
        let client = reqwest::Client::new();
        let ready = format!("{url}/_ministack/ready");
        running
            .wait_until("MiniStack is ready", START_BOUND, async || {
                client.get(&ready).send().await.is_ok_and(|response| response.status().is_success())
            })
            .await?;
        Ok(Self { running, address, url, access_entries })
    }

    /// The address of its listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder with one file for each cluster with access entries, `<cluster>.json`, as EKS gives them to its
    /// authenticators.
    pub fn access_entries(&self) -> &Path {
        &self.access_entries
    }

    /// Its log, with the logs of the functions.
    pub fn log(&self) -> &Path {
        self.running.log()
    }
}

/// The start takes about 2 s alone. Many may start at the same time on two cores.
const START_BOUND: Duration = Duration::from_secs(90);
