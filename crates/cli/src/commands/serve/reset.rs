//! `bulla access-key reset`: creates an access key of root for an operator who has the data directory and the root key.

use bulla_kms::{Kms, Role, SystemClock};

use super::settings::{data_directory, kms_options, with_config};
use crate::args::{Reset, Serve};
use crate::failure::{Exit, Failure, with_causes};
use crate::messages::note;
use crate::results::print;

pub(crate) fn reset_access_key(flags: Reset) -> Result<(), Failure> {
    let Reset { data, root_key, group_readable_secrets, config } = flags;
    let settings = with_config(Serve { data, root_key, group_readable_secrets, config, ..Serve::default() })?;
    let data = data_directory(&settings)?;
    let mut options = kms_options(&settings, &data)?;
    options.role = Role::Command;
    if let Some(audit) = &mut options.audit {
        audit.limits.total = u64::MAX; // only the server deletes files of the trail: this command may lack its configuration
    }
    if !options.has_store() {
        let what = format!("{} holds no store", data.display());
        return Err(Failure::new(Exit::Usage, what, "name the data directory of the server with --data"));
    }
    let kms = Kms::open(&options, SystemClock)
        .map_err(|error| Failure::new(Exit::Kms, error.to_string(), error.hint(Role::Server)))?;
    let path = pollster::block_on(kms.reset_root_access_key()).map_err(|error| {
        let hint = "free space or check the permissions of the data directory, and run it again";
        Failure::new(Exit::Other, with_causes(&error), hint)
    })?;
    note("All other access keys of root are disabled. Delete them with: bulla access-key delete ID");
    print(format_args!("{}", path.display()))
}
