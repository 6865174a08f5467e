//! The commands on policies.

use std::net::IpAddr;

use bulla_access::PolicyKind;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::flags::Context;
use super::people::Json;
use crate::paths::Source;
use crate::principals::{PolicyName, PrincipalName};

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Create a custom policy
    Create {
        /// The name: letters, digits and `-`
        policy: String,
        /// The document in JSON; - is standard input
        #[arg(value_name = "FILE")]
        document: Source,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        output: Json,
    },
    /// List all policies
    List {
        /// Only policies of this type
        #[arg(long = "type", value_enum, value_name = "TYPE")]
        only: Option<PolicyType>,
        #[command(flatten)]
        output: Json,
    },
    /// Show one policy: its document, and who has it
    Show {
        /// The policy; custom/NAME or system/NAME if both types have the name
        policy: PolicyName,
        /// Show the document of this version, such as v2 [default: the version in force]
        #[arg(value_name = "VERSION")]
        version_id: Option<String>,
        #[command(flatten)]
        output: Json,
    },
    /// Create a new version of a custom policy and put it in force
    Update {
        /// The name of the policy
        policy: String,
        /// The document in JSON; - is standard input
        #[arg(value_name = "FILE")]
        document: Source,
        /// Create the version, but leave the present one in force
        #[arg(long)]
        keep_default: bool,
        /// If the policy has as many versions as it may have, delete the oldest one that is not in force
        #[arg(long)]
        drop_oldest: bool,
    },
    /// Change what a custom policy is said to be for
    Describe {
        /// The name of the policy
        policy: String,
        /// What it is for
        description: String,
    },
    /// Delete a custom policy that is attached to nothing
    Delete {
        /// The name of the policy
        policy: String,
        /// Also delete its versions that are not in force
        #[arg(long)]
        versions: bool,
    },
    /// List the versions of a policy
    Versions {
        /// The policy; custom/NAME or system/NAME if both types have the name
        policy: PolicyName,
        #[command(flatten)]
        output: Json,
    },
    /// Put another version of a custom policy in force
    SetDefault {
        /// The name of the policy
        policy: String,
        /// The version, such as v1
        #[arg(value_name = "VERSION")]
        version_id: String,
    },
    /// Delete a version of a custom policy that is not in force
    DeleteVersion {
        /// The name of the policy
        policy: String,
        /// The version, such as v1
        #[arg(value_name = "VERSION")]
        version_id: String,
    },
    /// Check a document without a server, and name the statements that amount to granting rights
    Check(Check),
    /// Tell which statement allows or denies an action, or what is missing
    Explain {
        /// For whom: USER, user/NAME or role/NAME [default: the caller]
        #[arg(long = "as", value_name = "WHO")]
        principal: Option<PrincipalName>,
        #[command(flatten)]
        question: Question,
    },
    /// List the users and roles that may do something
    WhoCan {
        #[command(flatten)]
        question: Question,
    },
}

/// A document to check.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The document in JSON; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) document: Source,
    /// What the policy is for [default: trust, key or identity, by its Principal and Resource]
    #[arg(long = "for", value_enum, value_name = "WHAT")]
    pub(crate) purpose: Option<PolicyFor>,
    /// The account that principals must be of [default: that of the first one]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// What is asked about.
#[derive(Debug, ClapArgs)]
pub(crate) struct Question {
    /// The action, such as kms:Decrypt
    pub(crate) action: String,
    /// Key id, key/ID, alias/NAME, secret/NAME, user/NAME, group/NAME, role/NAME, policy/NAME, an ARN, or *
    pub(crate) resource: String,
    #[command(flatten)]
    pub(crate) context: Context,
    /// The address that the request comes from
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source_ip: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// What a policy is attached to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyFor {
    /// Users, groups and roles
    Identity,
    /// A session of a role
    Session,
    /// A role: who may assume it
    Trust,
    /// A key
    Key,
    /// A secret
    Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyType {
    /// Policies that were created here
    Custom,
    /// Policies that are part of the service
    System,
}

impl From<PolicyFor> for PolicyKind {
    fn from(purpose: PolicyFor) -> Self {
        match purpose {
            PolicyFor::Identity => Self::Identity,
            PolicyFor::Session => Self::Session,
            PolicyFor::Trust => Self::Trust,
            PolicyFor::Key => Self::Key,
            PolicyFor::Secret => Self::Secret,
        }
    }
}

impl From<PolicyType> for bulla_wire::ram::PolicyType {
    fn from(only: PolicyType) -> Self {
        match only {
            PolicyType::Custom => Self::Custom,
            PolicyType::System => Self::System,
        }
    }
}
