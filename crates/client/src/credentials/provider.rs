//! Credentials on demand: fixed ones, or a session that is renewed before it expires.

use std::fmt;
use std::sync::Arc;

use super::Credentials;
use super::chain::Search;
use super::cloud_sso::CloudSso;
use super::error::CredentialsError;
use super::metadata::Instance;
use super::process::ExternalProcess;
use super::profile::CachedLogin;
use super::refresh::{Renewed, Session};
use super::sts::{AssumedRole, OidcRole, Sts};
use super::uri::CredentialsUri;
use crate::clock::now;

/// Credentials on demand, from one source. One thread renews a session before it expires, while the others use the old one.
///
/// A clone shares the credentials with the original.
#[derive(Clone)]
pub struct CredentialProvider(Arc<Inner>);

struct Inner {
    place: String,
    source: CredentialSource,
    renewed: Renewed,
    /// The STS of the cloud or server that issued the credentials.
    sts: Option<Sts>,
}

/// The source of credentials.
pub(super) enum CredentialSource {
    Fixed(Arc<Credentials>),
    Role(AssumedRole),
    Oidc(OidcRole),
    Instance(Instance),
    Uri(CredentialsUri),
    Process(ExternalProcess),
    CloudSso(CloudSso),
    CachedLogin(CachedLogin),
    Search(Search),
}

impl CredentialProvider {
    /// Creates a provider for `source`, which is called `place` in messages to users.
    pub(super) fn new(place: impl Into<String>, source: CredentialSource) -> Self {
        Self(Arc::new(Inner { place: place.into(), source, renewed: Renewed::default(), sts: None }))
    }

    /// Creates a provider with the STS that knows the credentials.
    pub(super) fn with_sts(place: impl Into<String>, source: CredentialSource, sts: Sts) -> Self {
        Self(Arc::new(Inner { place: place.into(), source, renewed: Renewed::default(), sts: Some(sts) }))
    }

    /// Returns the place of the credentials, such as `/home/me/.aliyun/config.json: profile "work"`. For the metadata service and
    /// a credentials URI, it is final after the first call.
    #[must_use]
    pub fn place(&self) -> &str {
        match &self.0.source {
            CredentialSource::Search(search) => search.found().unwrap_or(&self.0.place),
            _ => &self.0.place,
        }
    }

    /// Returns the STS that knows these credentials; `None` if the calling program passed them.
    #[must_use]
    pub fn sts(&self) -> Option<&Sts> {
        self.0.sts.as_ref()
    }

    /// Returns the id of the access key that signs now, which is not secret. Calls servers and programs if the source requires
    /// it.
    ///
    /// # Errors
    /// [`CredentialsError`], shared with other threads that waited for the same renewal.
    pub fn access_key_id(&self) -> Result<String, Arc<CredentialsError>> {
        self.current().map(|credentials| credentials.access_key_id.clone())
    }

    /// Returns the credentials to sign with now. Calls servers and programs if the source requires it.
    pub(crate) fn current(&self) -> Result<Arc<Credentials>, Arc<CredentialsError>> {
        match &self.0.source {
            CredentialSource::Fixed(credentials) => Ok(Arc::clone(credentials)),
            source => self.0.renewed.get(now(), || source.fetch(&self.0.place)),
        }
    }

    /// Drops credentials that a server calls expired. Returns whether the source can provide others.
    pub(crate) fn forget(&self, credentials: &Arc<Credentials>) -> bool {
        self.0.renewed.forget(credentials);
        !matches!(self.0.source, CredentialSource::Fixed(_))
    }
}

impl From<Credentials> for CredentialProvider {
    fn from(credentials: Credentials) -> Self {
        Self::new(super::caller(), CredentialSource::Fixed(Arc::new(credentials)))
    }
}

impl fmt::Debug for CredentialProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialProvider").field("place", &self.place()).finish_non_exhaustive()
    }
}

impl CredentialSource {
    /// Returns credentials of the source; new ones if it issues sessions.
    pub(super) fn fetch(&self, place: &str) -> Result<Session, CredentialsError> {
        let session = match self {
            Self::Fixed(credentials) => {
                Session { credentials: Credentials::clone(credentials), expires: None }
            }
            Self::Role(role) => role.fetch(place)?,
            Self::Oidc(role) => role.fetch(place)?,
            Self::Instance(instance) => instance.fetch(place)?,
            Self::Uri(uri) => uri.fetch(place)?,
            Self::Process(process) => process.fetch(place)?,
            Self::CloudSso(sso) => sso.fetch(place, now())?,
            Self::CachedLogin(login) => login.fetch(place, now())?,
            Self::Search(search) => search.fetch()?,
        };
        let credentials = session.credentials.checked(|| place.to_owned())?;
        Ok(Session { credentials, ..session })
    }
}
