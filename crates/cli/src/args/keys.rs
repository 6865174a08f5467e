//! The commands on keys and aliases, and any action of an API.

use clap::{Args as ClapArgs, Subcommand};

use super::examples::example;
use crate::dates::Date;
use crate::names::{AliasName, KeyName};

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Create a key
    #[command(after_help = example("bulla key create --alias reports --rotate-every 90d"))]
    Create {
        /// Describe what the key is for
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
        /// Create this alias for it
        #[arg(long, value_name = "NAME")]
        alias: Option<AliasName>,
        /// Create this kind of key: Aliyun_AES_256, Aliyun_SM4, RSA_2048, EC_P256, EC_SM2, HMAC_SHA256 ... [default:
        /// Aliyun_AES_256]
        #[arg(long)]
        spec: Option<String>,
        /// ENCRYPT/DECRYPT or SIGN/VERIFY, for specs that support both
        #[arg(long)]
        usage: Option<String>,
        /// Rotate the key automatically, such as every 90d; 7d to 730d [default: no rotation]
        #[arg(long, value_name = "INTERVAL")]
        rotate_every: Option<String>,
    },
    /// List all keys with their aliases
    #[command(after_help = example("bulla key list --unused-since 2026-01-01"))]
    List {
        /// Only keys that were created before this day or time (UTC) and not used since; not in the cloud, which does not
        /// report uses
        #[arg(long, value_name = "DATE")]
        unused_since: Option<Date>,
    },
    /// Show a key, and how often each version was used, unless it is in the cloud
    #[command(after_help = example("bulla key show alias/reports"))]
    Show {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Enable a disabled key
    #[command(after_help = example("bulla key enable alias/reports"))]
    Enable {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Disable a key: it cannot be used until it is enabled again
    #[command(after_help = example("bulla key disable alias/reports"))]
    Disable {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Create a new version, which encrypts from now on; older versions still decrypt
    #[command(after_help = example("bulla key rotate alias/reports"))]
    Rotate {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Schedule the deletion of a key: it cannot be used, and after the waiting period what it encrypted is lost
    #[command(after_help = example("bulla key schedule-deletion alias/reports --days 30"))]
    ScheduleDeletion {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
        /// Waiting period in days, 7 to 366
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// Cancel the scheduled deletion of a key
    #[command(after_help = example("bulla key cancel-deletion alias/reports"))]
    CancelDeletion {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alias {
    /// Create an alias for a key
    #[command(after_help = example("bulla alias create reports 1b2f0c9a-5d3e-4f60-8a7b-9c0d1e2f3a4b"))]
    Create {
        /// alias/NAME; alias/ may be left out
        name: AliasName,
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// List all aliases, or those of one key
    #[command(after_help = example("bulla alias list"))]
    List {
        /// Key id, ARN or alias, with or without alias/
        key: Option<KeyName>,
    },
    /// Move an alias to another key
    #[command(after_help = example("bulla alias update reports alias/reports-2026"))]
    Update {
        /// alias/NAME; alias/ may be left out
        name: AliasName,
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Delete an alias; its key stays
    #[command(after_help = example("bulla alias delete reports"))]
    Delete {
        /// alias/NAME; alias/ may be left out
        name: AliasName,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Api {
    /// Send parameters as typed, even those that the action does not have; must precede the action
    #[arg(long)]
    pub(crate) force: bool,
    /// The action, such as CreateKey, and its parameters: --Name Value or --Name=Value. The value @FILE is the content
    /// of a file, - is standard input, both in UTF-8 and without one trailing newline; @@text is @text, --Name=- is -
    #[arg(value_name = "ACTION", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) call: Vec<String>, // one list, because clap looks for its own flags between two arguments
}
