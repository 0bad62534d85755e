//! The hosts of AWS that are this machine, in the network namespace of `isolate.sh`.

use std::{fs, net::SocketAddr};

use local_cloud::{Error, tools};

/// The hosts of AWS that are this machine.
pub(crate) struct Hosts {
    /// The address of the services, and their names.
    pub(crate) services: (SocketAddr, Vec<String>),
    /// The address of S3, and the name of the bucket for responses.
    pub(crate) responses: (SocketAddr, String),
}

impl Hosts {
    /// Reads the file `hosts`: a line for the services, and one for S3.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the names do not resolve to this machine.
    pub(crate) fn read() -> Result<Self, Error> {
        let path = tools::checkout().join("tests/bench/hosts");
        let text = fs::read_to_string(&path).map_err(Error::file("read", &path))?;
        let current = fs::read_to_string("/etc/hosts").map_err(Error::file("read", "/etc/hosts"))?;
        if text != current {
            return Err(Error::Unusable("the hosts of AWS are not this machine; run make bench".to_owned()));
        }
        let mut lines = text.lines().map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().and_then(|address| Some(SocketAddr::new(address.parse().ok()?, HTTPS)));
            Some((address?, words.map(str::to_owned).collect::<Vec<_>>()))
        });
        let unusable = || Error::Unusable(format!("{} has not two lines with an address and names", path.display()));
        let services = lines.next().flatten().ok_or_else(unusable)?;
        let (address, mut names) = lines.next().flatten().ok_or_else(unusable)?;
        Ok(Self { services, responses: (address, names.pop().ok_or_else(unusable)?) })
    }
}

/// The port of HTTPS.
const HTTPS: u16 = 443;
