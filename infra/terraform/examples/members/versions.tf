terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 5.94.0 cannot read a subscription to another account's topic (hashicorp/terraform-provider-aws, 42115). A new major version
      # may take away what these modules use.
      version = ">= 5.80, != 5.94.0, < 7.0"
    }
  }
}
