//! The table of products, and for each product a table of its actions with their requests and replies.
//!
//! The server parses the [`Request`] of a call with these types, and a client prints it from the same ones. The engine
//! (`bulla-kms`) has a table for each product too, which names the function for each action. Products may have actions of the
//! same name with different parameters, so an action is always looked up in the table of its product. To add a product, add a
//! file beside `kms.rs`, its `mod`, and a line in the table below.

pub mod kms;
pub mod ram;
pub mod sts;
mod table;
#[cfg(test)]
mod toy;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use self::table::{Table, products};
use crate::context::ContextParameter;
use crate::error::{Error, ErrorCode};
use crate::flat;
use crate::parameters::Parameters;

products! {
    /// Key Management Service.
    Kms => kms,
    /// Resource Access Management: users, access keys, groups, roles and policies.
    Ram => ram,
    /// Security Token Service: temporary credentials.
    Sts => sts,
    /// A product that exists only in the tests of this crate.
    #[cfg(test)]
    Toy => toy,
}

impl Product {
    /// The product whose error codes apply if the version of a request names no product.
    pub const FALLBACK: Self = Self::Kms;

    /// Returns the product with this API version.
    #[must_use]
    pub fn from_version(version: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|product| product.version() == version)
    }

    /// Returns the API version, which identifies the product.
    #[must_use]
    pub const fn version(self) -> &'static str {
        self.table().version
    }

    /// Returns the name of the product, which is part of credentials and error replies, such as `Kms`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.table().name
    }

    /// Returns the host of the product in `region`. RAM and STS have one host for all regions.
    #[must_use]
    pub fn host(self, region: &str) -> String {
        let name = self.name().to_ascii_lowercase();
        if self.table().rules.is_global {
            format!("{name}.aliyuncs.com")
        } else {
            format!("{name}.{region}.aliyuncs.com")
        }
    }

    /// Returns the names of the actions that bulla implements.
    #[must_use]
    pub const fn actions(self) -> &'static [&'static str] {
        self.table().actions
    }

    /// Returns the operations of the official SDK that bulla does not implement, each with the feature that it belongs to.
    #[must_use]
    pub const fn not_implemented(self) -> &'static [(&'static str, &'static str)] {
        self.table().not_implemented
    }

    /// Whether a request for `action` may be unsigned.
    #[must_use]
    pub fn may_be_unsigned(self, action: &str) -> bool {
        self.table().rules.unsigned.contains(&action)
    }

    /// Returns the error for a required parameter that is absent or empty.
    pub(crate) fn missing(self, parameter: &str) -> Error {
        Error::with(self.table().rules.missing, parameter)
    }

    /// Returns the error for a value that does not have the type of its parameter.
    pub(crate) fn invalid(self, parameter: &str) -> Error {
        Error::with(self.table().rules.invalid, parameter)
    }

    /// Returns the error code for a fault of the server.
    pub(crate) fn internal(self) -> ErrorCode {
        self.table().rules.internal
    }

    /// Returns the error for a caller without permission for `action`, such as `ram:CreateRole`, on the ARN `resource`.
    #[must_use]
    pub fn denied(self, action: &str, resource: &str) -> Error {
        (self.table().rules.denied)(action, resource)
    }

    /// Returns the names of the parameters of `action`; `None` if the table has no such action. A dotted or numbered parameter,
    /// such as `Tag.1.Key`, is named by its part before the first dot.
    #[must_use]
    pub fn parameters(self, action: &str) -> Option<&'static [&'static str]> {
        (self.table().parameters)(action)
    }
}

/// An action: the type of its request, with its product, its name and its reply.
pub trait Action: Clone + Serialize + DeserializeOwned + Into<Request> {
    /// The product of the action.
    const PRODUCT: Product;
    /// The name of the action. Case matters.
    const NAME: &'static str;
    /// The reply.
    type Reply: Serialize + DeserializeOwned;

    /// Parses the request from the parameters of a call.
    ///
    /// # Errors
    /// The product's error for a missing or an invalid parameter, with the name of the parameter: `Missing<Name>` or
    /// InvalidParameter for the KMS.
    fn parse(parameters: &Parameters) -> Result<Self, Error> {
        flat::read(Self::PRODUCT, parameters)
    }

    /// Returns the reply to this action; `None` if `reply` is the reply to another action.
    fn reply(reply: Reply) -> Option<Self::Reply>;

    /// Prints the request as parameters, which [`Action::parse`] parses back.
    fn print(&self) -> Parameters {
        flat::print(self)
    }

    /// Whether the request only asks for a check without execution: its `DryRun`.
    fn is_dry_run(&self) -> bool {
        false
    }

    /// Returns the `EncryptionContext` of the request.
    fn encryption_context(&self) -> Option<&ContextParameter> {
        None
    }
}

/// A reply without members other than the request id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

#[cfg(test)]
mod tests {
    use super::{Action, Done, Product, Reply, Request, kms, toy};
    use crate::error::{Error, ErrorCode};
    use crate::numbered::{Numbered, NumberedTags};
    use crate::parameters::Parameters;
    use crate::reply::{ReplyFormat, render_error, render_reply};

    /// The parameters of TagResources, by product.
    const OF_KMS: &str = "RegionId=r&ResourceId.1=a&ResourceType=key&Tag.1.Key=k&Tag.1.Value=v";
    const OF_TOY: &str = "Colour=red&ResourceNames=%5B%22a%22%5D";

    fn parse(product: Product, action: &str, parameters: &str) -> Result<Request, Error> {
        Request::parse(product, action, &Parameters::from_query(parameters).unwrap())
    }

    #[test]
    fn every_product_has_a_version_and_a_name_of_its_own() {
        for product in Product::ALL {
            assert_eq!(Product::from_version(product.version()), Some(*product));
            assert_eq!(Product::ALL.iter().filter(|other| other.name() == product.name()).count(), 1);
        }
        assert_eq!(Product::from_version("2017-01-01"), None);
    }

    #[test]
    fn products_have_actions_of_the_same_name_with_other_parameters() {
        let of_kms = kms::TagResources {
            region_id: "r".into(),
            resource_type: "key".into(),
            resource_id: Numbered(vec!["a".into()]),
            tag: NumberedTags(vec![("k".into(), "v".into())]),
        };
        let of_toy = toy::TagResources { resource_names: r#"["a"]"#.into(), colour: Some("red".into()) };
        assert_eq!((of_kms.print().encode(), of_toy.print().encode()), (OF_KMS.into(), OF_TOY.into()));
        match parse(Product::Kms, "TagResources", OF_KMS).unwrap() {
            Request::Kms(kms::Request::TagResources(request)) => assert_eq!(request, of_kms),
            other => panic!("{other:?}"),
        }
        match parse(Product::Toy, "TagResources", OF_TOY).unwrap() {
            Request::Toy(toy::Request::TagResources(request)) => assert_eq!(request, of_toy),
            other => panic!("{other:?}"),
        }
        assert_eq!(Request::from(of_kms).action(), (Product::Kms, "TagResources"));
        assert_eq!(Request::from(of_toy).action(), (Product::Toy, "TagResources"));
        let code = |product, parameters| parse(product, "TagResources", parameters).unwrap_err().code_text();
        assert_eq!(code(Product::Kms, OF_TOY), "MissingRegionId");
        assert_eq!(code(Product::Toy, OF_KMS), "MissingResourceNames");
    }

    #[test]
    fn an_action_is_found_in_its_product_only() {
        for (product, action) in [(Product::Kms, "GetToy"), (Product::Toy, "ListKeys"), (Product::Toy, "toy")]
        {
            let error = parse(product, action, "ToyName=a").unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidActionNotFound, "{product:?} {action}");
            assert_eq!(product.parameters(action), None);
        }
        assert_eq!(Product::Toy.actions(), ["TagResources", "GetToy"]);
        assert_eq!(Product::Toy.parameters("TagResources"), Some(&["ResourceNames", "Colour"][..]));
        assert_eq!(Product::Toy.not_implemented(), [("BreakToy", "broken toys")]);
        assert!(!Product::Kms.actions().contains(&"GetToy"));
        assert!(parse(Product::Toy, "GetToy", "ToyName=a").is_ok());
    }

    /// If the table missed a DryRun, the action would be executed.
    #[test]
    fn every_action_lists_its_shared_parameters() {
        for product in Product::ALL {
            for (action, listed) in product.table().shared {
                let parameters = product.parameters(action).unwrap();
                for (parameter, name) in [("DryRun", "dry_run"), ("EncryptionContext", "encryption_context")]
                {
                    assert_eq!(
                        parameters.contains(&parameter),
                        listed.contains(&name),
                        "{parameter} of {action}"
                    );
                }
            }
        }
        let with =
            |name| Product::Kms.table().shared.iter().filter(|(_, listed)| listed.contains(&name)).count();
        assert_eq!((with("dry_run"), with("encryption_context")), (15, 6));
    }

    #[test]
    fn a_reply_belongs_to_the_action_of_one_product() {
        let reply = || Reply::Toy(toy::Reply::TagResources(Done {}));
        assert_eq!(reply().action(), (Product::Toy, "TagResources"));
        assert_eq!(toy::TagResources::reply(reply()), Some(Done {}));
        assert_eq!(kms::TagResources::reply(reply()), None);
        assert_eq!(toy::GetToy::reply(reply()), None);
        let reply = Reply::Toy(toy::Reply::GetToy(toy::GetToyReply { colour: "red".into() }));
        assert_eq!(*render_reply(ReplyFormat::Json, &reply, "r-1"), r#"{"Colour":"red","RequestId":"r-1"}"#);
        assert_eq!(
            *render_reply(ReplyFormat::Xml, &reply, "r-1"),
            "<GetToyResponse><Colour>red</Colour><RequestId>r-1</RequestId></GetToyResponse>"
        );
    }

    #[test]
    fn an_error_names_the_product_that_answers() {
        let error = Error::new(ErrorCode::InternalFailure);
        let failure = ("InternalFailure", "Internal Failure.");
        for (product, host, name, (code, message)) in [
            (Product::Kms, "kms.r.aliyuncs.com", "Kms", failure),
            (Product::Ram, "ram.aliyuncs.com", "Ram", ("InternalError", "An internal error occurred.")),
            (
                Product::Sts,
                "sts.aliyuncs.com",
                "Sts",
                ("InternalError", "STS Server Internal Error happened."),
            ),
            (Product::Toy, "toy.r.aliyuncs.com", "Toy", failure),
        ] {
            assert_eq!(
                *render_error(ReplyFormat::Json, product, &error, "r-1", "r"),
                format!(
                    r#"{{"RequestId":"r-1","HostId":"{host}","Code":"{code}","Message":"{message}","Recommend":"https://api.aliyun.com/troubleshoot?q={code}&product={name}&requestId=r-1"}}"#
                )
            );
        }
    }
}
