//! The commands on users, groups, roles and access keys.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use crate::paths::{Output, Source};
use crate::principals::PolicyName;

/// How a result is printed.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Json {
    /// Print JSON, with the names that the API has
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Create a user, who may do nothing yet
    Create {
        /// The name: letters, digits, `.`, `_` and `-`
        user: String,
        #[command(flatten)]
        fields: UserFields,
        #[command(flatten)]
        output: Json,
    },
    /// List all users
    List {
        #[command(flatten)]
        output: Json,
    },
    /// Show one user with its groups, policies and access keys
    Show {
        /// The name of the user
        user: String,
        #[command(flatten)]
        output: Json,
    },
    /// Change or rename a user; an empty text clears a field
    Update {
        /// The name of the user
        user: String,
        /// The next name; the user keeps its access keys, groups and policies
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        fields: UserFields,
    },
    /// Delete a user who has no access key, group and policy left
    Delete {
        /// The name of the user
        user: String,
    },
    /// Give policies to a user
    Attach {
        /// The name of the user
        user: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Take policies from a user
    Detach {
        /// The name of the user
        user: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
}

/// What is known about a user.
#[derive(Debug, ClapArgs)]
pub(crate) struct UserFields {
    /// The name that people see
    #[arg(long, value_name = "TEXT")]
    pub(crate) display_name: Option<String>,
    /// The e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) email: Option<String>,
    /// The phone number, such as 86-18600008888
    #[arg(long, value_name = "NUMBER")]
    pub(crate) mobile_phone: Option<String>,
    /// Any text
    #[arg(long, value_name = "TEXT")]
    pub(crate) comments: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Create a group without users and policies
    Create {
        /// The name: letters, digits, `.`, `_` and `-`
        group: String,
        /// Any text
        #[arg(long, value_name = "TEXT")]
        comments: Option<String>,
        #[command(flatten)]
        output: Json,
    },
    /// List all groups
    List {
        #[command(flatten)]
        output: Json,
    },
    /// Show one group with its users and policies
    Show {
        /// The name of the group
        group: String,
        #[command(flatten)]
        output: Json,
    },
    /// Change or rename a group; an empty text clears a field
    Update {
        /// The name of the group
        group: String,
        /// The next name; the group keeps its users and policies
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Any text
        #[arg(long, value_name = "TEXT")]
        comments: Option<String>,
    },
    /// Delete a group that has no user and policy left
    Delete {
        /// The name of the group
        group: String,
    },
    /// Add users to a group
    Add {
        /// The name of the group
        group: String,
        /// The name of a user
        #[arg(value_name = "USER", required = true)]
        users: Vec<String>,
    },
    /// Remove users from a group
    Remove {
        /// The name of the group
        group: String,
        /// The name of a user
        #[arg(value_name = "USER", required = true)]
        users: Vec<String>,
    },
    /// Give policies to a group
    Attach {
        /// The name of the group
        group: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Take policies from a group
    Detach {
        /// The name of the group
        group: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Create a role without policies
    Create {
        /// The name: letters, digits, `.` and `-`
        role: String,
        /// The trust policy: who may assume the role; - is standard input
        #[arg(long, value_name = "FILE")]
        trust: Source,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// The longest session in seconds, 3600 to 43200 [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        #[command(flatten)]
        output: Json,
    },
    /// List all roles
    List {
        #[command(flatten)]
        output: Json,
    },
    /// Show one role with its trust policy and its policies
    Show {
        /// The name of the role
        role: String,
        #[command(flatten)]
        output: Json,
    },
    /// Change a role
    Update {
        /// The name of the role
        role: String,
        /// The next trust policy; - is standard input
        #[arg(long, value_name = "FILE")]
        trust: Option<Source>,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// The longest session in seconds, 3600 to 43200
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
    },
    /// Delete a role that has no policy left
    Delete {
        /// The name of the role
        role: String,
    },
    /// End all sessions of a role, and those that were made by them: their next request is refused
    EndSessions {
        /// The name of the role
        role: String,
    },
    /// Give policies to a role
    Attach {
        /// The name of the role
        role: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Take policies from a role
    Detach {
        /// The name of the role
        role: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Get temporary credentials of a role and print them as exports: eval "$(bulla role assume ROLE)"
    Assume(Assume),
}

/// A session of a role.
#[derive(Debug, ClapArgs)]
pub(crate) struct Assume {
    /// The name of the role, or its ARN
    pub(crate) role: String,
    /// The name of the session: letters, digits, `.`, `@`, `-` and `_`
    #[arg(long, value_name = "NAME", default_value = "bulla")]
    pub(crate) session_name: String,
    /// How long the credentials are valid in seconds, from 900 to the maximum of the role [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<u32>,
    /// A policy that the session does not exceed; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<Source>,
    /// What the trust policy of the role asks for in sts:ExternalId
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// Who uses the session; later sessions of it keep this
    #[arg(long, value_name = "NAME")]
    pub(crate) source_identity: Option<String>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccessKey {
    /// Create an access key; its secret is shown this one time
    Create {
        #[command(flatten)]
        owner: Owner,
        /// Write it to this new file, which only you may read; - for standard output
        #[arg(short = 'o', long, value_name = "FILE")]
        output: Option<Output>,
        #[command(flatten)]
        json: Json,
    },
    /// List access keys with the time of their last use
    List {
        #[command(flatten)]
        owner: Owner,
        #[command(flatten)]
        output: Json,
    },
    /// Enable an access key
    Enable {
        /// The id of the access key
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Disable an access key: the next request that it signs is refused
    Disable {
        /// The id of the access key
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Delete an access key
    Delete {
        /// The id of the access key
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Disable all access keys of root and write a new one to DATA/root-access-key.json; the server has to be stopped
    Reset(Reset),
}

/// Whose root access key is lost.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reset {
    /// The data directory of the server [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Its root key file [default: DATA/root-key]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Accept a root key that a group of this user may read (mode 640 or 440)
    #[arg(long)]
    pub(crate) group_readable_secrets: bool,
    /// The configuration file of the server, which names them too; flags win
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Whose access keys are meant.
#[derive(Debug, ClapArgs)]
pub(crate) struct Owner {
    /// The user who has the access key [default: the caller]
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
}
