//! The account and the region of a store. Every ARN names them, so with others the ARNs in policies and programs would
//! silently stop matching: they are chosen at the first start, kept in the store's header, and never changed.
//!
//! They are not a record, because a row that is missing cannot be told from one that was never written, and because they
//! are needed before rows are read. In the header they are sealed together with the slots.

use minicbor::{Decode, Encode};

use crate::Options;
use crate::open_error::OpenError;
use crate::role::Role;

/// What every ARN of a store begins with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Home {
    #[n(0)]
    pub(crate) account: Box<str>,
    #[n(1)]
    pub(crate) region: Box<str>,
    /// Whether a command raised the store from a version that did not keep them, and did not know with which ones a server
    /// had it. The next start of a server decides.
    #[n(2)]
    pub(crate) is_presumed: bool,
}

impl Home {
    /// What the options say; the defaults where they say nothing.
    pub(crate) fn of(options: &Options) -> Self {
        let or = |chosen: &Option<String>, default: &str| chosen.as_deref().unwrap_or(default).into();
        Self {
            account: or(&options.account, DEFAULT_ACCOUNT),
            region: or(&options.region, DEFAULT_REGION),
            is_presumed: false,
        }
    }

    /// What a store of a version that kept no home has been called. A server says it: its clients have seen what its options
    /// name. A command, which never took such options, can only presume it.
    pub(crate) fn of_older_store(options: &Options) -> Self {
        let is_named = options.account.is_some() && options.region.is_some();
        Self { is_presumed: options.role == Role::Command && !is_named, ..Self::of(options) }
    }

    /// Checks that the options name no other account or region.
    pub(crate) fn check(&self, options: &Options) -> Result<(), OpenError> {
        for (setting, named, kept) in
            [("account", &options.account, &self.account), ("region", &options.region, &self.region)]
        {
            if let Some(named) = named
                && **named != **kept
            {
                let named = named.clone();
                let kept = kept.to_string();
                return Err(OpenError::OtherHome { setting, named, kept });
            }
        }
        Ok(())
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        minicbor::to_vec(self).expect("writing to memory does not fail")
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }
}

/// Those of Alibaba's documents.
const DEFAULT_ACCOUNT: &str = "111122223333";
const DEFAULT_REGION: &str = "cn-hangzhou";
