# A hub, and all of its members by one map: `terraform apply` admits whoever is new in it. Each member's spoke is a configuration of its
# own, in its account, with the module `spoke` and the values of the output `members`: a provider cannot be chosen by `for_each`.

provider "aws" {
  region = "us-east-1" # where the Marketplace Catalog API is
}

locals {
  # A topic's policy takes four lists of organizations, and the first one is in the function's environment, too. Each member says which one
  # it is in: by their order, a new one would move another one out of the first.
  lists = [for number in range(1, 5) : sort([for organization, one in var.members : organization if one.list == number])]
}

module "hub" {
  source                         = "../../hub"
  experience_id                  = var.experience_id
  code_bucket                    = var.code_bucket
  code_key                       = var.code_key
  member_organization_ids        = local.lists[0]
  second_member_organization_ids = local.lists[1]
  third_member_organization_ids  = local.lists[2]
  fourth_member_organization_ids = local.lists[3]
}

module "member" {
  source   = "../../hub-member"
  for_each = var.members

  organization_id      = each.key
  spoke_account_id     = each.value.account_id
  hub_external_id      = each.value.external_id
  prefix               = module.hub.prefix
  experience_id        = module.hub.experience_id
  snapshots_table_arn  = module.hub.snapshots_table_arn
  timestamps_table_arn = module.hub.timestamps_table_arn
  topic_arn            = module.hub.topic_arn
  tables_key_arn       = module.hub.tables_key_arn
}
