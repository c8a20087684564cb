# Admits one member organization: what hub-member.yaml is for CloudFormation. One for each, beside the hub; its outputs are the
# variables of the spoke. The organization has to be among the hub's `member_organization_ids`, too.

data "aws_partition" "current" {}
data "aws_region" "current" {}

resource "aws_iam_role" "member" {
  name                 = "${var.prefix}-member-${var.organization_id}"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = "What the spoke of ${var.organization_id} may do in this account"
  max_session_duration = 3600
  tags = {
    application  = "pmp-sync"
    component    = "hub-member"
    experience   = var.experience_id
    organization = var.organization_id
  }
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        # The account, narrowed to the one role: the role as principal would be refused before it is there, and would be lost
        # without a word when it is made anew.
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${var.spoke_account_id}:root" }
        Action    = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "sts:ExternalId"     = var.hub_external_id
            "aws:PrincipalOrgID" = var.organization_id
          }
          ArnEquals = {
            "aws:PrincipalArn" = "arn:${data.aws_partition.current.partition}:iam::${var.spoke_account_id}:role${var.spoke_role_path}${var.prefix}-spoke"
          }
        }
      }
    ]
  })
}

resource "aws_iam_role_policy" "member" {
  name = "member"
  role = aws_iam_role.member.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "ReadSnapshots"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource = var.snapshots_table_arn
      },
      # Receipts, the sign of life and the lease. `ForAllValues` alone would hold for a request that names no key, hence `Null`.
      {
        Sid      = "KeepItsOwnReceipts"
        Effect   = "Allow"
        Action   = "dynamodb:PutItem"
        Resource = var.timestamps_table_arn
        Condition = {
          "ForAllValues:StringEquals" = { "dynamodb:LeadingKeys" = [var.organization_id] }
          Null                        = { "dynamodb:LeadingKeys" = "false" }
        }
      },
      # Beside them what the hub's operators say about this organization, and how far the hub ever came: no member can write
      # either.
      {
        Sid      = "ReadWhatConcernsIt"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource = var.timestamps_table_arn
        Condition = {
          "ForAllValues:StringEquals" = {
            "dynamodb:LeadingKeys" = [var.organization_id, "hub#${var.organization_id}", "hub#heads"]
          }
          Null = { "dynamodb:LeadingKeys" = "false" }
        }
      }
      ], var.tables_key_arn == null ? [] : [
      # DynamoDB uses a key of one's own in the name of whoever calls it.
      {
        Sid       = "UseTheKeyOfTheTables"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = var.tables_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${data.aws_region.current.id}.amazonaws.com" } }
      }
    ])
  })
}
