//! The KMS engine: everything that an Alibaba-KMS-compatible server does, without HTTP. It answers requests of three products
//! (KMS, RAM and STS) from a sealed store in one file.
//!
//! [`Kms::open`] opens or creates a store, [`Kms::authenticate`] checks who sent a request, and [`Kms::call`] answers it. The
//! futures wait only for threads of the engine, so they need no particular runtime.
//!
//! ```
//! use bulla_kms::{Kms, Options, Role, SystemClock};
//! use bulla_wire::{Action, Request, kms::CreateKey};
//!
//! let data = tempfile::tempdir()?;
//! let kms = Kms::open(&Options::new(data.path(), Role::Command), SystemClock)?;
//! let origin = kms.owner();
//! let reply = pollster::block_on(kms.call(Request::from(CreateKey::default()), &origin))?;
//! let Some(created) = CreateKey::reply(reply) else { unreachable!() };
//! assert_eq!(created.key_metadata.key_state, "Enabled");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! A request passes these modules in this order:
//!
//! | | |
//! |---|---|
//! | `limits`, `authenticate`, `replay`, `origin` | rate limits; access key, signature, timestamp and nonce; the caller |
//! | `auditor`, `audit` | the line of the request in the audit trail, and the files of the trail |
//! | `actions`, `queries` | one function for each action of the API, and for each search of the console |
//! | `session` | what such a function may use: a snapshot, the time and the caller, but not the engine |
//! | `authorize` | finds a resource by name and checks the caller's permission for it in one step |
//! | `keyring`, `crypto` | opens the material of an allowed key for one kind of operation, and computes with it |
//! | `state` | the snapshot in memory that requests read, and the committer that makes changes durable |
//! | `store` | rows of bytes in durable transactions; the only module that knows the database |
//!
//! Around them:
//!
//! | | |
//! |---|---|
//! | `data`, `lock`, `role`, `header`, `home`, `unlock`, `provider` | the data directory, its lock, and the root key that opens the store |
//! | `maintenance`, `lifecycle`, `new_version` | scheduled work and other changes without a request; new key versions |
//! | `clock`, `clock_trust`, `mark`, `minutes` | the time, and protection against a wrong clock |
//! | `people`, `sessions`, `oidc` | users, groups, roles and policies; temporary credentials; tokens of identity providers |
//! | `sign_in`, `password`, `mfa` | sign-in to the console |
//! | `backup`, `inspect` | backups, and reading a store without a server |
//! | `worker`, `generator`, `rate` | threads for long work, and key pairs; the quota of AssumeRole |
//! | `uses`, `key_uses`, `statistics`, `histogram` | counts for metrics, and the last uses of access keys and keys |
//! | `watch`, `readiness` | checks whether a running engine can serve requests |
//! | `files`, `root_key`, `secret_file` | atomic writes of small files, and rules for files with secrets |
//! | `policy_action` | the actions that policies decide about |
//! | `refusal`, `pairs`, `stale_snapshot` | translations of errors, specs and algorithms into those of the API; repeated requests |
//! | `open_error`, `provider_error`, `request_id` | errors of opening a store; ids of requests |

#![forbid(unsafe_code)]

mod actions;
pub mod audit;
mod auditor;
mod authenticate;
mod authorize;
mod backup;
mod clock;
mod clock_trust;
mod crypto;
mod data;
mod files;
mod generator;
mod header;
mod histogram;
mod home;
mod inspect;
mod key_uses;
mod keyring;
mod lifecycle;
mod limits;
mod lock;
mod maintenance;
mod mark;
mod mfa;
mod minutes;
mod new_version;
mod oidc;
mod open_error;
mod origin;
mod pairs;
mod password;
mod people;
mod policy_action;
mod provider;
mod provider_error;
mod queries;
mod rate;
mod readiness;
mod refusal;
mod replay;
mod request_id;
mod role;
mod root_key;
mod secret_file;
mod session;
mod sessions;
mod sign_in;
mod stale_snapshot;
mod state;
mod statistics;
mod store;
mod unlock;
mod uses;
mod watch;
mod worker;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use arc_swap::ArcSwap;
pub use auditor::{
    AuditFigures, AuditOptions, AuditOutput, AuditSink, OperatorCall, OutsideRequest, RequestLog, SinkHealth,
    trail_directory,
};
pub use authorize::{ExplainedQuestion, PolicySource};
pub use backup::{
    BackupError, BackupFacts, BackupNotes, BackupOutput, BackupSchedule, BackupState, BackupVerification,
    ChangeKind, ChangeSince, CreatedBackup, FailedBackup, HoldingBackup, InactiveKey, IncomingBackup, Later,
    RestoreOptions, Restored, ReverifiedBackup, ScheduledBackup, SentBackup, backup_holds_key, create_backup,
    read_backup, restore_backup, verify_backup,
};
pub use bulla_keys::{KeyOrigin, KeySpec, KeyState, KeyUsage};
use bulla_wire::{Error, Reply, Request};
pub use clock::{Clock, SystemClock};
pub use histogram::Histogram;
pub use inspect::{StoreSummary, inspect_store, key_of_alias};
pub use key_uses::UseTotals;
pub use limits::{RequestLimit, RequestLimits, ThrottledRequests, counted_as};
pub use maintenance::{FirstAccessKey, MaintenanceReport};
pub use mfa::{Enrolment, QrCode};
pub use oidc::{KeySetError, OidcProvider};
pub use open_error::OpenError;
pub use origin::{Caller, Connection, Origin, PrincipalId, Proof, RoleSession};
pub use people::{PasswordFault, Quotas};
pub use policy_action::{AlsoNeeded, NoPolicyAction, PolicyAction, PolicyProduct};
pub use provider_error::{KeyLocation, ProviderError};
pub use queries::{
    Ahead, Answer, Ask, Creator, DescribeBackups, DescribeLimits, Explain, Explained, FindGroups, FindKeys,
    FindPolicies, FindRoles, FindSecrets, FindUsers, Found, FoundKeys, KeptBackups, KeyCounts, KeyEntry,
    KeyOrder, LimitsInForce, MadeCounts, NoQuestion, NoResource, On, Overview, Query, RecordCounts,
    Scheduled, ScheduledEvent, ScheduledOf, SearchTrail, TrailPage, WantedTag,
};
pub use readiness::Unready;
pub use request_id::new_request_id;
pub use role::Role;
pub use root_key::{RootKeyError, RootKeyFault};
pub use secret_file::{SecretFileError, SecretFileFault, SecretReaders, read_secret_file};
pub use sign_in::{
    CodeRefusal, DeviceRefusal, FirstFactor, HalfSignedIn, OfferedDevice, PasswordRefusal, SignInEnded,
    SignInRefusal, SignedIn,
};
pub use state::{Fault, StoreFault, StoreReport};
pub use statistics::{CommitCounts, Statistics};
pub use store::{Loss, LostFile, Rollback, StoreError, is_panic_caught, was_store_damaged};

use crate::auditor::{Auditor, Prepared};
use crate::authorize::Authorizer;
use crate::backup::Backups;
use crate::clock::EngineClock;
use crate::data::{Data, Inspected};
use crate::generator::Generator;
use crate::home::Home;
use crate::key_uses::UseCounter;
use crate::keyring::Keyring;
use crate::limits::Limiter;
use crate::maintenance::LastWrite;
use crate::mark::LastMark;
use crate::mfa::WrongCodes;
use crate::password::Hasher;
use crate::provider::Providers;
use crate::rate::Rate;
use crate::replay::Nonces;
use crate::state::{OnRollback, State};
use crate::store::Conflict;
use crate::unlock::HeaderChange;
use crate::uses::Uses;
use crate::watch::Watch;
use crate::worker::Worker;

/// Where a store is, and how to open it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data directory.
    pub data: PathBuf,
    /// The root key file, if it is not in the data directory.
    pub root_key: Option<PathBuf>,
    /// Which users besides their owner may read files that hold a secret.
    pub secret_readers: SecretReaders,
    /// The region in ARNs and DescribeRegions, by default `cn-hangzhou`. A store keeps the first region that is named here
    /// and refuses any other later.
    pub region: Option<String>,
    /// The account that owns everything: digits, by default `111122223333`. Kept in the same way as the region.
    pub account: Option<String>,
    /// Whether a server or a command opens the store, which decides how long it is held.
    pub role: Role,
    /// Whether requests may be signed with version 1, which uses HMAC-SHA1.
    pub accept_v1: bool,
    /// Whether to accept the clock even if it is far behind the last use of the store.
    pub accept_clock: bool,
    /// Whether to accept the store even if its rows were rolled back to an older state, removed or added.
    pub accept_rollback: bool,
    /// How long to wait for a command that holds the store. There is no wait for a server.
    pub patience: Duration,
    /// Maximum numbers of users, policies, keys and so on.
    pub quotas: Quotas,
    /// Maximum numbers of requests per second; unlimited by default. They do not apply to the owner of an embedded store.
    pub request_limits: RequestLimits,
    /// The audit trail of requests; none without it.
    pub audit: Option<AuditOptions>,
    /// Called once if other processes hold the store for more than a second, so that a command can tell its user.
    pub on_wait: fn(),
}

/// An open store and everything that works on it.
pub struct Kms {
    options: Options,
    clock: EngineClock,
    authorizer: Authorizer,
    keyring: Keyring,
    home: Home,
    /// Dropped before the state, whose committer deletes lines from the outbox that the trail has.
    auditor: Auditor,
    state: State,
    generator: Generator,
    /// For long searches: a lane each for actions, queries and the audit trail.
    searcher: Worker<3>,
    hasher: Hasher,
    wrong_codes: WrongCodes,
    limiter: Limiter,
    quotas: ArcSwap<Quotas>,
    /// The rate of AssumeRole.
    assumed_roles: Rate,
    nonces: Nonces,
    oidc: oidc::Providers,
    last_mark: LastMark,
    uses: Uses,
    backups: Backups,
    key_uses: UseCounter,
    last_write_of_uses: LastWrite,
    is_new: bool,
    /// Holds the lock. Fields are dropped in this order, so the committer has ended before the lock is released.
    watch: Arc<Watch>,
}

impl Options {
    /// Returns the defaults: account and region of the store, and the root key in the data directory.
    #[must_use]
    pub fn new(data: impl Into<PathBuf>, role: Role) -> Self {
        Self {
            data: data.into(),
            root_key: None,
            secret_readers: SecretReaders::default(),
            region: None,
            account: None,
            role,
            accept_v1: true,
            accept_clock: false,
            accept_rollback: false,
            patience: lock::PATIENCE,
            quotas: Quotas::default(),
            request_limits: RequestLimits::default(),
            audit: None,
            on_wait: || {},
        }
    }

    /// Whether the data directory contains a store, so that opening it does not create one.
    #[must_use]
    pub fn has_store(&self) -> bool {
        self.data.join(data::STORE).exists()
    }

    /// The path of the root key file.
    #[must_use]
    pub fn root_key_path(&self) -> PathBuf {
        self.root_key.clone().unwrap_or_else(|| self.data.join(data::ROOT_KEY))
    }
}

impl Kms {
    /// Opens the store, or creates it. A server with a store that was used before waits for the next whole second, so that
    /// requests of the earlier run cannot be replayed.
    ///
    /// # Errors
    /// [`OpenError`]. An existing store keeps its header and records, so an earlier version that could open it still can, and
    /// neither account nor region is settled. There are two exceptions: a missing store may have been created, and after a
    /// failed write the header may be the old or the new one.
    pub fn open(options: &Options, clock: impl Clock) -> Result<Self, OpenError> {
        let clock = EngineClock::new(clock);
        let Data { lock, locked, store, roots, home, home_before, format, header, is_new } =
            Data::open(options, &clock)?;
        let roots = Arc::new(roots);
        let store = Arc::new(store);
        let watch = Arc::new(Watch::new(lock, Arc::clone(&store)));
        let on_rollback = if options.accept_rollback { OnRollback::Accept } else { OnRollback::Refuse };
        let audit = options.audit.as_ref().map(|options| (options, Prepared::new()));
        let follower = audit.as_ref().map(|(_, prepared)| prepared.follower());
        let state =
            State::start(store, Arc::clone(&watch), Arc::clone(&roots), format, on_rollback, follower)
                .map_err(|source| OpenError::Store { path: options.data.clone(), source })?;
        if state.accepted_rollback().is_some() {
            let begun = state.begin_epoch(0);
            begun.map_err(|source| OpenError::Store { path: options.data.clone(), source })?;
        }
        let auditor = match audit {
            Some((audit_options, prepared)) => prepared.open(
                &options.data,
                audit_options,
                &roots,
                &state,
                &clock,
                options.accept_rollback,
            )?,
            None => Auditor::without_trail(&options.data, &state, options.accept_rollback)?,
        };
        if state.published().has_policies() {
            home.check_unchanged(&home_before)?;
        }
        let key_uses = UseCounter::new(clock.now());
        let mut kms = Self {
            options: options.clone(),
            clock,
            authorizer: Authorizer::Policies,
            keyring: Keyring::new(roots),
            home,
            auditor,
            state,
            generator: Generator::default(),
            searcher: Worker::new("searches"),
            hasher: Hasher::default(),
            wrong_codes: WrongCodes::default(),
            limiter: Limiter::new(options.request_limits),
            quotas: ArcSwap::from_pointee(options.quotas),
            assumed_roles: Rate::default(),
            nonces: Nonces::new(),
            oidc: oidc::Providers::default(),
            last_mark: LastMark::default(),
            uses: Uses::default(),
            backups: Backups::default(),
            key_uses,
            last_write_of_uses: LastWrite::default(),
            is_new,
            watch,
        };
        match options.role {
            Role::Command => {
                kms.follow_mark();
                kms.update_header(header)?;
            }
            Role::Server => {
                let last_use = kms.resume_clock(is_new)?.max(locked);
                kms.update_header(header)?;
                kms.mark_time();
                let earliest = if is_new { locked } else { last_use + 1 };
                kms.nonces.refuse_before(earliest);
                kms.wait_until(earliest);
            }
        }
        if is_new || options.role == Role::Server {
            kms.begin_counting_uses();
        }
        Ok(kms)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Throttling.User if the caller exceeds a rate limit; what the API documents for the action; InternalFailure with its
    /// cause if the store fails.
    pub async fn call(&self, request: Request, origin: &Origin) -> Result<Reply, Error> {
        self.call_since(request, origin, Instant::now()).await
    }

    /// As [`Kms::call`], for a request that arrived at `arrived`: its record says how long it took since then.
    ///
    /// # Errors
    /// As [`Kms::call`].
    pub async fn call_since(
        &self,
        request: Request,
        origin: &Origin,
        arrived: Instant,
    ) -> Result<Reply, Error> {
        actions::call(self, request, origin, arrived).await
    }

    /// Replaces the quotas. Records that exceed a lowered quota remain.
    pub fn set_quotas(&self, quotas: Quotas) {
        self.quotas.store(quotas.into());
    }

    /// Returns the origin of calls by the owner of an embedded store, who needs no access key.
    #[must_use]
    pub fn owner(&self) -> Origin {
        let connection =
            Connection { source: None, tls: false, request_id: new_request_id(), user_agent: None };
        Origin { caller: Caller::Owner, connection }
    }

    /// Whether this [`Kms::open`] created the store: its owner should learn where it is.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether requests are written to an audit trail.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.auditor.is_on()
    }

    /// Whether another process waits for the store.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.watch.is_awaited()
    }

    /// The path of the root key file.
    #[must_use]
    pub fn root_key_path(&self) -> PathBuf {
        self.options.root_key_path()
    }

    /// The provider of the root key, and the place of its key.
    #[must_use]
    pub fn root_key_location(&self) -> KeyLocation {
        Providers::configured(&self.options).first().location()
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.options.data
    }

    /// Which users besides their owner may read files that hold a secret.
    #[must_use]
    pub fn secret_readers(&self) -> SecretReaders {
        self.options.secret_readers
    }

    /// The number of commits of the store, all of which are durable and visible to requests. 0 for a store of an earlier
    /// version on a read-only file system, which does not count them.
    #[must_use]
    pub fn commit_number(&self) -> u64 {
        self.state.anchor().map_or(0, |anchor| anchor.commit)
    }

    /// The evidence that the store or rows of it were rolled back, removed or added, if this start accepted it
    /// ([`Options::accept_rollback`]).
    #[must_use]
    pub fn accepted_rollback(&self) -> Option<&Rollback> {
        self.state.accepted_rollback().or(self.auditor.accepted_rollback())
    }

    /// The epoch of the store: 1 until it is restored from a backup. 0 if [`Kms::commit_number`] is 0.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.state.anchor().map_or(0, |anchor| anchor.epoch)
    }

    /// The region of this KMS, as in ARNs and DescribeRegions.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.home.region
    }

    /// The account that owns everything.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.home.account
    }

    /// The region, if a start has named it, so that any other is refused.
    #[must_use]
    pub fn settled_region(&self) -> Option<&str> {
        (!self.home.is_region_presumed).then_some(&*self.home.region)
    }

    /// The account, if a start has named it, so that any other is refused.
    #[must_use]
    pub fn settled_account(&self) -> Option<&str> {
        (!self.home.is_account_presumed).then_some(&*self.home.account)
    }

    /// The believed time, in seconds since 1970. It decides when things expire or are deleted, and every condition on the
    /// time. It does not follow the clock when the clock is set by more than an hour, ahead or back.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.clock.now()
    }

    /// The time since some fixed moment, including sleep of the machine, and independent of changes to the clock.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Checks that the store and its lock are still where they were opened, and that the store is in the state of the last
    /// commit. A server calls it every second. Blocks for a few system calls.
    ///
    /// # Errors
    /// [`LostFile`]. Until the files are back, every write is refused and reads are answered from memory. Values of secrets
    /// are read from the file only while no other process has written to it.
    pub fn check_store(&self) -> Result<(), LostFile> {
        self.watch.check()
    }

    /// Checks the records of the open store as [`check_store`] does, in one state of it, while requests are answered. Calls
    /// `watch` with the number of records so far and the approximate total; returns `None` if it breaks. Blocks, and takes
    /// about as much memory as the records in memory.
    ///
    /// # Errors
    /// [`StoreError`] if the store cannot be read; defects of its records are in the report.
    pub fn check_records(
        &self,
        watch: impl FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Option<StoreReport>, StoreError> {
        self.state.check(watch)
    }

    /// Why no line can be written to the audit trail, if that is so: until then, every request is refused.
    #[must_use]
    pub fn audit_fault(&self) -> Option<String> {
        self.auditor.check();
        self.auditor.fault()
    }

    /// Writes the header that the start decided on, if the store does not hold it already, and an anchor if the store has
    /// none that matches it.
    fn update_header(&self, change: Option<HeaderChange>) -> Result<(), OpenError> {
        let path = self.options.data.clone();
        let written = change.map_or(Ok(Ok(())), |change| self.state.write_header(&change));
        match written.and_then(|written| Ok((written, self.state.write_missing_anchor()?))) {
            Ok((Ok(()), ())) => Ok(()),
            Ok((Err(Conflict), ())) => Err(OpenError::InUse { path, by: Role::Server }),
            Err(source) => Err(OpenError::Store { path, source }),
        }
    }

    fn wait_until(&self, second: i64) {
        let elapsed = self.clock.raw().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wait = (Duration::from_secs(second.unsigned_abs()) + COARSE).saturating_sub(elapsed);
        thread::sleep(wait.min(Duration::from_secs(1) + COARSE));
    }
}

impl Drop for Kms {
    fn drop(&mut self) {
        // The committer still writes what it accepted before it ends.
        self.submit_key_uses();
        if self.options.role == Role::Server {
            self.write_uses();
            self.mark_last_use();
        }
    }
}

impl std::fmt::Debug for Kms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kms").field("data", &self.options.data).finish_non_exhaustive()
    }
}

/// Checks a store that no server has open, and changes nothing in it: every record opens, all records together are the state
/// of the last commit, all that a record names exists, and the store is not older than its audit trail. Waits for a command that has it open, as [`Kms::open`] does.
///
/// # Errors
/// [`OpenError`] if the store cannot be opened or read; defects of its records are in the report.
pub fn check_store(options: &Options) -> Result<StoreReport, OpenError> {
    let Inspected { store, roots, format, .. } = &Inspected::open(options)?;
    let failed = |source| OpenError::Store { path: options.data.clone(), source };
    let report = state::check(store, roots, *format, |_| ControlFlow::Continue(())).map_err(failed)?;
    let mut report = report.expect("it is not broken off");
    if report.faults.is_empty()
        && let Some(rollback) = auditor::behind_files(&options.data, report.epoch, report.commit)?
    {
        report.faults.push(StoreFault::of_all(rollback));
    }
    Ok(report)
}

/// The clock that clients read may be a tick of the kernel behind.
const COARSE: Duration = Duration::from_millis(10);
