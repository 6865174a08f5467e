//! Options of a client: certificates, proxy and timeouts.

use std::path::PathBuf;
use std::time::Duration;

use bulla_wire::SecretText;

use crate::endpoint::Endpoint;

/// Options for connections to a KMS. By default, the system's certificates are trusted and no proxy is used.
///
/// ```
/// use std::time::Duration;
/// use bulla_client::ClientOptions;
///
/// let options = ClientOptions::new().ca("/etc/kms/ca.pem").timeout(Duration::from_secs(3));
/// ```
#[derive(Clone, Debug)]
pub struct ClientOptions {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) connect_timeout: Duration,
    no_proxy: String,
    proxy: Option<SecretText>,
    pub(crate) follows_server_clock: bool,
    pub(crate) timeout: Duration,
}

impl ClientOptions {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the default options with the settings of the environment: `ALIBABA_CLOUD_CA_BUNDLE`; `HTTPS_PROXY` or else
    /// `ALL_PROXY`; `NO_PROXY`. The last three are also read in lower case, which takes precedence.
    ///
    /// `environment` is as for [`CredentialProvider::find`](crate::CredentialProvider::find).
    #[must_use]
    pub fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 2]| names.into_iter().find_map(&environment);
        let set = |value: &String| !value.is_empty();
        let proxy = first(["https_proxy", "HTTPS_PROXY"]).filter(set);
        Self {
            ca: environment("ALIBABA_CLOUD_CA_BUNDLE").filter(set).map(PathBuf::from),
            no_proxy: first(["no_proxy", "NO_PROXY"]).unwrap_or_default(),
            proxy: proxy.or_else(|| first(["all_proxy", "ALL_PROXY"]).filter(set)).map(SecretText::from),
            ..Self::default()
        }
    }

    /// Sets a PEM file of certificates to trust **instead of** the system's.
    #[must_use]
    pub fn ca(mut self, ca: impl Into<PathBuf>) -> Self {
        self.ca = Some(ca.into());
        self
    }

    /// Sets the timeout of a connection: name resolution, TCP and TLS together. Default: 5 seconds, as in the official SDKs.
    #[must_use]
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// Sets the timeout of a call with all retries. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets whether to sign with the server's time after the server refused a request because of its time. This is for machines
    /// whose clock may be wrong, for example at boot, and works over HTTPS only. It lets the server obtain requests that are
    /// signed for a later time than this machine's, so the server must be trusted. Default: no.
    #[must_use]
    pub fn follow_server_clock(mut self, follow: bool) -> Self {
        self.follows_server_clock = follow;
        self
    }

    /// Sets the URL of a proxy for `https://`, which is a secret because it may contain a password. Default: none.
    #[must_use]
    pub fn proxy(mut self, proxy: impl Into<SecretText>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// Sets the hosts to reach without the proxy, separated by commas. `*` matches every host, and a domain matches all names
    /// below it. Loopback is always reached without a proxy.
    #[must_use]
    pub fn no_proxy(mut self, no_proxy: impl Into<String>) -> Self {
        self.no_proxy = no_proxy.into();
        self
    }

    /// Trusts the system's certificates, for servers that the user did not name.
    pub(crate) fn trusting_the_system(mut self) -> Self {
        self.ca = None;
        self
    }

    /// Returns the proxy for `endpoint`, if one applies. Calls to this machine and to the metadata service never use a proxy.
    pub(crate) fn proxy_to(&self, endpoint: &Endpoint) -> Option<&SecretText> {
        let direct =
            endpoint.is_direct() || self.no_proxy.split(',').any(|rule| covers(rule, endpoint.host()));
        self.proxy.as_ref().filter(|_| !direct)
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            ca: None,
            connect_timeout: Duration::from_secs(5),
            follows_server_clock: false,
            no_proxy: String::new(),
            proxy: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Whether a rule of `NO_PROXY` matches `host`: `*`, the host itself, or a domain above it.
fn covers(rule: &str, host: &str) -> bool {
    let rule = rule.trim().to_ascii_lowercase();
    let domain = rule.trim_start_matches('*').trim_start_matches('.');
    match host.strip_suffix(domain) {
        Some(_) if domain.is_empty() => rule == "*",
        Some(rest) => rest.is_empty() || rest.ends_with('.'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variables: &[(&str, &str)]) -> ClientOptions {
        ClientOptions::from_environment(|name| {
            variables.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn proxied(options: &ClientOptions, endpoint: &str) -> bool {
        options.proxy_to(&Endpoint::parse(endpoint).unwrap()).is_some()
    }

    #[test]
    fn the_environment_names_authority_and_proxy() {
        let options = options(&[
            ("ALIBABA_CLOUD_CA_BUNDLE", "/ca.pem"),
            ("HTTPS_PROXY", "http://user:hunter2@proxy:3128"),
            ("ALL_PROXY", "http://other"),
            ("HTTP_PROXY", "http://never"),
        ]);
        assert_eq!(options.ca, Some(PathBuf::from("/ca.pem")));
        assert!(options.proxy.as_ref().unwrap().expose().contains("@proxy:"));
        assert!(!format!("{options:?}").contains("hunter2"));
        assert!(ClientOptions::from_environment(|_| None).proxy.is_none());
    }

    #[test]
    fn empty_variables_count_as_absent() {
        let options =
            options(&[("ALIBABA_CLOUD_CA_BUNDLE", ""), ("https_proxy", ""), ("ALL_PROXY", "http://p")]);
        assert_eq!(options.ca, None);
        assert_eq!(options.proxy.unwrap().expose(), "http://p");
    }

    #[test]
    fn loopback_and_no_proxy_bypass_the_proxy() {
        let options = options(&[
            ("HTTPS_PROXY", "http://proxy"),
            ("NO_PROXY", "kms.internal, .corp.example,*.lab.example,10.0.0.1"),
        ]);
        for direct in [
            "https://localhost",
            "https://127.0.0.1:8443",
            "https://[::1]:8443",
            "https://kms.internal",
            "https://a.kms.internal",
            "https://kms.corp.example",
            "https://kms.lab.example:8443",
            "https://10.0.0.1",
        ] {
            assert!(!proxied(&options, direct), "{direct}");
        }
        for through in ["aliyun:cn-hangzhou", "https://notkms.internal", "https://110.0.0.1"] {
            assert!(proxied(&options, through), "{through}");
        }
    }

    #[test]
    fn the_metadata_service_is_never_called_through_a_proxy() {
        let options = options(&[("HTTPS_PROXY", "http://proxy"), ("ALL_PROXY", "http://proxy")]);
        assert!(options.proxy_to(&Endpoint::metadata()).is_none());
        assert!(options.proxy_to(&Endpoint::sts()).is_some());
    }

    #[test]
    fn a_star_switches_the_proxy_off_and_nothing_does_not() {
        for (no_proxy, through) in [("*", false), ("", true), (",", true), ("x, *", false)] {
            let options = options(&[("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", no_proxy)]);
            assert_eq!(proxied(&options, "https://kms.example"), through, "{no_proxy:?}");
        }
    }
}
