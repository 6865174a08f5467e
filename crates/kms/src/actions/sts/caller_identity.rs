//! GetCallerIdentity: returns who the caller is. It needs no permission.

use bulla_wire::Error;
use bulla_wire::sts::{GetCallerIdentity, GetCallerIdentityReply, IdentityType};

use crate::authorize::CallerRecord;
use crate::session::Session;

pub(in super::super) async fn caller_identity(
    session: &Session<'_, GetCallerIdentity>,
) -> Result<GetCallerIdentityReply, Error> {
    let account = session.account();
    let account_id = account.to_owned();
    Ok(match session.caller_record()? {
        CallerRecord::Account => GetCallerIdentityReply {
            identity_type: IdentityType::Account,
            principal_id: account_id.clone(),
            user_id: Some(account_id.clone()),
            account_id,
            role_id: None,
            arn: format!("acs:ram::{account}:root"),
        },
        CallerRecord::User(user) => GetCallerIdentityReply {
            identity_type: IdentityType::RamUser,
            account_id,
            principal_id: user.id.to_string(),
            user_id: Some(user.id.to_string()),
            role_id: None,
            arn: user.arn(account),
        },
        CallerRecord::Session { role, session } => {
            let session_name = &session.role().session_name;
            GetCallerIdentityReply {
                identity_type: IdentityType::AssumedRoleUser,
                account_id,
                principal_id: format!("{}:{session_name}", role.id),
                user_id: None,
                role_id: Some(role.id.to_string()),
                // The name in the spelling of the role's ARN, because clients compare the two byte for byte.
                arn: format!("acs:ram::{account}:assumed-role/{}/{session_name}", role.name.key),
            }
        }
    })
}
