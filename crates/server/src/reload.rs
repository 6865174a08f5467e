//! Reloads the configuration while the server runs: all of it, or nothing if any part is wrong.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bulla_kms::{BackupSchedule, Kms, Quotas, RequestLimits};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::audit_sinks::AuditSinks;
use crate::console::Pages;
use crate::http::Connections;
use crate::limits::Limits;
use crate::log::{Log, chain};
use crate::networks::Network;
use crate::oidc::{OidcKeys, OidcSource};
use crate::service_manager::Reporter;
use crate::tls::{Tls, TlsOptions};

/// The settings that can change while a server runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source of certificates; `None` keeps it. Whether connections are encrypted cannot change.
    pub tls: Option<TlsOptions>,
    /// The limits of connections. The time limits stay.
    pub limits: Limits,
    /// Networks whose connections are not counted by address.
    pub trusted_proxies: Vec<Network>,
    /// The host names by which browsers reach the console, if there is one; `None` keeps them.
    pub console: Option<Vec<String>>,
    /// The OIDC providers whose tokens AssumeRoleWithOIDC accepts.
    pub oidc: Vec<OidcSource>,
    /// The limits of requests; `None` keeps them.
    pub request_limits: Option<RequestLimits>,
    /// The quotas of users, keys and other records; `None` keeps them.
    pub quotas: Option<Quotas>,
    /// The sinks of the audit trail; `None` keeps them.
    pub audit: Option<AuditSinks>,
    /// The schedule of backups, if any; `None` keeps it.
    pub backup: Option<Option<BackupSchedule>>,
    /// The names of changed settings that take effect at the next start.
    pub need_restart: Vec<&'static str>,
}

/// Reads the settings again. An error is a text for the log.
pub type Reread = Box<dyn FnMut() -> Result<Settings, String> + Send>;

/// Applies reloaded settings.
pub(crate) struct Reloader {
    pub(crate) reporter: Arc<Reporter>,
    pub(crate) reread: Reread,
    pub(crate) kms: Arc<Kms>,
    pub(crate) local_addr: SocketAddr,
    pub(crate) tls: Option<Arc<Mutex<Tls>>>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) console: Option<Arc<Pages>>,
    pub(crate) oidc: Arc<OidcKeys>,
    pub(crate) log: Arc<Log>,
}

impl Reloader {
    /// Reloads whenever `order` is notified, until this is dropped.
    pub(crate) async fn run(mut self, order: Arc<Notify>) {
        loop {
            order.notified().await;
            let reporter = Arc::clone(&self.reporter);
            reporter.reloading();
            // Files may be on a slow disk, and the threads of the runtime serve requests.
            let runtime = Handle::current();
            let reloading = spawn_blocking(move || {
                self.reload(&runtime);
                self
            });
            let Ok(reloader) = reloading.await else { return }; // a panic has been printed already
            self = reloader;
            reporter.ready();
        }
    }

    fn reload(&mut self, runtime: &Handle) {
        match self.try_reload(runtime) {
            Ok(need_restart) => {
                self.log.event("the configuration was reloaded");
                if !need_restart.is_empty() {
                    let names = need_restart.join(", ");
                    self.log.event(format!("changes of these settings need a restart: {names}"));
                }
            }
            Err(error) => {
                self.log.event(format!("the configuration was not reloaded, all settings stay: {error}"));
            }
        }
    }

    fn try_reload(&mut self, runtime: &Handle) -> Result<Vec<&'static str>, String> {
        // Without `..`, so that a new setting does not compile before it is applied.
        let Settings {
            tls,
            mut limits,
            trusted_proxies,
            console,
            oidc,
            request_limits,
            quotas,
            audit,
            backup,
            need_restart,
        } = (self.reread)()?;
        let mut replacement = None;
        if let (Some(current), Some(options)) = (&self.tls, tls) {
            let opened = runtime.block_on(Tls::open(&options, self.local_addr, &self.kms));
            replacement = opened.map_err(|error| chain(&error))?.map(|fresh| (current, fresh));
        }
        let audited = audit.map_or(Ok(()), |sinks| sinks.apply(&self.kms));
        audited.map_err(|error| format!("the sinks of the audit trail: {error}"))?;
        // Nothing fails from here on.
        limits.fit_open_files(&self.log);
        self.connections.change(&limits, trusted_proxies);
        if let (Some(pages), Some(names)) = (&self.console, console) {
            pages.set_names(names);
        }
        self.oidc.replace(&self.kms, oidc);
        request_limits.into_iter().for_each(|limits| self.kms.set_request_limits(limits));
        quotas.into_iter().for_each(|quotas| self.kms.set_quotas(quotas));
        backup.into_iter().for_each(|schedule| self.kms.set_backup_schedule(schedule));
        if let Some((current, fresh)) = replacement {
            current.lock().expect("nothing panics while it holds the lock").adopt(fresh);
        }
        Ok(need_restart)
    }
}
