//! Organizations, several at once: who is in which, who may ask, delegated administrators, pages.

use aws_sdk_organizations::types::AccountState;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use pmp_local_aws::World;
use pmp_local_aws::world::Organization;

use crate::rig::{DELEGATE, EMPLOYEE, HUB, MEMBER, OUTSIDER, Rig, world};

const PRIVATE_MARKETPLACE: &str = "private-marketplace.marketplace.amazonaws.com";

fn client(rig: &Rig, account: &str) -> aws_sdk_organizations::Client {
    aws_sdk_organizations::Client::new(&rig.account(account))
}

#[tokio::test]
async fn each_account_has_its_own_organization() {
    let rig = Rig::start(world()).await;
    for (account, id, master) in [
        (HUB, "o-hub0000000", HUB),
        (MEMBER, "o-member0000", MEMBER),
        (DELEGATE, "o-member0000", MEMBER),
        (EMPLOYEE, "o-member0000", MEMBER),
    ] {
        let answer = client(&rig, account).describe_organization().send().await.unwrap();
        let found = answer.organization.unwrap();
        assert_eq!((found.id(), found.master_account_id()), (Some(id), Some(master)));
        assert_eq!(found.arn(), Some(format!("arn:aws:organizations::{master}:organization/{id}").as_str()));
        assert!(found.master_account_email().is_some_and(|email| email.contains('@')));
    }
    let error = client(&rig, OUTSIDER).describe_organization().send().await.unwrap_err();
    assert_eq!(error.code(), Some("AWSOrganizationsNotInUseException"));
}

#[tokio::test]
async fn only_administrators_ask_about_accounts() {
    let rig = Rig::start(world()).await;
    for administrator in [MEMBER, DELEGATE] {
        let listed = client(&rig, administrator).list_accounts().send().await.unwrap();
        let ids: Vec<_> = listed.accounts().iter().filter_map(|account| account.id()).collect();
        assert_eq!(ids, [MEMBER, DELEGATE, EMPLOYEE]);
        let account = client(&rig, administrator).describe_account().account_id(EMPLOYEE).send().await.unwrap();
        let account = account.account.unwrap();
        assert_eq!(account.state(), Some(&AccountState::Active));
        assert_eq!(account.name(), Some(format!("Member {EMPLOYEE}").as_str()));
        assert!(account.joined_timestamp().is_some());
    }
    let error = client(&rig, EMPLOYEE).list_accounts().send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    let error = client(&rig, HUB).describe_account().account_id(EMPLOYEE).send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccountNotFoundException"), "another organization's account");
}

#[tokio::test]
async fn delegated_administrators_are_told_with_their_service() {
    let rig = Rig::start(world()).await;
    let delegates = async |account: &str, service: Option<&str>| {
        let asked =
            client(&rig, account).list_delegated_administrators().set_service_principal(service.map(Into::into));
        let answer = asked.send().await.unwrap();
        answer.delegated_administrators.unwrap_or_default().into_iter().filter_map(|d| d.id).collect::<Vec<_>>()
    };
    assert_eq!(delegates(MEMBER, Some(PRIVATE_MARKETPLACE)).await, [DELEGATE]);
    assert_eq!(delegates(DELEGATE, None).await, [DELEGATE]);
    assert!(delegates(MEMBER, Some("guardduty.amazonaws.com")).await.is_empty());
    assert!(delegates(HUB, None).await.is_empty());
    let services =
        client(&rig, MEMBER).list_delegated_services_for_account().account_id(DELEGATE).send().await.unwrap();
    assert_eq!(services.delegated_services()[0].service_principal(), Some(PRIVATE_MARKETPLACE));
    let error = client(&rig, MEMBER).list_delegated_services_for_account().account_id(EMPLOYEE).send().await;
    assert_eq!(error.unwrap_err().code(), Some("AccountNotRegisteredException"));
    let enabled = client(&rig, MEMBER).list_aws_service_access_for_organization().send().await.unwrap();
    assert_eq!(enabled.enabled_service_principals()[0].service_principal(), Some(PRIVATE_MARKETPLACE));
}

#[tokio::test]
async fn accounts_come_in_pages_each_once() {
    let organization = (0..45).fold(Organization::new("o-large00000", "Large", HUB), |organization, n| {
        organization.with_member(&format!("3333333333{n:02}"))
    });
    let rig = Rig::start(World { organizations: vec![organization], ..World::default() }).await;
    let pages = client(&rig, HUB).list_accounts().into_paginator().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    let accounts = pages.iter().flat_map(|page| page.accounts());
    let ids: Vec<_> = accounts.filter_map(|account| account.id()).collect();
    assert_eq!(pages.len(), 3);
    assert_eq!(ids.len(), 46);
    assert!(ids.is_sorted());
    let error = client(&rig, HUB).list_accounts().max_results(50).send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidInputException"));
    let error = client(&rig, HUB).list_accounts().next_token("elsewhere").send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidInputException"));
}

#[tokio::test]
async fn the_root_holds_every_account_of_its_organization() {
    let rig = Rig::start(world()).await;
    let roots = client(&rig, MEMBER).list_roots().send().await.unwrap();
    let root = roots.roots()[0].id().unwrap();
    let accounts = client(&rig, MEMBER).list_accounts_for_parent().parent_id(root).send().await.unwrap();
    assert_eq!(accounts.accounts().len(), 3);
    let error = client(&rig, MEMBER).create_account().account_name("new").email("a@example.com").send().await;
    assert!(error.unwrap_err().message().is_some_and(|message| message.contains("world file")));
}
