//! The commands on policies.

use std::net::IpAddr;

use bulla_access::PolicyKind;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};

use super::examples::{example, example_and_exit_code};
use super::flags::Context;
use super::people::Json;
use crate::paths::FileOrStdin;
use crate::principals::{PolicyName, PrincipalName};

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Create a custom policy
    #[command(after_help = example("bulla policy create decrypt-reports policy.json"))]
    Create {
        /// The name: letters, digits and `-`
        policy: String,
        /// The document in JSON; - for standard input
        #[arg(value_name = "FILE")]
        document: FileOrStdin,
        /// Describe what the policy is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        output: Json,
    },
    /// List all policies
    #[command(after_help = example("bulla policy list --type custom"))]
    List {
        /// Only policies of this type
        #[arg(long = "type", value_enum, value_name = "TYPE")]
        only: Option<PolicyType>,
        #[command(flatten)]
        output: Json,
    },
    /// Show a policy: its document, and to whom it is attached
    #[command(after_help = example("bulla policy show decrypt-reports"))]
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
    #[command(after_help = example("bulla policy update decrypt-reports policy.json --drop-oldest"))]
    Update {
        /// The name of the policy
        policy: String,
        /// The document in JSON; - for standard input
        #[arg(value_name = "FILE")]
        document: FileOrStdin,
        /// Create the version, but keep the current one in force
        #[arg(long)]
        keep_default: bool,
        /// Delete the oldest version that is not in force if the policy has the maximum number of versions
        #[arg(long)]
        drop_oldest: bool,
    },
    /// Change the description of a custom policy
    #[command(after_help = example(r#"bulla policy describe decrypt-reports "decrypts the reports""#))]
    Describe {
        /// The name of the policy
        policy: String,
        /// The new description
        description: String,
    },
    /// Delete a custom policy that is not attached
    #[command(after_help = example("bulla policy delete decrypt-reports --versions"))]
    Delete {
        /// The name of the policy
        policy: String,
        /// Also delete its versions that are not in force
        #[arg(long)]
        versions: bool,
    },
    /// List the versions of a policy
    #[command(after_help = example("bulla policy versions decrypt-reports"))]
    Versions {
        /// The policy; custom/NAME or system/NAME if both types have the name
        policy: PolicyName,
        #[command(flatten)]
        output: Json,
    },
    /// Put another version of a custom policy in force
    #[command(after_help = example("bulla policy set-default decrypt-reports v1"))]
    SetDefault {
        /// The name of the policy
        policy: String,
        /// The version, such as v1
        #[arg(value_name = "VERSION")]
        version_id: String,
    },
    /// Delete a version of a custom policy that is not in force
    #[command(after_help = example("bulla policy delete-version decrypt-reports v1"))]
    DeleteVersion {
        /// The name of the policy
        policy: String,
        /// The version, such as v1
        #[arg(value_name = "VERSION")]
        version_id: String,
    },
    /// Check a document without a server, and report statements that allow escalating privileges
    #[command(after_help = example_and_exit_code("bulla policy check policy.json", "1: the document is invalid, or cannot be read"))]
    Check(Check),
    /// Explain which statement allows or denies an action, or which permission is missing
    #[command(after_help = example("bulla policy explain --as alice kms:Decrypt alias/reports"))]
    Explain {
        /// Explain for this caller: USER, user/NAME or role/NAME [default: the caller]
        #[arg(long = "as", value_name = "WHO")]
        principal: Option<PrincipalName>,
        #[command(flatten)]
        question: Question,
    },
    /// List the users and roles that may perform an action
    #[command(after_help = example("bulla policy who-can kms:Decrypt alias/reports"))]
    WhoCan {
        #[command(flatten)]
        question: Question,
    },
}

/// A document to check.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The document in JSON; - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) document: FileOrStdin,
    /// Check for this purpose [default: trust, key or identity, by its Principal and Resource]
    #[arg(long = "for", value_enum, value_name = "WHAT")]
    pub(crate) purpose: Option<PolicyFor>,
    /// Require principals of this account [default: that of the first principal]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    #[command(flatten)]
    pub(crate) output: Json,
}

/// A permission: action, resource and conditions of the request.
#[derive(Debug, ClapArgs)]
pub(crate) struct Question {
    /// The action, such as kms:Decrypt
    pub(crate) action: String,
    /// Key id, key/ID, alias/NAME, secret/NAME, user/NAME, group/NAME, role/NAME, policy/NAME, an ARN, or *
    pub(crate) resource: String,
    #[command(flatten)]
    pub(crate) context: Context,
    /// Assume that the request comes from this address
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
    /// A role: the policy says who may assume it
    Trust,
    /// A key
    Key,
    /// A secret
    Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyType {
    /// Policies that were created in this KMS
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
