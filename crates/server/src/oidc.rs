//! Reads the key sets of OIDC providers, from files or over HTTPS, and passes them to the engine.
//!
//! A thread of its own does this. A source is read at most once a minute, regardless of the key ids in tokens. After a
//! success it is read again after five minutes, or after that minute if a token names a key that its set does not have.

mod fetch;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bulla_kms::{Kms, OidcProvider};

use self::fetch::Fetcher;
use crate::log::{Log, chain};

/// An OIDC provider, and the location of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcSource {
    /// The provider.
    pub provider: OidcProvider,
    /// The location of its key set.
    pub keys: KeySource,
}

/// The location of a JSON Web Key Set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file that only this user or root can write.
    File(PathBuf),
    /// An `https://` address.
    Url(String),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// The sources of a server, which a reload replaces.
pub(crate) struct OidcKeys {
    sources: Mutex<Vec<Arc<PolledSource>>>,
}

/// One source, and when it was read.
struct PolledSource {
    configured: OidcSource,
    state: Mutex<ReadState>,
}

#[derive(Clone, Copy, Default)]
struct ReadState {
    /// The last attempt, and whether it failed.
    last: Option<(Instant, bool)>,
}

/// The thread that reads key sets; it ends when this is dropped.
pub(crate) struct OidcThread {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OidcKeys {
    pub(crate) fn new(kms: &Kms, sources: Vec<OidcSource>) -> Self {
        let keys = Self { sources: Mutex::default() };
        keys.replace(kms, sources);
        keys
    }

    /// Replaces the sources, and reads all of them again at once. Sessions of removed providers end. Keys from a
    /// location that the configuration no longer names are dropped, even if the new location cannot be read.
    pub(crate) fn replace(&self, kms: &Kms, sources: Vec<OidcSource>) {
        let mut current = self.lock();
        for OidcSource { provider, .. } in current.iter().map(|old| &old.configured).filter(|old| {
            !sources.iter().any(|new| old.keys == new.keys && old.provider.name == new.provider.name)
        }) {
            kms.forget_oidc_keys(&provider.name);
        }
        kms.set_oidc_providers(sources.iter().map(|source| source.provider.clone()).collect());
        let fresh = |configured| Arc::new(PolledSource { configured, state: Mutex::default() });
        *current = sources.into_iter().map(fresh).collect();
    }

    fn sources(&self) -> Vec<Arc<PolledSource>> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<PolledSource>>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the sources that are due.
    fn read_due(&self, kms: &Kms, fetcher: &Fetcher, log: &Log) {
        for source in self.sources() {
            let OidcSource { provider, keys } = &source.configured;
            let state = source.state();
            if !state.is_due(Instant::now(), || kms.wants_oidc_keys(&provider.name)) {
                continue;
            }
            let read = read(keys, fetcher);
            let current = self.lock();
            if !current.iter().any(|other| Arc::ptr_eq(other, &source)) {
                continue; // replaced while it was read: this name may be of another provider now
            }
            let read =
                read.and_then(|json| kms.set_oidc_keys(&provider.name, &json).map_err(|error| chain(&error)));
            drop(current);
            let has_failed = read.is_err();
            match read {
                Ok(count) if state.is_news(has_failed) => {
                    log.event(format!("OIDC provider {}: {count} keys from {keys}", provider.name));
                }
                Err(error) if state.is_news(has_failed) => {
                    log.event(format!("OIDC provider {}: no keys from {keys}: {error}", provider.name));
                }
                _ => {}
            }
            source.set(ReadState { last: Some((Instant::now(), has_failed)) });
        }
    }
}

impl PolledSource {
    fn state(&self) -> ReadState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: ReadState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

impl ReadState {
    /// Returns whether the source must be read. `is_key_missing` is called only if that decides.
    fn is_due(self, now: Instant, is_key_missing: impl FnOnce() -> bool) -> bool {
        let Some((at, has_failed)) = self.last else { return true };
        let age = now.saturating_duration_since(at);
        age >= AT_MOST_ONCE_IN && (has_failed || age >= REFRESH || is_key_missing())
    }

    fn is_news(self, has_failed: bool) -> bool {
        self.last.is_none_or(|(_, had_failed)| had_failed != has_failed)
    }
}

/// Reads a key set. An error is a text for the log.
fn read(keys: &KeySource, fetcher: &Fetcher) -> Result<Vec<u8>, String> {
    let json = match keys {
        KeySource::File(path) => fetch::file(path),
        KeySource::Url(url) => fetcher.url(url),
    };
    json.map_err(|error| chain(&error))
}

impl OidcThread {
    pub(crate) fn start(keys: Arc<OidcKeys>, kms: Arc<Kms>, log: Arc<Log>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            let fetcher = Fetcher::default();
            loop {
                keys.read_due(&kms, &fetcher, &log);
                if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("bulla-oidc".into()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for OidcThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic was printed
        }
    }
}

const PERIOD: Duration = Duration::from_secs(1);
const AT_MOST_ONCE_IN: Duration = Duration::from_secs(60);
/// The interval without a missing key: a provider announces new keys before it uses them.
const REFRESH: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bulla_kms::{Options, Role, SystemClock};
    use bulla_wire::ErrorCode;
    use bulla_wire::sts::AssumeRoleWithOIDC;

    use super::*;

    #[test]
    fn a_source_is_read_at_most_once_a_minute() {
        let start = Instant::now();
        let due = |last: Option<bool>, after: u64, is_key_missing: bool| {
            let state = ReadState { last: last.map(|has_failed| (start, has_failed)) };
            state.is_due(start + Duration::from_secs(after), || is_key_missing)
        };
        assert!(due(None, 0, false), "never read");
        for has_failed in [false, true] {
            for is_key_missing in [false, true] {
                assert!(!due(Some(has_failed), 59, is_key_missing));
                assert_eq!(due(Some(has_failed), 60, is_key_missing), has_failed || is_key_missing);
                assert!(due(Some(has_failed), 300, is_key_missing));
            }
        }
    }

    #[test]
    fn an_unknown_key_id_is_not_forgotten_within_the_minute() {
        let state = ReadState { last: Some((Instant::now(), false)) };
        assert!(!state.is_due(Instant::now(), || panic!("asked too early")));
    }

    const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"1",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

    fn source(keys: &Path) -> OidcSource {
        let client_ids = vec!["bulla".into()];
        let provider = OidcProvider { name: "ci".into(), issuer: "https://ci".into(), client_ids };
        OidcSource { provider, keys: KeySource::File(keys.to_owned()) }
    }

    /// Returns whether the engine has keys of the provider: without them it cannot recognize an invalid token.
    fn has_keys(kms: &Kms) -> bool {
        let [role_arn, oidc_provider_arn] =
            ["role/a", "oidc-provider/ci"].map(|name| format!("acs:ram::{}:{name}", kms.account()));
        let request = AssumeRoleWithOIDC {
            role_arn,
            oidc_provider_arn,
            oidc_token: String::from("no token").into(),
            role_session_name: "ab".into(),
            duration_seconds: None,
            policy: None,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let refused = runtime.block_on(kms.call(request.into(), &kms.owner())).unwrap_err();
        refused.code() != ErrorCode::ServiceUnavailableTemporary
    }

    #[test]
    fn keys_from_a_place_that_is_no_longer_named_are_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock).unwrap();
        let log = Log::start(io::sink()).unwrap();
        let (good, missing) = (data.path().join("keys.json"), data.path().join("gone.json"));
        std::fs::write(&good, KEYS).unwrap();
        let keys = OidcKeys::new(&kms, vec![source(&good)]);
        keys.read_due(&kms, &Fetcher::default(), &log);
        assert!(has_keys(&kms));
        keys.replace(&kms, vec![source(&good)]);
        assert!(has_keys(&kms), "a reload alone is no outage");
        keys.replace(&kms, vec![source(&missing)]);
        assert!(!has_keys(&kms));
        keys.read_due(&kms, &Fetcher::default(), &log);
        assert!(!has_keys(&kms), "the new place has none");
    }
}
