//! `MiniStack`, the emulator of AWS that is every API of the local cloud.

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

/// How `MiniStack` runs.
#[derive(Debug, Clone)]
pub struct MinistackOptions {
    /// Whether IAM policies, trust documents and signatures are enforced. A twelve-digit access key
    /// id, or `test`, is a root key, and may do everything all the same.
    pub auth: bool,
    /// The account of access keys that name none.
    pub account: String,
    /// The region.
    pub region: String,
    /// The `AWS_ENDPOINT_URL` that functions are given; `MiniStack` itself where it is `None`.
    pub function_endpoint: Option<String>,
    /// The `SSL_CERT_FILE` that functions are given; the machine's own where it is `None`.
    pub function_ca: Option<PathBuf>,
}

/// A running `MiniStack`.
#[derive(Debug)]
pub struct Ministack {
    running: Running,
    address: SocketAddr,
    url: String,
    access_entries: PathBuf,
}

impl Ministack {
    /// Starts `MiniStack` out of the virtual environment's `bin`, by `ministack/start.py` (which says
    /// what it mends), with its log and files in `folder`, and waits until it answers.
    ///
    /// Functions inherit its environment, so that of this process stays outside: credentials or a
    /// profile of whoever runs the tests must not reach them.
    ///
    /// # Errors
    /// [`Error::Ended`] or [`Error::TimedOut`] if it does not come up.
    pub async fn start(folder: &Path, python_bin: &Path, options: &MinistackOptions) -> Result<Self, Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free()?));
        let url = format!("http://{address}");
        let script = tools::checkout().join("tests/ministack/start.py");
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
                client.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success())
            })
            .await?;
        Ok(Self { running, address, url, access_entries })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder with a file for each cluster that has access entries, `<cluster>.json`: as EKS hands them to its
    /// authenticators.
    pub fn access_entries(&self) -> &Path {
        &self.access_entries
    }

    /// Its log, which holds the functions' logs too.
    pub fn log(&self) -> &Path {
        self.running.log()
    }
}

/// It takes about two seconds alone; many may start at once on two cores.
const START_BOUND: Duration = Duration::from_secs(90);
