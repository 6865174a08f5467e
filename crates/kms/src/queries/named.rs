//! The queries FindSecrets, FindUsers, FindGroups, FindRoles and FindPolicies: what the list actions of the API return,
//! filtered by a part of the name and in pages. The list actions of RAM return only the first page or the one after a
//! marker; these queries return any page.

use bulla_wire::Error;
use bulla_wire::kms::SecretEntry;
use bulla_wire::ram;

use super::text::Needle;
use crate::actions::{
    Page, all_policies, listed_group, listed_policy, listed_role, listed_secret, listed_user,
};
use crate::authorize::{AnyPolicy, Container};
use crate::people::{Group, Role, User};
use crate::session::Session;

/// A page of what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<T> {
    /// The number of matches on all pages.
    pub total: u64,
    /// The entries of the page, as in the list action.
    pub entries: Vec<T>,
}

macro_rules! searches_by_name {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            /// A part of the name, in any case. Default: all.
            pub text: Option<String>,
            /// Begins with 1, which is the default.
            pub page_number: Option<u32>,
            /// 1 to 100. Default: 10.
            pub page_size: Option<u32>,
        }

        impl $name {
            fn parse(&self) -> Result<(Page, Needle), Error> {
                let page = Page::new(self.page_number, self.page_size, 1..=100)?;
                Ok((page, Needle::new(self.text.as_deref().unwrap_or_default())))
            }
        }
    )*};
}

searches_by_name! {
    /// Finds secrets, sorted by name. Needs `kms:ListSecrets`.
    FindSecrets
    /// Finds users, sorted by name, also by display name. Needs `ram:ListUsers`.
    FindUsers
    /// Finds groups, sorted by name. Needs `ram:ListGroups`.
    FindGroups
    /// Finds roles, sorted by name. Needs `ram:ListRoles`.
    FindRoles
    /// Finds policies: first those of the account, then the system policies, each sorted by name. Needs `ram:ListPolicies`.
    FindPolicies
}

pub(super) async fn secrets(session: &Session<'_, FindSecrets>) -> Result<Found<SecretEntry>, Error> {
    let (page, text) = session.request.parse()?;
    let secrets = session.listed_secrets()?;
    let search = move || {
        let rows = secrets.rows().filter(|row| text.is_in(row.record.name.as_str()));
        let (rows, total) = page.counted(rows);
        let entries = rows.into_iter().map(|row| listed_secret(&row.record, Some(true))).collect();
        Found { total, entries }
    };
    session.search(search).await
}

pub(super) async fn users(session: &Session<'_, FindUsers>) -> Result<Found<ram::User>, Error> {
    let (page, text) = session.request.parse()?;
    let users = session.listing::<User>(&session.every(Container::Users)?);
    let search = move || {
        let is_named = |user: &User| text.is_in(user.name.as_str()) || text.is_in(&user.profile.display_name);
        let (rows, total) = page.counted(users.rows_after(None).filter(|row| is_named(&row.record)));
        Found { total, entries: rows.into_iter().map(|row| listed_user(&row.record)).collect() }
    };
    session.search(search).await
}

pub(super) async fn groups(session: &Session<'_, FindGroups>) -> Result<Found<ram::Group>, Error> {
    let (page, text) = session.request.parse()?;
    let groups = session.listing::<Group>(&session.every(Container::Groups)?);
    let search = move || {
        let rows = groups.rows_after(None).filter(|row| text.is_in(row.record.name.as_str()));
        let (rows, total) = page.counted(rows);
        Found { total, entries: rows.into_iter().map(|row| listed_group(&row.record)).collect() }
    };
    session.search(search).await
}

pub(super) async fn roles(session: &Session<'_, FindRoles>) -> Result<Found<ram::Role>, Error> {
    let (page, text) = session.request.parse()?;
    let roles = session.listing::<Role>(&session.every(Container::Roles)?);
    let account = session.account().to_owned();
    let search = move || {
        let rows = roles.rows_after(None).filter(|row| text.is_in(row.record.name.as_str()));
        let (rows, total) = page.counted(rows);
        Found { total, entries: rows.into_iter().map(|row| listed_role(&row.record, &account)).collect() }
    };
    session.search(search).await
}

pub(super) async fn policies(session: &Session<'_, FindPolicies>) -> Result<Found<ram::Policy>, Error> {
    let (page, text) = session.request.parse()?;
    let policies = session.every(Container::Policies)?;
    let custom = session.listing(&policies);
    let searched = custom.clone();
    let search = move || {
        let is_named = |policy: AnyPolicy<'_>| match policy {
            AnyPolicy::System(policy) => text.is_in(policy.name),
            AnyPolicy::Custom(row) => text.is_in(row.record.name.as_str()),
        };
        let found = all_policies(&searched).filter(|(_, policy)| is_named(*policy));
        page.counted(found.map(|(position, _)| position))
    };
    let (found, total) = session.search(search).await?;
    let found = found.iter().filter_map(|position| position.policy(&custom));
    let entries = found.map(|policy| listed_policy(session, &policies, policy)).collect();
    Ok(Found { total, entries })
}
