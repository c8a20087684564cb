"""Marketplace Discovery: GetProduct and SearchListings, answered from the products of the world."""

import pytest

import world
from clients import REFUSED, refused

BY_ID = {product["id"]: product for product in world.PRODUCTS}
# The API's own names of the fulfillment types in the world.
FULFILLMENT = {
    "prod-observability1": "SAAS",
    "prod-database00001": "CONTAINER",
    "prod-firewall00001": "AMAZON_MACHINE_IMAGE",
}


@pytest.fixture
def discovery(outsider):
    # Any customer may ask: the caller needs no organization.
    return outsider.client("marketplace-discovery")


def found(answer):
    """The product ids of listings."""
    entities = [entity for one in answer["listingSummaries"] for entity in one["associatedEntities"]]
    return sorted(entity["product"]["productId"] for entity in entities)


def everything(discovery, **asked):
    pages = discovery.get_paginator("search_listings").paginate(**asked)
    return [product for page in pages for product in found(page)]


@pytest.mark.parametrize("product", BY_ID)
def test_a_product_has_its_name_maker_categories_and_fulfillment(discovery, product):
    answer = discovery.get_product(productId=product)
    expected = BY_ID[product]
    assert answer["productId"] == product
    assert answer["catalog"] == "AWSMarketplace"
    assert answer["productName"] == expected["name"]
    assert answer["manufacturer"]["displayName"] == expected["manufacturer"]
    assert [category["displayName"] for category in answer["categories"]] == expected["categories"]
    kinds = [option["fulfillmentOptionType"] for option in answer["fulfillmentOptionSummaries"]]
    assert kinds == [FULFILLMENT[product]]


def test_an_unknown_product_is_not_found(discovery):
    refused("ResourceNotFoundException", 404, discovery.get_product, productId="prod-nowhere")


@pytest.mark.parametrize("wrong", [{}, {"productId": ""}, {"productId": 7}, {"productId": "x" * 256}], ids=str)
def test_parameters_out_of_form_are_invalid(outsider, wrong):
    call = outsider.client("marketplace-discovery", checked=False).get_product
    refused("ValidationException", 400, call, **wrong)


def test_a_search_without_words_finds_everything(discovery):
    answer = discovery.search_listings()
    assert answer["totalResults"] == len(BY_ID)
    assert found(answer) == sorted(BY_ID)
    names = {one["listingName"]: one["publisher"]["displayName"] for one in answer["listingSummaries"]}
    assert names == {product["name"]: product["manufacturer"] for product in world.PRODUCTS}


def test_a_search_finds_words(discovery):
    assert everything(discovery, searchText="harbor") == ["prod-firewall00001", "prod-observability1"]
    assert everything(discovery, searchText="Harbor Firewall") == ["prod-firewall00001"]
    assert everything(discovery, searchText="nothing like it") == []


def test_filters_narrow(discovery):
    def filtered(kind, *values):
        return everything(discovery, filters=[{"filterType": kind, "filterValues": list(values)}])

    assert filtered("FULFILLMENT_OPTION_TYPE", "SAAS", "CONTAINER") == ["prod-database00001", "prod-observability1"]
    assert filtered("PRODUCT_ID", "prod-firewall00001", "prod-nowhere") == ["prod-firewall00001"]
    assert filtered("NUMBER_OF_PRODUCTS", "SINGLE_PRODUCT") == sorted(BY_ID)
    product = discovery.get_product(productId="prod-database00001")
    assert filtered("PUBLISHER", product["manufacturer"]["sellerProfileId"]) == ["prod-database00001"]
    assert filtered("CATEGORY", product["categories"][0]["categoryId"]) == ["prod-database00001"]


def test_pages_hold_everything_once(discovery):
    assert everything(discovery, PaginationConfig={"PageSize": 1}) == sorted(BY_ID)
    assert everything(discovery, PaginationConfig={"PageSize": 2}) == sorted(BY_ID)


@pytest.mark.parametrize(
    "wrong",
    [
        {"maxResults": 0},
        {"maxResults": 101},
        {"nextToken": "%%%"},
        {"filters": [{"filterType": "COLOUR", "filterValues": ["red"]}]},
        {"filters": [{"filterType": "PRODUCT_ID", "filterValues": []}]},
        {"filters": [{"filterType": "PRODUCT_ID", "filterValues": [f"prod-{number}" for number in range(31)]}]},
    ],
    ids=str,
)
def test_searches_out_of_form_are_invalid(outsider, wrong):
    call = outsider.client("marketplace-discovery", checked=False).search_listings
    refused("ValidationException", 400, call, **wrong)


def test_the_cli_asks(outsider):
    asked = ["marketplace-discovery", "get-product", "--product-id"]
    assert outsider.aws(*asked, "prod-database00001").json["productName"] == "Quarry Database"
    listings = outsider.aws("marketplace-discovery", "search-listings", "--search-text", "lighthouse").json
    assert [one["listingName"] for one in listings["listingSummaries"]] == ["Lighthouse Observability"]
    missing = outsider.aws(*asked, "prod-nowhere")
    assert missing.code == REFUSED
    assert "An error occurred (ResourceNotFoundException) when calling the GetProduct operation" in missing.err
