//! OpenID Connect providers: the issuers whose tokens AssumeRoleWithOIDC accepts, and the keys that verify them.
//!
//! The engine makes no network requests. The server reads or downloads the key set of each provider and passes it in
//! ([`Kms::set_oidc_keys`]), also when [`Kms::wants_oidc_keys`] says that a key is missing. A key set that was not refreshed
//! for a day verifies nothing, so that a key which its provider withdrew is not trusted forever.

mod keys;
#[cfg(test)]
pub(crate) mod testing;
mod token;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use self::keys::KeySet;
pub use self::keys::KeySetError;
pub(crate) use self::token::{OidcIdentity, OidcRefusal};
use crate::Kms;

/// An issuer of tokens, from the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProvider {
    /// The name in its ARN: `acs:ram::ACCOUNT:oidc-provider/NAME`.
    pub name: String,
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// The accepted audiences: the `aud` of a token must contain at least one.
    pub client_ids: Vec<String>,
}

/// The configured providers. A reload replaces all of them at once.
#[derive(Default)]
pub(crate) struct Providers {
    configured: ArcSwap<Vec<Arc<Known>>>,
    /// Held while providers or keys are replaced.
    change: Mutex<()>,
}

/// A provider and its keys.
pub(crate) struct Known {
    provider: OidcProvider,
    keys: ArcSwap<Option<Refreshed>>,
    /// Whether a token named a key that the set does not contain.
    misses_key: AtomicBool,
}

/// A key set, and when it was read, in elapsed time, which changes to the clock do not affect.
struct Refreshed {
    set: KeySet,
    at: i64,
}

impl Kms {
    /// Replaces the providers. A provider keeps its keys if its issuer is unchanged; sessions of other providers end.
    pub fn set_oidc_providers(&self, providers: Vec<OidcProvider>) {
        self.oidc.replace(providers);
    }

    /// Sets the key set of a provider: a JSON Web Key Set (RFC 7517). Returns the number of keys that can verify tokens.
    ///
    /// # Errors
    /// [`KeySetError`]; the previous keys stay in use until they are a day old.
    pub fn set_oidc_keys(&self, provider: &str, json: &[u8]) -> Result<usize, KeySetError> {
        let set = KeySet::parse(json)?;
        let count = set.len();
        self.oidc.refresh(provider, set, self.clock.times().elapsed);
        Ok(count)
    }

    /// Forgets the keys of a provider: its tokens are refused until it has a new set.
    pub fn forget_oidc_keys(&self, provider: &str) {
        self.oidc.forget(provider);
    }

    /// Whether, since the last call, a token named a key that the provider's set does not contain. The caller limits how
    /// often it downloads key sets.
    #[must_use]
    pub fn wants_oidc_keys(&self, provider: &str) -> bool {
        self.oidc.get(provider).is_some_and(|entry| entry.misses_key.swap(false, Ordering::Relaxed))
    }
}

impl Providers {
    /// Returns the provider with this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Known>> {
        self.configured.load().iter().find(|entry| entry.provider.name == name).cloned()
    }

    /// Whether a session that began with a token of this provider and issuer may continue.
    pub(crate) fn has(&self, name: &str, issuer: &str) -> bool {
        self.get(name).is_some_and(|entry| entry.provider.issuer == issuer)
    }

    fn replace(&self, providers: Vec<OidcProvider>) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = providers.into_iter().map(|provider| {
            let old = self.get(&provider.name).filter(|old| old.provider.issuer == provider.issuer);
            let keys = old.map(|old| old.keys.load_full()).unwrap_or_default();
            Arc::new(Known { provider, keys: ArcSwap::new(keys), misses_key: AtomicBool::new(false) })
        });
        self.configured.store(Arc::new(fresh.collect()));
    }

    fn refresh(&self, name: &str, set: KeySet, now: i64) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = self.get(name) {
            entry.keys.store(Arc::new(Some(Refreshed { set, at: now })));
        }
    }

    fn forget(&self, name: &str) {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = self.get(name) {
            entry.keys.store(Arc::default());
        }
    }
}

impl Known {
    /// Verifies a token of this provider at `now`, the believed time. `elapsed` is the elapsed time, which decides how old
    /// the keys are.
    ///
    /// # Errors
    /// [`OidcRefusal`].
    pub(crate) fn verify(&self, token: &str, now: i64, elapsed: i64) -> Result<OidcIdentity, OidcRefusal> {
        let keys = self.keys.load();
        let keys = keys.as_ref().as_ref().filter(|keys| elapsed - keys.at < MAX_AGE);
        let keys = keys.ok_or(OidcRefusal::NoKeys)?;
        let verified = token::verify(token, &self.provider, &keys.set, now);
        if verified == Err(OidcRefusal::UnknownKey) {
            self.misses_key.store(true, Ordering::Relaxed);
        }
        verified
    }
}

/// The maximum age of a key set, in seconds.
const MAX_AGE: i64 = 24 * 3600;

#[cfg(test)]
mod tests {
    use super::testing::{Issuer, NOW};
    use super::*;

    fn providers(issuer: &str) -> Providers {
        let providers = Providers::default();
        providers.replace(vec![provider(issuer)]);
        providers
    }

    fn provider(issuer: &str) -> OidcProvider {
        OidcProvider { name: "ci".into(), issuer: issuer.into(), client_ids: vec!["bulla".into()] }
    }

    #[test]
    fn keys_verify_for_a_day_after_they_were_refreshed() {
        let (providers, issuer) = (providers("https://ci.example"), Issuer::rsa("k1"));
        let token = issuer.token(&issuer.claims());
        let verify = |elapsed| providers.get("ci").unwrap().verify(&token, NOW, elapsed).map(drop);
        assert_eq!(verify(0), Err(OidcRefusal::NoKeys));
        providers.refresh("ci", issuer.key_set(), 100);
        assert_eq!(verify(100 + MAX_AGE - 1), Ok(()));
        assert_eq!(verify(100 + MAX_AGE), Err(OidcRefusal::NoKeys));
    }

    #[test]
    fn an_unknown_key_is_fetched_once() {
        let (providers, issuer) = (providers("https://ci.example"), Issuer::rsa("k1"));
        providers.refresh("ci", issuer.key_set(), 0);
        let other = Issuer::rsa("k2");
        let entry = providers.get("ci").unwrap();
        let refused = entry.verify(&other.token(&other.claims()), NOW, 0);
        assert_eq!(refused.map(drop), Err(OidcRefusal::UnknownKey));
        assert!(entry.misses_key.swap(false, Ordering::Relaxed));
        entry.verify(&issuer.token(&issuer.claims()), NOW, 0).unwrap();
        assert!(!entry.misses_key.load(Ordering::Relaxed));
    }

    #[test]
    fn a_reload_keeps_the_keys_of_an_issuer_and_drops_those_of_another() {
        let (providers, issuer) = (providers("https://ci.example"), Issuer::rsa("k1"));
        providers.refresh("ci", issuer.key_set(), 0);
        let has_keys = || providers.get("ci").unwrap().keys.load().is_some();
        let other_audience = OidcProvider { client_ids: vec![], ..provider("https://ci.example") };
        providers.replace(vec![other_audience]);
        assert!(has_keys() && providers.has("ci", "https://ci.example"));
        providers.replace(vec![provider("https://other.example")]);
        assert!(!has_keys() && !providers.has("ci", "https://ci.example"));
        providers.replace(vec![]);
        assert!(!providers.has("ci", "https://other.example"));
    }
}
