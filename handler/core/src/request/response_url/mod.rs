//! The presigned S3 URL that receives the response. It is a credential, and its date is the event's date.
//!
//! Anyone who has the URL can forge the response. Its query leaves this type only through [`ResponseUrl::expose`].
//! [`Debug`](fmt::Debug) and [`Display`](fmt::Display) show the host alone.

#[cfg(test)]
mod tests;

use crate::identity::aws_names::Partition;
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use std::fmt;
use url::Url;

/// The time for which CloudFormation's presigned URLs are valid. The older form of URL has only the end of that time, from which
/// this computes the start (observed: logged at 17:11:08, `Expires` = 19:11:08).
const LIFETIME: SignedDuration = SignedDuration::from_hours(2);

/// The form of `X-Amz-Date`, as in `20260102T150405Z`
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>).
const DATE_FORM: &str = "%Y%m%dT%H%M%SZ";

/// The `ResponseURL` of an event.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

/// The reason why no response may be sent to a URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResponseUrl {
    /// The scheme is not `https`.
    #[error("the event's ResponseURL is not an https URL, so nothing is sent to it")]
    NotTls,
    /// The host is not an S3 host of the stack's partition.
    #[error(
        "the event's ResponseURL names the host `{host}`, which is not an S3 host under `{suffix}`, so nothing is sent to it"
    )]
    NotS3 {
        /// The host in the URL. Empty if the text is not a URL.
        host: String,
        /// The DNS suffix of the stack's partition.
        suffix: &'static str,
    },
    /// The host is an S3 host, but S3's own URLs are not written like this.
    #[error(
        "the event's ResponseURL has a user, a port, or a character that S3 URLs do not have, so nothing is sent to it"
    )]
    NotPlain,
}

impl ResponseUrl {
    /// Creates a URL from the text in the event. Accepts any text, and [`ResponseUrl::check`] validates it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// Returns the whole URL with its credential. Only the PUT of the response uses it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns the host without user, port and path, as the PUT resolves it. The host of an https URL is in lower case. Returns
    /// an empty text if the URL is invalid or has no host.
    ///
    /// The HTTP client uses the same parser, so the host that is checked is the host that receives the response.
    pub fn host(&self) -> String {
        self.parsed().as_ref().and_then(Url::host_str).unwrap_or_default().to_owned()
    }

    /// Checks that the response may be sent there: over TLS, to an S3 host of the stack's partition.
    ///
    /// CloudFormation's hosts are `cloudformation-custom-resource-response-<region>.s3[.-]<region>.<suffix>`.
    /// `s3`, `s3-<region>` and `dualstack` endpoints in path style are accepted too.
    ///
    /// # Errors
    /// [`InvalidResponseUrl`] names the first rule that the URL breaks.
    pub fn check(&self, partition: &Partition) -> Result<(), InvalidResponseUrl> {
        let head = self.0.split('?').next().unwrap_or_default().to_ascii_lowercase();
        let authority_and_path = head.strip_prefix("https://").ok_or(InvalidResponseUrl::NotTls)?;
        // The parser decides where the host begins and ends: after a user, before a backslash or a fragment. If that host is not
        // an S3 host, the URL is rejected. A text that is not a URL has no host.
        let (host, suffix) = (self.host(), partition.dns_suffix());
        let is_s3 = host
            .strip_suffix(suffix)
            .and_then(|head| head.strip_suffix('.'))
            .is_some_and(|head| head.split('.').rev().take(3).any(is_s3_label));
        if !is_s3 {
            return Err(InvalidResponseUrl::NotS3 { host, suffix });
        }
        // The parser accepts and repairs some characters that S3 URLs do not have: a user, a backslash, a tab, a missing or an
        // additional slash, an escaped or full-width host. Another parser may read another host there.
        let has_plain_host = authority_and_path
            .strip_prefix(host.as_str())
            .is_some_and(|rest| (rest.is_empty() || rest.starts_with(['/', ':', '#'])) && !rest.contains(['@', '\\']));
        let has_default_port = self.parsed().is_some_and(|url| url.port().is_none());
        if has_plain_host && has_default_port { Ok(()) } else { Err(InvalidResponseUrl::NotPlain) }
    }

    /// Returns the time at which CloudFormation issued the URL, in whole seconds. It is the event's date: `X-Amz-Date`, or
    /// `Expires` minus the two hours for which the URL is valid. Returns `None` if the URL has neither, such as the URL of a
    /// local endpoint, or has it in another form than S3.
    pub fn issued_at(&self) -> Option<Timestamp> {
        let url = self.parsed()?;
        let query = url.query()?;
        // `query_pairs` would decode names and values, but CloudFormation escapes neither of these two.
        let value = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
        };
        match value("X-Amz-Date") {
            Some(date) => parse_date(date),
            None => Timestamp::from_second(value("Expires")?.parse().ok()?).ok()?.checked_sub(LIFETIME).ok(),
        }
    }

    /// Parses the text with the parser of the HTTP client. Returns `None` if it is not a URL.
    fn parsed(&self) -> Option<Url> {
        Url::parse(&self.0).ok()
    }
}

impl fmt::Debug for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseUrl({self})")
    }
}

impl fmt::Display for ResponseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/…", self.host())
    }
}

fn is_s3_label(label: &str) -> bool {
    label == "s3" || label.strip_prefix("s3-").is_some_and(|region| !region.is_empty())
}

/// Parses a date in exactly the form [`DATE_FORM`]. Returns `None` for any other text.
fn parse_date(text: &str) -> Option<Timestamp> {
    // jiff also accepts signs, blanks and numbers with fewer digits. No such text has 16 letters and digits.
    if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    Offset::UTC.to_timestamp(DateTime::strptime(DATE_FORM, text).ok()?).ok()
}
