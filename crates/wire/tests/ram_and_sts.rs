//! The actions of RAM and STS: the server parses what a client prints, and replies parse and render like those of the cloud.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::fmt::Debug;

use bulla_wire::ram::{self, *};
use bulla_wire::sts::{self, *};
use bulla_wire::{
    Action, JsonList, MaybeEmpty, Parameters, Product, Reply, ReplyFormat, Request, render_reply,
};
use serde_json::{Value, json};

const DATE: &str = "2015-01-23T12:33:18Z";

fn round_trip<A: Action + PartialEq + Debug>(expected: &str) -> &'static str {
    let request = parse::<A>(expected).unwrap();
    let printed = request.print();
    assert_eq!(printed.encode(), expected, "{}", A::NAME);
    assert_eq!(A::parse(&printed).unwrap(), request);
    assert_eq!(Request::parse(A::PRODUCT, A::NAME, &printed).unwrap().action(), (A::PRODUCT, A::NAME));
    A::NAME
}

fn parse<A: Action>(query: &str) -> Result<A, String> {
    A::parse(&Parameters::from_query(query).unwrap()).map_err(|error| error.to_string())
}

#[test]
fn every_action_of_ram_parses_what_it_prints() {
    let names = [
        round_trip::<CreateUser>(
            "Comments=c&DisplayName=%E5%AF%86&Email=a%40b&MobilePhone=86-18600008888&UserName=u",
        ),
        round_trip::<GetUser>("UserName=u"),
        round_trip::<UpdateUser>(
            "NewComments=&NewDisplayName=d&NewEmail=&NewMobilePhone=&NewUserName=n&UserName=u",
        ),
        round_trip::<DeleteUser>("UserName=u"),
        round_trip::<ListUsers>("Marker=m&MaxItems=1000"),
        round_trip::<CreateLoginProfile>(
            "MFABindRequired=false&Password=p&PasswordResetRequired=true&UserName=u",
        ),
        round_trip::<GetLoginProfile>("UserName=u"),
        round_trip::<UpdateLoginProfile>("MFABindRequired=true&Password=p&UserName=u"),
        round_trip::<DeleteLoginProfile>("UserName=u"),
        round_trip::<CreateVirtualMFADevice>("VirtualMFADeviceName=d"),
        round_trip::<DeleteVirtualMFADevice>("SerialNumber=acs%3Aram%3A%3A42%3Amfa%2Fd"),
        round_trip::<ListVirtualMFADevices>(""),
        round_trip::<BindMFADevice>(
            "AuthenticationCode1=123456&AuthenticationCode2=654321&SerialNumber=s&UserName=u",
        ),
        round_trip::<UnbindMFADevice>("UserName=u"),
        round_trip::<GetUserMFAInfo>("UserName=u"),
        round_trip::<CreateAccessKey>("UserName=u"),
        round_trip::<UpdateAccessKey>("Status=Inactive&UserAccessKeyId=a&UserName=u"),
        round_trip::<DeleteAccessKey>("UserAccessKeyId=a&UserName=u"),
        round_trip::<ListAccessKeys>(""),
        round_trip::<GetAccessKeyLastUsed>("UserAccessKeyId=a"),
        round_trip::<CreateGroup>("Comments=c&GroupName=g"),
        round_trip::<GetGroup>("GroupName=g"),
        round_trip::<UpdateGroup>("GroupName=g&NewComments=&NewGroupName=h"),
        round_trip::<DeleteGroup>("GroupName=g"),
        round_trip::<ListGroups>("Marker=m&MaxItems=1"),
        round_trip::<AddUserToGroup>("GroupName=g&UserName=u"),
        round_trip::<RemoveUserFromGroup>("GroupName=g&UserName=u"),
        round_trip::<ListGroupsForUser>("UserName=u"),
        round_trip::<ListUsersForGroup>("GroupName=g&Marker=m&MaxItems=2"),
        round_trip::<CreatePolicy>(
            "Description=d&PolicyDocument=%7B%7D&PolicyName=p&Tag=%5B%7B%22Key%22%3A%22k%22%2C%22Value%22%3A%22v%22%7D%5D",
        ),
        round_trip::<GetPolicy>("PolicyName=p&PolicyType=System"),
        round_trip::<UpdatePolicyDescription>("NewDescription=d&PolicyName=p"),
        round_trip::<DeletePolicy>("CascadingDelete=true&PolicyName=p"),
        round_trip::<ListPolicies>(
            "Marker=m&MaxItems=3&PolicyType=Custom&Tag=%5B%7B%22Key%22%3A%22k%22%7D%5D",
        ),
        round_trip::<CreatePolicyVersion>(
            "PolicyDocument=%7B%7D&PolicyName=p&RotateStrategy=DeleteOldestNonDefaultVersionWhenLimitExceeded\
             &SetAsDefault=false",
        ),
        round_trip::<GetPolicyVersion>("PolicyName=p&PolicyType=Custom&VersionId=v1"),
        round_trip::<DeletePolicyVersion>("PolicyName=p&VersionId=v1"),
        round_trip::<ListPolicyVersions>("PolicyName=p&PolicyType=Custom"),
        round_trip::<SetDefaultPolicyVersion>("PolicyName=p&VersionId=v1"),
        round_trip::<AttachPolicyToUser>("PolicyName=p&PolicyType=Custom&UserName=u"),
        round_trip::<DetachPolicyFromUser>("PolicyName=p&PolicyType=Custom&ResourceGroupId=g&UserName=u"),
        round_trip::<AttachPolicyToGroup>("GroupName=g&PolicyName=p&PolicyType=Custom"),
        round_trip::<DetachPolicyFromGroup>("GroupName=g&PolicyName=p&PolicyType=Custom"),
        round_trip::<AttachPolicyToRole>("PolicyName=p&PolicyType=Custom&RoleName=r"),
        round_trip::<DetachPolicyFromRole>("PolicyName=p&PolicyType=Custom&RoleName=r"),
        round_trip::<ListPoliciesForUser>("UserName=u"),
        round_trip::<ListPoliciesForGroup>("GroupName=g"),
        round_trip::<ListPoliciesForRole>("RoleName=r"),
        round_trip::<ListEntitiesForPolicy>("PolicyName=p&PolicyType=System"),
        round_trip::<CreateRole>(
            "AllowConsoleLogin=false&AssumeRolePolicyDocument=%7B%7D&Description=d&MaxSessionDuration=3600&RoleName=r\
             &Tag=%5B%5D",
        ),
        round_trip::<GetRole>("RoleName=r"),
        round_trip::<UpdateRole>(
            "EndSessions=true&NewAllowConsoleLogin=false&NewAssumeRolePolicyDocument=%7B%7D&NewDescription=&NewMaxSessionDuration=1\
             &RoleName=r",
        ),
        round_trip::<DeleteRole>("RoleName=r"),
        round_trip::<ListRoles>("Marker=m&MaxItems=3&Tag=%5B%5D"),
        round_trip::<SetAccountAlias>("AccountAlias=a"),
        round_trip::<GetAccountAlias>(""),
        round_trip::<ClearAccountAlias>(""),
        round_trip::<TagResources>(
            "ResourceNames=%5B%22a%22%2C%22b%22%5D&ResourceType=role&Tag=%5B%7B%22Key%22%3A%22k%22%2C%22Value%22%3A%22%22%7D%5D",
        ),
        round_trip::<UntagResources>(
            "All=true&ResourceNames=%5B%22a%22%5D&ResourceType=policy&TagKeys=%5B%22k%22%5D",
        ),
        round_trip::<ListTagResources>(
            "NextToken=n&PageSize=20&ResourceNames=%5B%5D&ResourceType=role&Tag=%5B%5D",
        ),
    ];
    assert_eq!(names, Product::Ram.actions());
}

#[test]
fn every_action_of_sts_parses_what_it_prints() {
    let names = [
        round_trip::<AssumeRole>(
            "DurationSeconds=900&ExternalId=e&Policy=%7B%7D&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fr&RoleSessionName=s\
             &SourceIdentity=i",
        ),
        round_trip::<AssumeRoleWithOIDC>(
            "DurationSeconds=900&OIDCProviderArn=p&OIDCToken=t&Policy=%7B%7D&RoleArn=r&RoleSessionName=s",
        ),
        round_trip::<GetCallerIdentity>(""),
    ];
    assert_eq!(names, Product::Sts.actions());
}

#[test]
fn each_product_names_parameters_in_its_own_words() {
    let refusal = |outcome: Result<_, String>| outcome.unwrap_err();
    assert_eq!(
        refusal(parse::<CreatePolicy>("PolicyName=p&PolicyDocument=").map(drop)),
        "MissingParameter: Parameter PolicyDocument is required."
    );
    for (name, given) in [
        ("PolicyType", "PolicyType=system"),
        ("PolicyType", "PolicyType.1=System"),
        ("MaxItems", "MaxItems=many"),
        ("MaxItems", "MaxItems=-1"),
        ("Tag", "Tag={}"),
        ("Tag", "Tag=[{}]"),
        ("Tag", r#"Tag=[{"Key":"k","Key":"l"}]"#),
        ("Tag", "Tag.1.Key=k"),
    ] {
        assert_eq!(
            refusal(parse::<ListPolicies>(given).map(drop)),
            format!("InvalidParameter.{name}: The parameter - \"{name}\" is incorrect.")
        );
    }
    assert_eq!(
        refusal(parse::<AssumeRole>("RoleArn=r").map(drop)),
        "MissingRoleSessionName: RoleSessionName is mandatory for this action."
    );
    assert_eq!(
        refusal(parse::<AssumeRole>("RoleArn=r&RoleSessionName=s&DurationSeconds=1h").map(drop)),
        "InvalidParameter.DurationSeconds: The parameter DurationSeconds is wrongly formed."
    );
}

#[test]
fn each_product_denies_in_its_own_words() {
    let denied = |product: Product| product.denied("ram:CreateRole", "acs:ram:*:1:role/*").to_string();
    assert_eq!(
        denied(Product::Kms),
        "Forbidden.NoPermission: This operation for acs:ram:*:1:role/* is forbidden by permission system."
    );
    assert_eq!(
        denied(Product::Ram),
        "NoPermission: You are not authorized to do this action. Resource: acs:ram:*:1:role/* Action: ram:CreateRole"
    );
    assert_eq!(
        denied(Product::Sts),
        "NoPermission: You are not authorized to do this action. You should be authorized by RAM."
    );
}

#[test]
fn empty_clears_where_a_text_may_be_empty() {
    let update = parse::<UpdateUser>("UserName=u&NewComments=&NewUserName=").unwrap();
    assert_eq!(update.new_comments, Some(MaybeEmpty(String::new())));
    assert_eq!((update.new_user_name, update.new_email), (None, None));
}

#[test]
fn passwords_tokens_and_secrets_do_not_show() {
    let password = parse::<CreateLoginProfile>("UserName=u&Password=hunter2").unwrap();
    let token =
        parse::<AssumeRoleWithOIDC>("OIDCProviderArn=p&OIDCToken=hunter2&RoleArn=r&RoleSessionName=s")
            .unwrap();
    for request in [Request::from(password), token.into()] {
        assert!(!format!("{request:?}").contains("hunter2"));
    }
    assert!(!format!("{:?}", credentials("hunter2")).contains("hunter2"));
}

fn credentials(secret: &str) -> Credentials {
    read(json!({
        "AccessKeyId": "STS.a", "AccessKeySecret": secret, "SecurityToken": secret, "Expiration": DATE
    }))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn rendered(reply: &Reply) -> Value {
    serde_json::from_str(&render_reply(ReplyFormat::Json, reply, "r-1")).unwrap()
}

/// Checks that the reply to `A`, parsed like a client does, renders to the same JSON.
fn same<A: Action>(expected: Value, wrap: impl FnOnce(A::Reply) -> Reply) {
    let reply = wrap(read(expected.clone()));
    assert_eq!(reply.action(), (A::PRODUCT, A::NAME));
    let mut answer = rendered(&reply);
    assert_eq!(answer.as_object_mut().unwrap().remove("RequestId"), Some(json!("r-1")), "{}", A::NAME);
    assert_eq!(answer, expected, "{}", A::NAME);
}

fn user() -> Value {
    json!({
        "UserId": "1", "UserName": "u", "DisplayName": "", "MobilePhone": "", "Email": "", "Comments": "", "CreateDate": DATE
    })
}

#[test]
fn replies_about_mfa_devices() {
    use ram::Reply as R;
    let made = json!({ "SerialNumber": "s", "Base32StringSeed": "seed", "QRCodePNG": "png" });
    same::<CreateVirtualMFADevice>(json!({ "VirtualMFADevice": made }), |reply| {
        assert!(!format!("{reply:?}").contains("seed\"") && !format!("{reply:?}").contains("png\""));
        Reply::Ram(R::CreateVirtualMFADevice(reply))
    });
    let user = json!({ "UserId": "1", "UserName": "u", "DisplayName": "" });
    let bound = json!({ "SerialNumber": "s", "ActivateDate": DATE, "User": user });
    let list = json!([bound, { "SerialNumber": "t" }]);
    same::<ListVirtualMFADevices>(json!({ "VirtualMFADevices": { "VirtualMFADevice": list } }), |reply| {
        Reply::Ram(R::ListVirtualMFADevices(reply))
    });
    same::<UnbindMFADevice>(json!({ "MFADevice": { "SerialNumber": "s" } }), |reply| {
        Reply::Ram(R::UnbindMFADevice(reply))
    });
    same::<GetUserMFAInfo>(json!({ "MFADevice": { "SerialNumber": "s", "Type": "VMFA" } }), |reply| {
        Reply::Ram(R::GetUserMFAInfo(reply))
    });
}

#[test]
fn replies_about_users_and_groups() {
    use ram::Reply as R;
    same::<CreateUser>(json!({ "User": user() }), |reply| Reply::Ram(R::CreateUser(reply)));
    let mut full = user();
    full["UpdateDate"] = json!(DATE);
    full["LastLoginDate"] = json!("");
    same::<GetUser>(json!({ "User": full }), |reply| Reply::Ram(R::GetUser(reply)));
    same::<ListUsers>(
        json!({ "Users": { "User": [user()] }, "IsTruncated": true, "Marker": "m" }),
        |reply| Reply::Ram(R::ListUsers(reply)),
    );
    same::<ListUsers>(json!({ "Users": { "User": [] }, "IsTruncated": false }), |reply| {
        Reply::Ram(R::ListUsers(reply))
    });
    let profile = json!({
        "UserName": "u", "PasswordResetRequired": true, "MFABindRequired": false, "CreateDate": DATE
    });
    same::<GetLoginProfile>(json!({ "LoginProfile": profile }), |reply| {
        Reply::Ram(R::GetLoginProfile(reply))
    });
    let key = json!({ "AccessKeyId": "a", "Status": "Active", "CreateDate": DATE });
    same::<ListAccessKeys>(json!({ "AccessKeys": { "AccessKey": [key] } }), |reply| {
        Reply::Ram(R::ListAccessKeys(reply))
    });
    let key = json!({ "AccessKeyId": "a", "AccessKeySecret": "s", "Status": "Inactive", "CreateDate": DATE });
    same::<CreateAccessKey>(json!({ "AccessKey": key }), |reply| Reply::Ram(R::CreateAccessKey(reply)));
    same::<GetAccessKeyLastUsed>(json!({ "AccessKeyLastUsed": { "LastUsedDate": "" } }), |reply| {
        Reply::Ram(R::GetAccessKeyLastUsed(reply))
    });
    let group = json!({ "GroupId": "g-1", "GroupName": "g", "Comments": "", "CreateDate": DATE });
    same::<ListGroups>(json!({ "Groups": { "Group": [group] }, "IsTruncated": false }), |reply| {
        Reply::Ram(R::ListGroups(reply))
    });
    let group = json!({ "GroupId": "g-1", "GroupName": "g", "Comments": "", "JoinDate": DATE });
    same::<ListGroupsForUser>(json!({ "Groups": { "Group": [group] } }), |reply| {
        Reply::Ram(R::ListGroupsForUser(reply))
    });
    let member = json!({ "UserName": "u", "DisplayName": "", "JoinDate": DATE });
    same::<ListUsersForGroup>(json!({ "Users": { "User": [member] }, "IsTruncated": false }), |reply| {
        Reply::Ram(R::ListUsersForGroup(reply))
    });
}

#[test]
fn replies_about_policies_and_roles() {
    use ram::Reply as R;
    let mut policy = json!({
        "PolicyName": "p", "PolicyType": "Custom", "Description": "", "DefaultVersion": "v1", "CreateDate": DATE
    });
    same::<CreatePolicy>(json!({ "Policy": policy }), |reply| Reply::Ram(R::CreatePolicy(reply)));
    policy["AttachmentCount"] = json!(2);
    let version = json!({
        "VersionId": "v1", "IsDefaultVersion": true, "PolicyDocument": "{}", "CreateDate": DATE
    });
    same::<GetPolicy>(json!({ "Policy": policy, "DefaultPolicyVersion": version }), |reply| {
        Reply::Ram(R::GetPolicy(reply))
    });
    same::<ListPolicyVersions>(json!({ "PolicyVersions": { "PolicyVersion": [version] } }), |reply| {
        Reply::Ram(R::ListPolicyVersions(reply))
    });
    policy["Tags"] = json!({ "Tag": [{ "TagKey": "k", "TagValue": "v" }] });
    same::<ListPolicies>(json!({ "Policies": { "Policy": [policy] }, "IsTruncated": false }), |reply| {
        Reply::Ram(R::ListPolicies(reply))
    });
    let attached = json!({
        "PolicyName": "p", "PolicyType": "System", "Description": "", "DefaultVersion": "v1", "AttachDate": DATE
    });
    same::<ListPoliciesForRole>(json!({ "Policies": { "Policy": [attached] } }), |reply| {
        Reply::Ram(R::ListPoliciesForRole(reply))
    });
    let entities = json!({
        "Users": { "User": [{ "UserId": "1", "UserName": "u", "DisplayName": "", "AttachDate": DATE }] },
        "Groups": { "Group": [{ "GroupName": "g", "Comments": "", "AttachDate": DATE }] },
        "Roles": { "Role": [
            { "RoleId": "3", "RoleName": "r", "Arn": "a", "Description": "", "AttachDate": DATE }
        ] },
    });
    same::<ListEntitiesForPolicy>(entities, |reply| Reply::Ram(R::ListEntitiesForPolicy(reply)));
    let mut role = json!({
        "RoleId": "3", "RoleName": "R", "Arn": "acs:ram::1:role/r", "Description": "", "MaxSessionDuration": 3600,
        "CreateDate": DATE
    });
    same::<ListRoles>(json!({ "Roles": { "Role": [role] }, "IsTruncated": false }), |reply| {
        Reply::Ram(R::ListRoles(reply))
    });
    role["AssumeRolePolicyDocument"] = json!("{}");
    same::<GetRole>(json!({ "Role": role }), |reply| Reply::Ram(R::GetRole(reply)));
    same::<GetAccountAlias>(json!({ "AccountAlias": "a" }), |reply| Reply::Ram(R::GetAccountAlias(reply)));
    let tag = json!({ "ResourceName": "r", "ResourceType": "role", "TagKey": "k", "TagValue": "v" });
    same::<ListTagResources>(json!({ "TagResources": [tag], "NextToken": "" }), |reply| {
        Reply::Ram(R::ListTagResources(reply))
    });
}

#[test]
fn replies_of_sts() {
    use sts::Reply as R;
    let session = json!({
        "AssumedRoleUser": { "Arn": "acs:ram::1:role/r/s", "AssumedRoleId": "3:s" },
        "Credentials": {
            "AccessKeyId": "STS.a", "AccessKeySecret": "s", "SecurityToken": "t", "Expiration": DATE
        },
    });
    same::<AssumeRole>(session.clone(), |reply| Reply::Sts(R::AssumeRole(reply)));
    let mut with_token = session;
    with_token["OIDCTokenInfo"] = json!({
        "Subject": "s", "Issuer": "i", "ClientIds": "a,b", "ExpirationTime": DATE, "IssuanceTime": DATE,
        "VerificationInfo": "Success"
    });
    same::<AssumeRoleWithOIDC>(with_token, |reply| Reply::Sts(R::AssumeRoleWithOIDC(reply)));
    let identity = json!({
        "IdentityType": "RAMUser", "AccountId": "1", "PrincipalId": "2", "UserId": "2", "Arn": "acs:ram::1:user/u"
    });
    same::<GetCallerIdentity>(identity.clone(), |reply| Reply::Sts(R::GetCallerIdentity(reply)));
    let mut as_on_one_page = identity;
    as_on_one_page["IdentityType"] = json!("RamUser");
    assert_eq!(read::<GetCallerIdentityReply>(as_on_one_page).identity_type, IdentityType::RamUser);
}

#[test]
fn lists_in_xml_have_the_elements_of_the_cloud() {
    let reply: ListPoliciesReply = read(json!({
        "Policies": { "Policy": [{
            "PolicyName": "p", "PolicyType": "Custom", "DefaultVersion": "v1", "CreateDate": DATE, "AttachmentCount": 1
        }] },
        "IsTruncated": false,
    }));
    assert_eq!(
        *render_reply(ReplyFormat::Xml, &Reply::Ram(ram::Reply::ListPolicies(reply)), "r-1"),
        "<ListPoliciesResponse><Policies><Policy><PolicyName>p</PolicyName><PolicyType>Custom</PolicyType><Description/>\
         <DefaultVersion>v1</DefaultVersion><CreateDate>2015-01-23T12:33:18Z</CreateDate>\
         <AttachmentCount>1</AttachmentCount></Policy></Policies><IsTruncated>false</IsTruncated>\
         <RequestId>r-1</RequestId></ListPoliciesResponse>"
    );
}

#[test]
fn tags_are_one_json_text() {
    let request =
        parse::<CreatePolicy>(r#"PolicyName=p&PolicyDocument={}&Tag=[{"Key":"a","Value":"b"},{"Key":"c"}]"#)
            .unwrap();
    let tag = |key: &str, value: Option<&str>| Tag { key: key.into(), value: value.map(str::to_owned) };
    assert_eq!(request.tag, Some(JsonList(vec![tag("a", Some("b")), tag("c", None)])));
}
