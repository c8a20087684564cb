# The hub: what hub.yaml is for CloudFormation, under the same names. Reads management experiences of AWS Private
# Marketplace, keeps their snapshots, and announces them. The provider has to be in us-east-1, where the catalog is.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = self.id == "us-east-1"
      error_message = "The Marketplace Catalog API and its events are in us-east-1 alone; deploy there."
    }
  }
}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  # Its name, by an attribute that versions 5 and 6 of the provider both have without a warning.
  region   = data.aws_region.current.id
  owner    = coalesce(var.catalog_account_id, local.account)
  entities = "arn:${local.partition}:aws-marketplace:${local.region}:${local.owner}:AWSMarketplace"

  # The schedule and the alarms' period are the same time, worded differently.
  intervals = {
    "15m" = { rate = "rate(15 minutes)", seconds = 900 }
    "30m" = { rate = "rate(30 minutes)", seconds = 1800 }
    "1h"  = { rate = "rate(1 hour)", seconds = 3600 }
    "2h"  = { rate = "rate(2 hours)", seconds = 7200 }
    "3h"  = { rate = "rate(3 hours)", seconds = 10800 }
    "6h"  = { rate = "rate(6 hours)", seconds = 21600 }
    "12h" = { rate = "rate(12 hours)", seconds = 43200 }
  }
  interval = local.intervals[var.interval]
  silence  = try(tonumber(regex("^[0-9]+", var.stale_after)) * { s = 1, m = 60, h = 3600, d = 86400 }[regex("[smhd]$", var.stale_after)], 0)

  # What is said of one experience may be waves, too.
  has_waves = var.waves != null || var.experiences != ""

  tags = {
    application = "pmp-sync"
    component   = "hub"
    experience  = var.experience_id
  }
}

# The ledger. Keys as `pmp-hub init` makes them.

resource "aws_dynamodb_table" "ledger" {
  for_each = {
    Snapshots      = "experience"
    SyncTimestamps = "organization"
  }

  name                        = "${var.prefix}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  deletion_protection_enabled = true
  hash_key                    = each.value
  range_key                   = "item"
  tags                        = merge(local.tags, { retained = "kept when the stack is deleted" })

  attribute {
    name = each.value
    type = "S"
  }
  attribute {
    name = "item"
    type = "S"
  }
  # What members record of their decisions and outcomes; receipts have no such attribute.
  dynamic "ttl" {
    for_each = each.key == "SyncTimestamps" ? ["expires_at"] : []
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }
  lifecycle {
    # To uninstall and keep them: `terraform state rm` first.
    prevent_destroy = true
  }
}

# The topic.

resource "aws_sns_topic" "snapshots" {
  name = "${var.prefix}-snapshots"
  # AWS's own key is enough, across accounts, too: the one publisher is in this account, and SNS decrypts before it delivers.
  kms_master_key_id = coalesce(var.kms_key_arn, "alias/aws/sns")
  tags              = merge(local.tags, { retained = "kept when the stack is deleted" })

  lifecycle {
    # Its subscriptions, which the members' configurations made, go with it. To uninstall and keep it: `terraform state rm` first.
    prevent_destroy = true
  }
}

# A topic has one policy for all members, and the queue's owner subscribes, because then there is nothing to confirm.
resource "aws_sns_topic_policy" "snapshots" {
  arn = aws_sns_topic.snapshots.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "EncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.snapshots.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
      ], length(var.member_organization_ids) == 0 ? [] : [
      {
        Sid       = "MemberOrganizationsSubscribe"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = "sns:Subscribe"
        Resource  = aws_sns_topic.snapshots.arn
        Condition = {
          StringEquals = {
            "aws:PrincipalOrgID" = var.member_organization_ids
            "sns:Protocol"       = "sqs"
          }
        }
      }
      ], length(var.second_member_organization_ids) == 0 ? [] : [
      {
        Sid       = "SecondMemberOrganizationsSubscribe"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = "sns:Subscribe"
        Resource  = aws_sns_topic.snapshots.arn
        Condition = {
          StringEquals = {
            "aws:PrincipalOrgID" = var.second_member_organization_ids
            "sns:Protocol"       = "sqs"
          }
        }
      }
      ], length(var.third_member_organization_ids) == 0 ? [] : [
      {
        Sid       = "ThirdMemberOrganizationsSubscribe"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = "sns:Subscribe"
        Resource  = aws_sns_topic.snapshots.arn
        Condition = {
          StringEquals = {
            "aws:PrincipalOrgID" = var.third_member_organization_ids
            "sns:Protocol"       = "sqs"
          }
        }
      }
      ], length(var.fourth_member_organization_ids) == 0 ? [] : [
      {
        Sid       = "FourthMemberOrganizationsSubscribe"
        Effect    = "Allow"
        Principal = { AWS = "*" }
        Action    = "sns:Subscribe"
        Resource  = aws_sns_topic.snapshots.arn
        Condition = {
          StringEquals = {
            "aws:PrincipalOrgID" = var.fourth_member_organization_ids
            "sns:Protocol"       = "sqs"
          }
        }
      }
    ])
  })
}

# The function.

module "function" {
  source = "../modules/function"

  name                     = "${var.prefix}-hub"
  description              = "pmp-sync hub of ${var.experience_id}"
  role_description         = "What pmp-hub may do as a Lambda function"
  role_path                = var.role_path
  permissions_boundary_arn = var.permissions_boundary_arn
  policy_name              = "hub"
  architecture             = var.architecture
  code_bucket              = var.code_bucket
  code_key                 = var.code_key
  memory_size              = var.memory_size
  timeout                  = var.timeout
  reserved_concurrency     = coalesce(var.reserved_concurrency, -1)
  kms_key_arn              = var.kms_key_arn
  log_retention_days       = var.log_retention_days
  tags                     = local.tags

  statements = concat([
    {
      Sid    = "ReadTheManagementExperience"
      Effect = "Allow"
      Action = "aws-marketplace:DescribeEntity"
      # Which policy is the experience's, only the experience says.
      Resource = ["${local.entities}/Experience/${var.experience_id}", "${local.entities}/ProcurementPolicy/*"]
    },
    # TransactWriteItems asks for PutItem and UpdateItem. DeleteItem is not among them: old versions go by BatchWriteItem.
    {
      Sid    = "KeepSnapshots"
      Effect = "Allow"
      Action = [
        "dynamodb:BatchWriteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
      ]
      Resource = aws_dynamodb_table.ledger["Snapshots"].arn
    },
    # Each organization by itself; the table as a whole only to find who writes without being admitted.
    {
      Sid      = "LookAtTheSpokes"
      Effect   = "Allow"
      Action   = ["dynamodb:Query", "dynamodb:Scan"]
      Resource = aws_dynamodb_table.ledger["SyncTimestamps"].arn
    },
    # Its own notes: the highest version, what operations was told, the audit. With waves, whose turn it is.
    {
      Sid      = "KeepTheHighWaterMark"
      Effect   = "Allow"
      Action   = ["dynamodb:GetItem", "dynamodb:PutItem"]
      Resource = aws_dynamodb_table.ledger["SyncTimestamps"].arn
      Condition = {
        "ForAllValues:StringLike" = {
          "dynamodb:LeadingKeys" = concat(["hub#audit", "hub#heads", "hub#told"], local.has_waves ? ["hub#directed", "hub#o-*"] : [])
        }
        # Without it, a request that names no key at all would pass.
        Null = { "dynamodb:LeadingKeys" = "false" }
      }
    },
    {
      Sid      = "Announce"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = aws_sns_topic.snapshots.arn
    },
    {
      Sid      = "SetAsideWhatFails"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = aws_sqs_queue.dead_letters.arn
    }
    ], length(var.more_experience_ids) == 0 ? [] : [
    # In any account, as hub.yaml says it. An id is one experience's in all of AWS.
    {
      Sid      = "ReadFurtherManagementExperiences"
      Effect   = "Allow"
      Action   = "aws-marketplace:DescribeEntity"
      Resource = [for id in var.more_experience_ids : "arn:${local.partition}:aws-marketplace:${local.region}:*:AWSMarketplace/Experience/${id}"]
    }
    ], var.notify_topic_arn == null ? [] : [
    {
      Sid      = "TellOperations"
      Effect   = "Allow"
      Action   = "sns:Publish"
      Resource = var.notify_topic_arn
    }
    ], !var.product_attributes ? [] : [
    # The patterns of AWS's own policies.
    {
      Sid      = "LookProductsUp"
      Effect   = "Allow"
      Action   = "aws-marketplace:GetProduct"
      Resource = "arn:${local.partition}:aws-marketplace:::catalog/AWSMarketplace*/product/*"
    },
    {
      Sid      = "SearchListings"
      Effect   = "Allow"
      Action   = "aws-marketplace:SearchListings"
      Resource = "arn:${local.partition}:aws-marketplace:::catalog/AWSMarketplace*/listing/*"
    }
    ], var.signing_key_arn == null ? [] : [
    {
      Sid      = "SignSnapshots"
      Effect   = "Allow"
      Action   = ["kms:GetPublicKey", "kms:Sign"]
      Resource = var.signing_key_arn
    }
    ], var.kms_key_arn == null ? [] : [
    # Services use a key of one's own in the name of whoever calls them.
    {
      Sid      = "UseTheKey"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
      Resource = var.kms_key_arn
      Condition = {
        StringEquals = {
          "kms:ViaService" = [for service in ["dynamodb", "sns", "sqs"] : "${service}.${local.region}.amazonaws.com"]
        }
      }
    }
  ])

  environment = {
    PMP_EXPERIENCE_ID        = var.experience_id
    PMP_EXPERIENCES          = var.experiences != "" || length(var.more_experience_ids) == 0 ? var.experiences : join(",", concat([var.experience_id], var.more_experience_ids))
    PMP_SNAPSHOTS_TABLE      = aws_dynamodb_table.ledger["Snapshots"].arn
    PMP_TIMESTAMPS_TABLE     = aws_dynamodb_table.ledger["SyncTimestamps"].arn
    PMP_TOPIC_ARN            = aws_sns_topic.snapshots.arn
    PMP_MEMBER_ORGANIZATIONS = join(",", var.member_organization_ids)
    PMP_KEEP_VERSIONS        = tostring(var.keep_versions)
    PMP_SIGNING_KEY          = var.signing_key_arn == null ? "" : "awskms:///${var.signing_key_arn}"
    PMP_STATEMENT_LIFETIME   = var.statement_lifetime
    PMP_STALE_AFTER          = var.stale_after == null ? "" : var.stale_after
    PMP_MAX_HOLD             = var.max_hold == null ? "" : var.max_hold
    PMP_WAVES                = var.waves == null ? "" : var.waves
    PMP_CHANGE_WINDOWS       = var.change_windows
    PMP_INTERVAL             = var.interval
    PMP_PRODUCT_ATTRIBUTES   = tostring(var.product_attributes)
    PMP_NOTIFY_TOPIC_ARN     = var.notify_topic_arn == null ? "" : var.notify_topic_arn
    PMP_NOTIFY_FORMAT        = var.notify_format
    PMP_METRICS              = var.metrics
    PMP_LOG                  = var.log_level
  }

  requirements = [
    # Otherwise every member would be silent between two announcements.
    {
      condition     = var.stale_after == null || local.silence > local.interval.seconds
      error_message = "stale_after has to be longer than the interval. Leave it null, or give more."
    },
  ]
}

# For people: attach them to whom you like. To publish is neither's; whoever steers has the hub's function do it.

# Looks at everything, and writes nothing.
resource "aws_iam_policy" "observer" {
  name        = "${var.prefix}-observer"
  path        = var.role_path
  description = "Looks at the snapshots and the members of pmp-sync"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "LookAtTheSnapshots"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query"]
        Resource = aws_dynamodb_table.ledger["Snapshots"].arn
      },
      {
        Sid      = "LookAtTheMembers"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan"]
        Resource = aws_dynamodb_table.ledger["SyncTimestamps"].arn
      },
      {
        Sid      = "ReadTheSettings"
        Effect   = "Allow"
        Action   = "lambda:GetFunctionConfiguration"
        Resource = module.function.arn
      }
      ], var.kms_key_arn == null ? [] : [
      {
        Sid       = "UseTheKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:DescribeKey"]
        Resource  = var.kms_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "dynamodb.${local.region}.amazonaws.com" } }
      }
    ])
  })
}

# Confirms, pins and pauses, beside what the observer may. It stores no snapshot, and admits nobody.
resource "aws_iam_policy" "operator" {
  name        = "${var.prefix}-operator"
  path        = var.role_path
  description = "Confirms, pins and pauses in pmp-sync, together with the observer's policy"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      # What is said about organizations and about the fleet; not the roster, and nothing that members wrote.
      {
        Sid      = "SayWhatIsDirected"
        Effect   = "Allow"
        Action   = "dynamodb:PutItem"
        Resource = aws_dynamodb_table.ledger["SyncTimestamps"].arn
        Condition = {
          "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = ["hub#o-*", "hub#audit", "hub#directed", "hub#heads"] }
          Null                      = { "dynamodb:LeadingKeys" = "false" }
        }
      },
      {
        Sid      = "TakeConfirmationsBack"
        Effect   = "Allow"
        Action   = "dynamodb:DeleteItem"
        Resource = aws_dynamodb_table.ledger["SyncTimestamps"].arn
        Condition = {
          "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = "hub#o-*" }
          Null                      = { "dynamodb:LeadingKeys" = "false" }
        }
      },
      {
        Sid      = "Announce"
        Effect   = "Allow"
        Action   = "sns:Publish"
        Resource = aws_sns_topic.snapshots.arn
      },
      # Has the hub publish, which it does by what the management experience or a pin says.
      {
        Sid      = "HaveTheHubPublish"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = module.function.arn
      }
      ], var.signing_key_arn == null ? [] : [
      {
        Sid      = "SignWhatIsDirected"
        Effect   = "Allow"
        Action   = ["kms:GetPublicKey", "kms:Sign"]
        Resource = var.signing_key_arn
      }
      ], var.kms_key_arn == null ? [] : [
      {
        Sid      = "UseTheKey"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource = var.kms_key_arn
        Condition = {
          StringEquals = { "kms:ViaService" = [for service in ["dynamodb", "sns"] : "${service}.${local.region}.amazonaws.com"] }
        }
      }
    ])
  })
}

# What applied before there was a module for the function.
moved {
  from = aws_iam_role.function
  to   = module.function.aws_iam_role.function
}
moved {
  from = aws_iam_role_policy.function
  to   = module.function.aws_iam_role_policy.function
}
moved {
  from = aws_cloudwatch_log_group.function
  to   = module.function.aws_cloudwatch_log_group.function
}
moved {
  from = aws_lambda_function.hub
  to   = module.function.aws_lambda_function.function
}

# All that invokes this function does so asynchronously.
resource "aws_lambda_function_event_invoke_config" "hub" {
  function_name          = module.function.name
  qualifier              = "$LATEST"
  maximum_retry_attempts = 2
  # Older than this, the next schedule has answered it.
  maximum_event_age_in_seconds = 3600
  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

# Events that the function could not answer, and those that could not be brought to it.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.prefix}-hub-dead-letters"
  message_retention_seconds = 1209600
  max_message_size          = 262144
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = local.tags
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "RuleOfThisStack"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.change_events.arn } }
      },
      {
        Sid       = "EncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.dead_letters.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
    ]
  })
}

# What invokes it.

resource "aws_iam_role" "schedule" {
  name                 = "${var.prefix}-hub-schedule"
  path                 = var.role_path
  permissions_boundary = var.permissions_boundary_arn
  description          = "Has EventBridge Scheduler invoke the hub of pmp-sync"
  tags                 = local.tags
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "scheduler.amazonaws.com" }
        Action    = "sts:AssumeRole"
        # The group, since Scheduler asks in the name of a group and not of a schedule.
        Condition = {
          StringEquals = { "aws:SourceAccount" = local.account }
          ArnEquals    = { "aws:SourceArn" = "arn:${local.partition}:scheduler:${local.region}:${local.account}:schedule-group/default" }
        }
      }
    ]
  })
}

resource "aws_iam_role_policy" "schedule" {
  name = "schedule"
  role = aws_iam_role.schedule.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid      = "InvokeTheHub"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = module.function.arn
      },
      {
        Sid      = "SetAsideWhatCannotBeBrought"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = aws_sqs_queue.dead_letters.arn
      }
      ], var.kms_key_arn == null ? [] : [
      {
        Sid       = "UseTheKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = var.kms_key_arn
        Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.amazonaws.com" } }
      }
    ])
  })
}

# A rate without a start begins at once, so that the first snapshot is announced within a minute of the first deployment. All that
# the function needs for that is there before.
resource "aws_scheduler_schedule" "announce" {
  name                = "${var.prefix}-schedule"
  description         = "Has the hub announce its snapshot, changed or not"
  schedule_expression = local.interval.rate
  state               = "ENABLED"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = module.function.arn
    role_arn = aws_iam_role.schedule.arn
    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }
    retry_policy {
      maximum_event_age_in_seconds = 900
      maximum_retry_attempts       = 10
    }
  }
  depends_on = [
    aws_iam_role_policy.schedule,
    aws_lambda_function_event_invoke_config.hub,
    aws_sns_topic_policy.snapshots,
    aws_sqs_queue_policy.dead_letters,
  ]
}

# The events name no experience, or not ours, so the hub looks after every change set that succeeded, and after every request of a
# user that was approved, which may come without a change set; what did not succeed has changed nothing.
resource "aws_cloudwatch_event_rule" "change_events" {
  name        = "${var.prefix}-change-events"
  description = "Has the hub look after a change set of the catalog"
  event_pattern = jsonencode({
    source        = ["aws.marketplacecatalog", "aws.private-marketplace"]
    "detail-type" = ["Change Set Succeeded", "Product Request Approved"]
  })
  state = "ENABLED"
  tags  = local.tags
}

resource "aws_cloudwatch_event_target" "change_events" {
  rule      = aws_cloudwatch_event_rule.change_events.name
  target_id = "hub"
  arn       = module.function.arn
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
  retry_policy {
    maximum_event_age_in_seconds = 900
    maximum_retry_attempts       = 10
  }
}

resource "aws_lambda_permission" "change_events" {
  function_name = module.function.name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.change_events.arn
}

# What applied before there was a schedule of EventBridge Scheduler, under the same names.
moved {
  from = aws_cloudwatch_event_rule.hub["change-events"]
  to   = aws_cloudwatch_event_rule.change_events
}
moved {
  from = aws_cloudwatch_event_target.hub["change-events"]
  to   = aws_cloudwatch_event_target.change_events
}
moved {
  from = aws_lambda_permission.hub["change-events"]
  to   = aws_lambda_permission.change_events
}

# Lets change-events.yaml, in the account that owns the experience and in those that are named, bring events here. The provider knows no
# statement with a condition on the role or the rule, as hub.yaml has it, that would not replace the bus's whole policy: the accounts
# as a whole are let in.
resource "aws_cloudwatch_event_permission" "change_events" {
  for_each = toset(concat(local.owner == local.account ? [] : [local.owner], var.change_event_account_ids))

  statement_id = "${var.prefix}-change-events-${each.key}"
  principal    = each.key
}
