//! The commands on users, groups, roles and access keys.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};

use super::examples::example;
use crate::paths::{FileOrStdin, Output};
use crate::principals::PolicyName;

/// How a result is printed.
#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct Json {
    /// Print JSON, with the field names of the API
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Create a user, without permissions
    #[command(after_help = example("bulla user create alice --email alice@example.com"))]
    Create {
        /// The name: letters, digits, `.`, `_` and `-`
        user: String,
        #[command(flatten)]
        fields: UserFields,
        #[command(flatten)]
        output: Json,
    },
    /// List all users
    #[command(after_help = example("bulla user list"))]
    List {
        #[command(flatten)]
        output: Json,
    },
    /// Show a user with its groups, policies and access keys
    #[command(after_help = example("bulla user show alice"))]
    Show {
        /// The name of the user
        user: String,
        #[command(flatten)]
        output: Json,
    },
    /// Change or rename a user; an empty text clears a field
    #[command(after_help = example("bulla user update alice --rename alice.wu"))]
    Update {
        /// The name of the user
        user: String,
        /// Rename the user; it keeps its access keys, groups and policies
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        #[command(flatten)]
        fields: UserFields,
    },
    /// Delete a user that has no access keys, groups or policies
    #[command(after_help = example("bulla user delete alice"))]
    Delete {
        /// The name of the user
        user: String,
    },
    /// Attach policies to a user
    #[command(after_help = example("bulla user attach alice AliyunKMSReadOnlyAccess"))]
    Attach {
        /// The name of the user
        user: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Detach policies from a user
    #[command(after_help = example("bulla user detach alice AliyunKMSReadOnlyAccess"))]
    Detach {
        /// The name of the user
        user: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
}

/// The changeable fields of a user.
#[derive(Debug, ClapArgs)]
pub(crate) struct UserFields {
    /// The displayed name
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
    /// Create a group, without users and policies
    #[command(after_help = example("bulla group create auditors"))]
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
    #[command(after_help = example("bulla group list"))]
    List {
        #[command(flatten)]
        output: Json,
    },
    /// Show a group with its users and policies
    #[command(after_help = example("bulla group show auditors"))]
    Show {
        /// The name of the group
        group: String,
        #[command(flatten)]
        output: Json,
    },
    /// Change or rename a group; an empty text clears a field
    #[command(after_help = example(r#"bulla group update auditors --comments "read the trail""#))]
    Update {
        /// The name of the group
        group: String,
        /// Rename the group; it keeps its users and policies
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Any text
        #[arg(long, value_name = "TEXT")]
        comments: Option<String>,
    },
    /// Delete a group that has no users or policies
    #[command(after_help = example("bulla group delete auditors"))]
    Delete {
        /// The name of the group
        group: String,
    },
    /// Add users to a group
    #[command(after_help = example("bulla group add auditors alice bob"))]
    Add {
        /// The name of the group
        group: String,
        /// The name of a user
        #[arg(value_name = "USER", required = true)]
        users: Vec<String>,
    },
    /// Remove users from a group
    #[command(after_help = example("bulla group remove auditors bob"))]
    Remove {
        /// The name of the group
        group: String,
        /// The name of a user
        #[arg(value_name = "USER", required = true)]
        users: Vec<String>,
    },
    /// Attach policies to a group
    #[command(after_help = example("bulla group attach auditors AliyunKMSReadOnlyAccess"))]
    Attach {
        /// The name of the group
        group: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Detach policies from a group
    #[command(after_help = example("bulla group detach auditors AliyunKMSReadOnlyAccess"))]
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
    /// Create a role, without policies
    #[command(after_help = example("bulla role create backup --trust trust.json"))]
    Create {
        /// The name: letters, digits, `.` and `-`
        role: String,
        /// The trust policy, which says who may assume the role; - for standard input
        #[arg(long, value_name = "FILE")]
        trust: FileOrStdin,
        /// Describe what the role is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Longest session in seconds, 3600 to 43200 [default: 3600]
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
        #[command(flatten)]
        output: Json,
    },
    /// List all roles
    #[command(after_help = example("bulla role list"))]
    List {
        #[command(flatten)]
        output: Json,
    },
    /// Show a role with its trust policy and its policies
    #[command(after_help = example("bulla role show backup"))]
    Show {
        /// The name of the role
        role: String,
        #[command(flatten)]
        output: Json,
    },
    /// Change a role
    #[command(after_help = example("bulla role update backup --max-session 7200"))]
    Update {
        /// The name of the role
        role: String,
        /// Replace the trust policy; - for standard input
        #[arg(long, value_name = "FILE")]
        trust: Option<FileOrStdin>,
        /// Describe what the role is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Longest session in seconds, 3600 to 43200
        #[arg(long, value_name = "SECONDS")]
        max_session: Option<u32>,
    },
    /// Delete a role that has no policies
    #[command(after_help = example("bulla role delete backup"))]
    Delete {
        /// The name of the role
        role: String,
    },
    /// End all sessions of a role, and those begun by them: their next request is refused
    #[command(after_help = example("bulla role end-sessions backup"))]
    EndSessions {
        /// The name of the role
        role: String,
    },
    /// Attach policies to a role
    #[command(after_help = example("bulla role attach backup AliyunKMSReadOnlyAccess"))]
    Attach {
        /// The name of the role
        role: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Detach policies from a role
    #[command(after_help = example("bulla role detach backup AliyunKMSReadOnlyAccess"))]
    Detach {
        /// The name of the role
        role: String,
        /// The policy; custom/NAME or system/NAME if both types have the name
        #[arg(value_name = "POLICY", required = true)]
        policies: Vec<PolicyName>,
    },
    /// Get temporary credentials of a role and print them as shell exports
    #[command(after_help = example(r#"eval "$(bulla role assume backup)""#))]
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
    /// Lifetime of the credentials in seconds, from 900 to the maximum of the role [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<u32>,
    /// Restrict the session to what this policy also allows; - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<FileOrStdin>,
    /// The external id, if the trust policy of the role requires one in sts:ExternalId
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: Option<String>,
    /// Name the user of the session; sessions begun by it keep the name
    #[arg(long, value_name = "NAME")]
    pub(crate) source_identity: Option<String>,
    #[command(flatten)]
    pub(crate) output: Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccessKey {
    /// Create an access key; its secret is shown only now
    #[command(after_help = example("bulla access-key create --user alice -o alice.json"))]
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
    #[command(after_help = example("bulla access-key list --user alice"))]
    List {
        #[command(flatten)]
        owner: Owner,
        #[command(flatten)]
        output: Json,
    },
    /// Enable an access key
    #[command(after_help = example("bulla access-key enable LTAI5tExampleKeyId --user alice"))]
    Enable {
        /// The id of the access key
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Disable an access key: the next request that it signs is refused
    #[command(after_help = example("bulla access-key disable LTAI5tExampleKeyId --user alice"))]
    Disable {
        /// The id of the access key
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Delete an access key
    #[command(after_help = example("bulla access-key delete LTAI5tExampleKeyId --user alice"))]
    Delete {
        /// The id of the access key
        id: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Disable all access keys of root and write a new one to DATA/root-access-key.json, while the server is stopped
    #[command(after_help = example("bulla access-key reset --data /var/lib/bulla"))]
    Reset(Reset),
}

/// The store whose root access key is reset.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reset {
    /// Reset the access keys in this data directory [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Read this root key file [default: DATA/root-key]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Accept a root key that a group of this user may read (mode 640 or 440)
    #[arg(long)]
    pub(crate) group_readable_secrets: bool,
    /// Read data and root key from the configuration file of the server; flags take precedence
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The owner of access keys.
#[derive(Debug, ClapArgs)]
pub(crate) struct Owner {
    /// Access keys of this user [default: the caller]
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
}
