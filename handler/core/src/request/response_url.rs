//! The presigned S3 URL that the answer goes to: a credential, and a clock.
//!
//! Whoever holds the URL can forge the resource's result, so its query never leaves this type but
//! through [`ResponseUrl::expose`]; [`Debug`](fmt::Debug) and [`Display`](fmt::Display) show the host alone.

use crate::identity::aws_names::Partition;
use std::fmt;

/// How long CloudFormation's presigned URLs live, in seconds. Those in the older form tell only when they
/// end, so this dates them (seen: logged at 17:11:08, `Expires` = 19:11:08).
const LIFETIME: i64 = 7200;

/// The `ResponseURL` of an event.
#[derive(Clone, PartialEq, Eq)]
pub struct ResponseUrl(String);

/// Why an answer may not be sent to a URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// The scheme is not `https`.
    #[error("the event's ResponseURL is not an https URL: nothing is sent to it")]
    NotTls,
    /// The host is no S3 host of the stack's partition.
    #[error(
        "the event's ResponseURL names the host `{host}`, which is no S3 host under `{suffix}`: nothing is sent to it"
    )]
    NotS3 {
        /// The host that the URL names.
        host: String,
        /// The DNS suffix of the stack's partition.
        suffix: &'static str,
    },
}

impl ResponseUrl {
    /// Takes the URL as the event has it; any text is taken.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The whole URL, for the PUT and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The host, in lower case and without user, port and path; empty when there is none.
    pub fn host(&self) -> String {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        host.split(':').next().unwrap_or_default().to_ascii_lowercase()
    }

    /// Whether the answer may go there: TLS, and an S3 host of the partition that the stack is in.
    ///
    /// CloudFormation's own are `cloudformation-custom-resource-response-<region>.s3[.-]<region>.<suffix>`;
    /// `s3`, `s3-<region>` and `dualstack` endpoints in path style count too.
    ///
    /// # Errors
    /// [`UrlRefused`] says which of the two is wrong.
    pub fn check(&self, partition: &Partition) -> Result<(), UrlRefused> {
        if !self.0.to_ascii_lowercase().starts_with("https://") {
            return Err(UrlRefused::NotTls);
        }
        let (host, suffix) = (self.host(), partition.dns_suffix());
        // A `@` or a backslash makes two readers see two hosts in one URL; S3's own have neither.
        let plain = !self.0.split('?').next().unwrap_or_default().contains(['@', '\\']);
        let s3 = host
            .strip_suffix(suffix)
            .and_then(|head| head.strip_suffix('.'))
            .is_some_and(|head| head.split('.').rev().take(3).any(is_s3_label));
        if plain && s3 { Ok(()) } else { Err(UrlRefused::NotS3 { host, suffix }) }
    }

    /// When CloudFormation issued the URL, and so the event, in seconds since 1970: `X-Amz-Date`, or
    /// `Expires` less the URL's two hours. `None` when the URL tells neither (a local endpoint's does not).
    pub fn issued_at(&self) -> Option<i64> {
        let query = self.0.split_once('?')?.1;
        let value = |name: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
        };
        match value("X-Amz-Date") {
            Some(date) => basic_iso8601(date),
            None => value("Expires")?.parse::<i64>().ok()?.checked_sub(LIFETIME),
        }
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

/// `20260102T150405Z` in seconds since 1970.
fn basic_iso8601(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    if date.len() != 8 || time.len() != 6 || !(date.bytes().chain(time.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |text: &str| text.parse::<i64>().ok();
    let (year, month, day) = (part(&date[..4])?, part(&date[4..6])?, part(&date[6..])?);
    let (hour, minute, second) = (part(&time[..2])?, part(&time[2..4])?, part(&time[4..])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || 23 < hour || 59 < minute || 60 < second {
        return None;
    }
    Some(((days_since_1970(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

/// Days from 1970-01-01, for the Gregorian calendar, by counting years from March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month < 3 { (year - 1, month + 9) } else { (year, month - 3) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_s3_hosts_of_the_partition_over_tls_pass() {
        let good = [
            ("aws", "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com/k?X=1"),
            ("aws", "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/k"),
            ("aws", "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/k"),
            ("aws", "https://b.s3.dualstack.eu-west-1.amazonaws.com:443/k"),
            ("aws", "https://s3.eu-west-1.amazonaws.com/b/k"),
            ("aws-us-gov", "https://b.s3.us-gov-west-1.amazonaws.com/k"),
            ("aws-cn", "https://b.s3.cn-north-1.amazonaws.com.cn/k"),
            ("aws-iso", "https://b.s3.us-iso-east-1.c2s.ic.gov/k"),
            ("aws-eusc", "https://b.s3.eusc-de-east-1.amazonaws.eu/k"),
            ("aws", "HTTPS://B.S3.US-EAST-1.AMAZONAWS.COM/k"),
        ];
        for (partition, url) in good {
            assert_eq!(ResponseUrl::new(url).check(&Partition::new(partition)), Ok(()), "{url}");
        }
        let bad = [
            ("aws", "http://b.s3.us-east-1.amazonaws.com/k"),
            ("aws", "https://evil.example/b.s3.us-east-1.amazonaws.com"),
            ("aws", "https://b.s3.us-east-1.amazonaws.com.evil.example/k"),
            ("aws", "https://b.s3.us-east-1.amazonaws.com@evil.example/k"),
            ("aws", "https://evil.example\\@b.s3.us-east-1.amazonaws.com/k"),
            ("aws", "https://evil.example#.s3.us-east-1.amazonaws.com/k"),
            ("aws", "https://xs3.amazonaws.com.evil/k"),
            ("aws", "https://evils3.amazonaws.com/k"),
            ("aws", "https://ec2.us-east-1.amazonaws.com/k"),
            ("aws", "https://s3.a.b.c.execute-api.amazonaws.com/k"),
            ("aws", "https://b.s3.cn-north-1.amazonaws.com.cn/k"),
            ("aws-cn", "https://b.s3.us-east-1.amazonaws.com/k"),
            ("aws", "https://169.254.169.254/s3.amazonaws.com"),
            ("aws", "file:///etc/passwd"),
            ("aws", ""),
        ];
        for (partition, url) in bad {
            assert!(ResponseUrl::new(url).check(&Partition::new(partition)).is_err(), "{url}");
        }
    }

    #[test]
    fn the_url_tells_when_it_was_issued() {
        let issued = |query: &str| ResponseUrl::new(format!("https://h/k?{query}")).issued_at();
        assert_eq!(issued("X-Amz-Date=19700102T000001Z&X-Amz-Expires=7200"), Some(86_401));
        assert_eq!(issued("a=b&X-Amz-Date=20260228T235959Z"), Some(1_772_323_199));
        assert_eq!(issued("Signature=s&Expires=1458241868"), Some(1_458_234_668));
        for none in ["", "X-Amz-Date=yesterday", "X-Amz-Date=20261301T000000Z", "Expires=soon"] {
            assert_eq!(issued(none), None, "{none}");
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_the_query() {
        let url = ResponseUrl::new("https://b.s3.amazonaws.com/key?X-Amz-Signature=secret");
        for shown in [format!("{url}"), format!("{url:?}")] {
            assert!(!shown.contains("secret") && shown.contains("b.s3.amazonaws.com"), "{shown}");
        }
    }
}
