//! The address of a remote KMS, or of a server that issues credentials, validated before anything is sent to it.
//!
//! Responses contain plaintext data keys and credentials, so plain HTTP is allowed only to this machine, and to the metadata
//! service of a cloud instance, which has no TLS. The host is kept in the spelling of both the `Host` header and the signature.

use std::error::Error;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The address of a KMS: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    /// In lower case; an IPv6 address in brackets.
    host: String,
    port: u16,
}

impl Endpoint {
    /// Parses `https://host[:port]`, `http://loopback[:port]`, `aliyun:REGION` or `aliyun-vpc:REGION`.
    ///
    /// A single trailing slash is accepted. `aliyun:cn-hangzhou` means `https://kms.cn-hangzhou.aliyuncs.com`, and
    /// `aliyun-vpc:cn-hangzhou` means `https://kms-vpc.cn-hangzhou.aliyuncs.com`, which only machines in a VPC of the region can
    /// reach.
    ///
    /// # Errors
    /// [`EndpointError`] for any other text.
    ///
    /// ```
    /// use bulla_client::Endpoint;
    ///
    /// let endpoint = Endpoint::parse("aliyun:cn-hangzhou")?;
    /// assert_eq!(endpoint.to_string(), "https://kms.cn-hangzhou.aliyuncs.com");
    /// # Ok::<(), bulla_client::EndpointError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        for (prefix, service) in [("aliyun:", KMS), ("aliyun-vpc:", KMS_VPC)] {
            if let Some(region) = text.strip_prefix(prefix) {
                return Self::of_region(service, region);
            }
        }
        let (scheme, rest) = text.split_once("://").ok_or(EndpointError::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(EndpointError::Scheme)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(EndpointError::Excess);
        }
        let (host, port) = split_port(authority)?;
        let endpoint = Self { scheme, host, port: port.unwrap_or(scheme.default_port()) };
        if endpoint.scheme == Scheme::Http && !endpoint.is_loopback() {
            Err(EndpointError::PlainHttp { host: endpoint.host })
        } else {
            Ok(endpoint)
        }
    }

    /// Parses the address of an STS like [`Endpoint::parse`] that of a KMS, but `host[:port]` alone means `https://`.
    ///
    /// # Errors
    /// [`EndpointError`] for any other text.
    pub fn parse_sts(text: &str) -> Result<Self, EndpointError> {
        if text.contains("://") { Self::parse(text) } else { Self::parse(&format!("https://{text}")) }
    }

    /// Returns the cloud's `service` in `region`.
    pub(crate) fn of_region(service: &str, region: &str) -> Result<Self, EndpointError> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if region.is_empty() || !region.bytes().all(valid) {
            return Err(EndpointError::Region(region.to_owned()));
        }
        Ok(Self::https(format!("{service}.{}{CLOUD}", region.to_ascii_lowercase())))
    }

    /// Returns the cloud's STS for all regions.
    pub(crate) fn sts() -> Self {
        Self::https(format!("sts{CLOUD}"))
    }

    /// Returns the metadata service of a cloud instance, the only server besides this machine for which plain HTTP is used.
    pub(crate) fn metadata() -> Self {
        Self { scheme: Scheme::Http, host: METADATA.to_owned(), port: Scheme::Http.default_port() }
    }

    fn https(host: String) -> Self {
        Self { scheme: Scheme::Https, host, port: Scheme::Https.default_port() }
    }

    /// Returns the region, if this is a regional endpoint of the real Alibaba Cloud's KMS.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let (service, region) = self.host.strip_suffix(CLOUD)?.split_once('.')?;
        (matches!(service, KMS | KMS_VPC) && !region.contains('.')).then_some(region)
    }

    /// Whether the host belongs to the real Alibaba Cloud, as that of a dedicated KMS instance does.
    #[must_use]
    pub fn is_cloud(&self) -> bool {
        self.host.ends_with(CLOUD)
    }

    /// Whether the host can only be reached from inside a VPC.
    pub(crate) fn is_vpc(&self) -> bool {
        self.region().is_some() && self.host.starts_with(KMS_VPC)
    }

    /// Whether no proxy may be used, because this is the same machine or the metadata service.
    pub(crate) fn is_direct(&self) -> bool {
        self.is_loopback() || self.host == METADATA
    }

    /// Returns the `Host` header exactly as it is sent and signed: without the port if it is the default port of the scheme.
    #[must_use]
    pub fn host_header(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Returns the host without its port, in lower case; an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host is this machine: `localhost`, 127.0.0.0/8 or ::1.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        bare == "localhost"
            || bare.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
            || bare.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback())
    }

    /// Whether the connection uses TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }
}

/// Parses like [`Endpoint::parse`].
impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.name(), self.host_header())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn parse(name: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| scheme.name().eq_ignore_ascii_case(name))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is not the address of a KMS. Shows no more of the text than its host or region, because a mistyped URL may contain
/// a password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text has none of the accepted forms.
    Scheme,
    /// The text has a user, path, query or fragment, which the address of a KMS does not have.
    Excess,
    /// The host is not a host name or IP address.
    Host(String),
    /// The port is not a number from 1 to 65535.
    Port(String),
    /// Plain HTTP to another machine is refused.
    PlainHttp {
        /// The host, which is not loopback.
        host: String,
    },
    /// The region has characters other than letters, digits, `-` and `_`.
    Region(String),
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str(
                "a KMS is https://HOST:PORT, http://LOOPBACK:PORT, aliyun:REGION or aliyun-vpc:REGION, nothing else",
            ),
            Self::Excess => f.write_str("the address of a KMS has no user, path, query or fragment"),
            Self::Host(host) => write!(f, "{host:?} is not a host name or IP address"),
            Self::Port(port) => write!(f, "{port:?} is not a port"),
            Self::PlainHttp { host } => {
                write!(
                    f,
                    "{host} is not this machine, and http:// would show it every data key: use https://"
                )
            }
            Self::Region(region) => write!(f, "{region:?} is not a region such as cn-hangzhou"),
        }
    }
}

impl Error for EndpointError {}

/// Splits `host[:port]` and checks both.
fn split_port(authority: &str) -> Result<(String, Option<u16>), EndpointError> {
    let after_brackets = authority.rfind(']').unwrap_or(0);
    let (host, port) = match authority[after_brackets..].rfind(':') {
        Some(colon) => {
            let (host, port) = authority.split_at(after_brackets + colon);
            (host, Some(parse_port(&port[1..])?))
        }
        None => (authority, None),
    };
    if is_host(host) {
        Ok((host.to_ascii_lowercase(), port))
    } else {
        Err(EndpointError::Host(host.to_owned()))
    }
}

fn parse_port(text: &str) -> Result<u16, EndpointError> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port != 0 => Ok(port),
        _ => Err(EndpointError::Port(text.to_owned())),
    }
}

/// Whether a text is a host name of RFC 1123 (or one with `_`, which private networks use), an IPv4 address, or an IPv6 address
/// in brackets.
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(valid);
    host.len() <= 253 && host.split('.').all(label)
}

const CLOUD: &str = ".aliyuncs.com";
const KMS: &str = "kms";
const KMS_VPC: &str = "kms-vpc";
const METADATA: &str = "100.100.100.200";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms() {
        for (text, url, host) in [
            ("https://kms.example:8443", "https://kms.example:8443", "kms.example:8443"),
            ("https://kms.example/", "https://kms.example", "kms.example"),
            ("https://kms.example:443", "https://kms.example", "kms.example"),
            ("https://kms.example:80", "https://kms.example:80", "kms.example:80"),
            ("HTTPS://KMS.Example", "https://kms.example", "kms.example"),
            ("https://192.0.2.1", "https://192.0.2.1", "192.0.2.1"),
            ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
            ("http://localhost:8080", "http://localhost:8080", "localhost:8080"),
            ("http://127.9.9.9", "http://127.9.9.9", "127.9.9.9"),
            ("http://[::1]:80/", "http://[::1]", "[::1]"),
            ("aliyun:cn-hangzhou", "https://kms.cn-hangzhou.aliyuncs.com", "kms.cn-hangzhou.aliyuncs.com"),
            ("aliyun-vpc:cn-a", "https://kms-vpc.cn-a.aliyuncs.com", "kms-vpc.cn-a.aliyuncs.com"),
            (
                "https://kst-hzz1.cryptoservice.kms.aliyuncs.com",
                "https://kst-hzz1.cryptoservice.kms.aliyuncs.com",
                "kst-hzz1.cryptoservice.kms.aliyuncs.com",
            ),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.to_string().as_str(), endpoint.host_header().as_str()), (url, host));
            assert_eq!(endpoint.is_https(), url.starts_with("https:"));
        }
    }

    #[test]
    fn the_name_of_a_cloud_host_has_the_region_and_network() {
        for (text, region, cloud, vpc) in [
            ("aliyun:cn-hangzhou", Some("cn-hangzhou"), true, false),
            ("aliyun-vpc:cn-hangzhou", Some("cn-hangzhou"), true, true),
            ("https://kms-vpc.cn-a.aliyuncs.com", Some("cn-a"), true, true),
            ("https://kst-hzz1.cryptoservice.kms.aliyuncs.com", None, true, false),
            ("https://sts.aliyuncs.com", None, true, false),
            ("https://kms.cn-a.aliyuncs.com.example", None, false, false),
            ("https://aliyuncs.com", None, false, false),
            ("https://kms.example", None, false, false),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            let found = (endpoint.region(), endpoint.is_cloud(), endpoint.is_vpc());
            assert_eq!(found, (region, cloud, vpc), "{text}");
        }
        assert_eq!(Endpoint::sts().to_string(), "https://sts.aliyuncs.com");
        assert_eq!(Endpoint::metadata().to_string(), "http://100.100.100.200");
        assert!(Endpoint::metadata().is_direct() && !Endpoint::sts().is_direct());
    }

    #[test]
    fn an_sts_needs_no_scheme() {
        for (text, url) in [
            ("sts.cn-beijing.aliyuncs.com", "https://sts.cn-beijing.aliyuncs.com"),
            ("kms.example:8443/", "https://kms.example:8443"),
            ("https://kms.example", "https://kms.example"),
            ("http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(Endpoint::parse_sts(text).unwrap().to_string(), url);
        }
        for wrong in ["", "http://sts.example", "sts.example/path", "me:hunter2@sts.example"] {
            assert!(Endpoint::parse_sts(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for host in
            ["100.100.100.200", "kms.example", "192.0.2.1", "[::2]", "localhost.example", "127.1", "0.0.0.0"]
        {
            let error = Endpoint::parse(&format!("http://{host}:8080")).unwrap_err();
            assert_eq!(error, EndpointError::PlainHttp { host: host.to_owned() });
        }
    }

    #[test]
    fn nothing_but_host_and_port() {
        for text in ["https://h/path", "https://h//", "https://h?q", "https://h#f", "https://user:pw@h"] {
            let error = Endpoint::parse(text).unwrap_err();
            assert_eq!(error, EndpointError::Excess, "{text}");
            assert!(!error.to_string().contains("pw"));
        }
        for text in ["", "kms.example", "kms.example:443", "ftp://h", "embedded", "://h"] {
            assert_eq!(Endpoint::parse(text), Err(EndpointError::Scheme), "{text}");
        }
    }

    #[test]
    fn hosts_and_ports_are_checked() {
        for host in ["", "a..b", "a b", "ü.example", "[::1", "[127.0.0.1]", "::1", "a\n"] {
            let refused = Endpoint::parse(&format!("https://{host}"));
            assert!(matches!(refused, Err(EndpointError::Host(_) | EndpointError::Port(_))), "{host}");
        }
        for port in ["", "0", "65536", "+80", "8o"] {
            let refused = Endpoint::parse(&format!("https://h:{port}"));
            assert_eq!(refused, Err(EndpointError::Port(port.to_owned())));
        }
        assert_eq!(Endpoint::parse("aliyun:"), Err(EndpointError::Region(String::new())));
        assert_eq!(
            Endpoint::parse("aliyun:evil.example/"),
            Err(EndpointError::Region("evil.example/".to_owned()))
        );
    }
}
