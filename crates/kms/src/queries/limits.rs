//! The query DescribeLimits: quotas and limits on requests, with their usage.

use std::collections::BTreeMap;

use bulla_keys::{Alias, Key, Maker, Secret};
use bulla_wire::Error;

use crate::authorize::QuotaUse;
use crate::limits::{RequestLimits, ThrottledRequests};
use crate::people::Quotas;
use crate::session::Session;
use crate::state::Makers;

/// Asks for quotas and limits. Needs `kms:GetKmsInstanceQuotaInfos`.
#[derive(Clone, Copy, Debug, Default)]
pub struct DescribeLimits {}

/// Quotas and limits, with their usage.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitsInForce {
    /// The quotas.
    pub quotas: Quotas,
    /// The number of records that each quota counts.
    pub used: RecordCounts,
    /// The highest numbers of one creator, possibly of different ones.
    pub most_by_one: MadeCounts,
    /// The creators with the most keys, at most 20; equal ones are sorted by aliases and secrets. None without
    /// `ram:ListUsers`.
    pub creators: Option<Vec<Creator>>,
    /// The limits on requests.
    pub requests: RequestLimits,
    /// The number of requests that each limit refused since the start.
    pub throttled: ThrottledRequests,
}

/// The number of records of each kind that has a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Users.
    pub users: usize,
    /// Groups.
    pub groups: usize,
    /// Roles.
    pub roles: usize,
    /// Virtual MFA devices.
    pub mfa_devices: usize,
    /// Policies, without the system policies.
    pub policies: usize,
    /// Keys, aliases and secrets.
    pub made: MadeCounts,
}

/// Numbers of keys, aliases and secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MadeCounts {
    /// Keys, without the service key, which seals secrets.
    pub keys: usize,
    /// Aliases, without those of services.
    pub aliases: usize,
    /// Secrets.
    pub secrets: usize,
}

/// The existing records that one user or program created, including by sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creator {
    /// `root`, `user/NAME` or `oidc-provider/PROVIDER/SUBJECT`; a deleted user has its id instead of the name.
    pub name: String,
    /// The numbers.
    pub made: MadeCounts,
}

pub(super) async fn describe(session: &Session<'_, DescribeLimits>) -> Result<Box<LimitsInForce>, Error> {
    let counted = session.quota_use()?;
    let by_maker = by_maker(*counted);
    let names = session.maker_names();
    let creators = names.map(|names| {
        let largest = largest_first(&by_maker).into_iter().take(MAX_CREATORS);
        largest.map(|(maker, made)| Creator { name: names.name(maker), made }).collect()
    });
    Ok(Box::new(LimitsInForce {
        quotas: session.quotas(),
        used: used(*counted),
        most_by_one: most_by_one(by_maker.values()),
        creators,
        requests: session.request_limits(&counted),
        throttled: session.throttled_requests(&counted),
    }))
}

fn used(counted: QuotaUse<'_>) -> RecordCounts {
    RecordCounts {
        users: counted.users(),
        groups: counted.groups(),
        roles: counted.roles(),
        mfa_devices: counted.mfa_devices(),
        policies: counted.policies(),
        made: MadeCounts {
            keys: counted.made::<Key>().total(),
            aliases: counted.made::<Alias>().total(),
            secrets: counted.made::<Secret>().total(),
        },
    }
}

fn by_maker<'m>(counted: QuotaUse<'m>) -> BTreeMap<&'m Maker, MadeCounts> {
    let mut by_maker: BTreeMap<_, MadeCounts> = BTreeMap::new();
    let mut add = |makers: &'m Makers, set: fn(&mut MadeCounts, usize)| {
        for (maker, count) in makers.iter() {
            set(by_maker.entry(maker).or_default(), count);
        }
    };
    add(counted.made::<Key>(), |made, count| made.keys = count);
    add(counted.made::<Alias>(), |made, count| made.aliases = count);
    add(counted.made::<Secret>(), |made, count| made.secrets = count);
    by_maker
}

fn largest_first<'m>(by_maker: &BTreeMap<&'m Maker, MadeCounts>) -> Vec<(&'m Maker, MadeCounts)> {
    let mut all: Vec<_> = by_maker.iter().map(|(maker, made)| (*maker, *made)).collect();
    all.sort_by_key(|(_, made)| std::cmp::Reverse(*made));
    all
}

fn most_by_one<'m>(all: impl Iterator<Item = &'m MadeCounts>) -> MadeCounts {
    all.fold(MadeCounts::default(), |most, made| MadeCounts {
        keys: most.keys.max(made.keys),
        aliases: most.aliases.max(made.aliases),
        secrets: most.secrets.max(made.secrets),
    })
}

const MAX_CREATORS: usize = 20;
