"""Organizations: what its members and administrators may know of it."""

import pytest

from clients import REFUSED, refused

PRIVATE_MARKETPLACE = "private-marketplace.marketplace.amazonaws.com"


def ask(caller):
    return caller.client("organizations")


def test_every_member_knows_its_organization(management, delegate, member, organization):
    for caller in (management, delegate, member):
        found = ask(caller).describe_organization()["Organization"]
        assert found["Id"] == organization.id
        assert found["MasterAccountId"] == organization.management
        assert found["Arn"] == f"arn:aws:organizations::{organization.management}:organization/{organization.id}"
        account = f"arn:aws:organizations::{organization.management}:account/{organization.id}/{organization.management}"
        assert found["MasterAccountArn"] == account
        assert found["FeatureSet"] == "ALL"
        assert "@" in found["MasterAccountEmail"]


def test_who_is_in_no_organization_is_told_so(outsider):
    refused("AWSOrganizationsNotInUseException", 400, ask(outsider).describe_organization)


def test_administrators_list_accounts(management, delegate, organization):
    for caller in (management, delegate):
        pages = ask(caller).get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
        accounts = {account["Id"]: account for page in pages for account in page["Accounts"]}
        assert set(accounts) == {organization.management, organization.delegate, organization.member}
        assert accounts[organization.member]["Status"] == "ACTIVE"
        assert accounts[organization.member]["Arn"].endswith(f":account/{organization.id}/{organization.member}")


def test_a_plain_member_lists_nothing(member):
    refused("AccessDeniedException", 400, ask(member).list_accounts)
    refused("AccessDeniedException", 400, ask(member).list_delegated_administrators)


def test_an_account_is_described(management, organization):
    account = ask(management).describe_account(AccountId=organization.member)["Account"]
    assert account["Id"] == organization.member
    assert "@" in account["Email"] and account["Name"]
    refused("AccountNotFoundException", 400, ask(management).describe_account, AccountId="888888888888")


@pytest.mark.parametrize("service", [None, PRIVATE_MARKETPLACE])
def test_delegated_administrators_are_listed(management, organization, service):
    more = {"ServicePrincipal": service} if service else {}
    found = ask(management).list_delegated_administrators(**more)["DelegatedAdministrators"]
    assert [account["Id"] for account in found] == [organization.delegate]


def test_delegated_administrators_of_another_service_are_not_these(management):
    found = ask(management).list_delegated_administrators(ServicePrincipal="config.amazonaws.com")
    assert found["DelegatedAdministrators"] == []


def test_the_cli_describes_the_organization(management, outsider, organization):
    described = ["organizations", "describe-organization"]
    assert management.aws(*described).json["Organization"]["Id"] == organization.id
    accounts = management.aws("organizations", "list-accounts", "--query", "length(Accounts)", "--output", "text")
    assert accounts.out == "3\n"
    refused_to = outsider.aws(*described)
    assert refused_to.code == REFUSED
    said = "An error occurred (AWSOrganizationsNotInUseException) when calling the DescribeOrganization operation"
    assert said in refused_to.err
