# The spoke of one member organization for one management experience: what spoke.yaml is for CloudFormation, under the same
# names. The provider has to be in us-east-1, where the catalog is.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_region" "current" {
  lifecycle {
    postcondition {
      condition     = self.id == "us-east-1"
      error_message = "The Marketplace Catalog API is in us-east-1 alone; deploy there."
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

  # A delegated administrator's change sets may be its own, or the management account's.
  change_sets = [for account in distinct([local.account, local.owner]) : "arn:${local.partition}:aws-marketplace:${local.region}:${account}:AWSMarketplace/ChangeSet/*"]
  # The account is any, as in spoke.yaml: the id says whose it is.
  experiences = length(var.member_experience_ids) == 0 ? ["${local.entities}/Experience/*"] : [
    for id in var.member_experience_ids : "arn:aws:aws-marketplace:us-east-1:*:AWSMarketplace/Experience/${id}"
  ]
  change_types = concat(
    ["AllowProductProcurement", "DenyProductProcurement"],
    var.sync_settings ? ["UpdateProcurementPolicy"] : []
  )
  filter = (
    var.filter_bucket != null ? "s3://${var.filter_bucket}/${coalesce(var.filter_key, "-")}" :
    var.filter_layer_arn != null ? var.filter_path :
    var.filter_name != null ? var.filter_name : ""
  )
  filter_config = (
    var.filter_config_bucket != null ? "@s3://${var.filter_config_bucket}/${coalesce(var.filter_config_key, "-")}" :
    var.filter_config != null ? var.filter_config : ""
  )

  tags = {
    application = "pmp-sync"
    component   = "spoke"
    experience  = var.experience_id
  }
}

# The queue, as `pmp-spoke init` makes it.

resource "aws_sqs_queue" "snapshots" {
  name = "${var.prefix}-snapshots"
  # AWS asks for six times the function's.
  visibility_timeout_seconds = 6 * var.timeout
  message_retention_seconds  = 1209600
  max_message_size           = 262144
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  # Ten, so that a first sync may take several invocations.
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn, maxReceiveCount = 10 })
  tags           = local.tags
}

# Messages that are not understood, that were received too often, and that could not be delivered to the queue.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.prefix}-snapshots-dead-letters"
  message_retention_seconds = 1209600
  max_message_size          = 262144
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = ["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.prefix}-snapshots"]
  })
  tags = local.tags
}

resource "aws_sqs_queue_policy" "spoke" {
  for_each = {
    snapshots    = aws_sqs_queue.snapshots
    dead_letters = aws_sqs_queue.dead_letters
  }

  queue_url = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "HubTopic"
        Effect    = "Allow"
        Principal = { Service = "sns.amazonaws.com" }
        Action    = "sqs:SendMessage"
        Resource  = each.value.arn
        Condition = { ArnEquals = { "aws:SourceArn" = var.topic_arn } }
      },
      {
        Sid       = "EncryptedTransport"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
    ]
  })
}

# The queue's owner subscribes it: then there is nothing to confirm.
resource "aws_sns_topic_subscription" "snapshots" {
  topic_arn            = var.topic_arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.snapshots.arn
  raw_message_delivery = true
  # Not for a topic of one management experience: SNS takes two hundred filter policies a topic.
  filter_policy  = var.shared_topic ? jsonencode({ experience = [var.experience_id] }) : null
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })
  # Not before SNS may deliver.
  depends_on = [aws_sqs_queue_policy.spoke]
}

# The function.

module "function" {
  source = "../modules/function"

  name                     = "${var.prefix}-spoke"
  description              = "pmp-sync spoke of ${var.organization_id} for ${var.experience_id}"
  role_description         = "What pmp-spoke may do as a Lambda function"
  role_path                = var.spoke_role_path
  permissions_boundary_arn = var.permissions_boundary_arn
  policy_name              = "spoke"
  architecture             = var.architecture
  code_bucket              = var.code_bucket
  code_key                 = var.code_key
  layers                   = var.filter_layer_arn == null ? [] : [var.filter_layer_arn]
  memory_size              = var.memory_size
  timeout                  = var.timeout
  kms_key_arn              = var.kms_key_arn
  log_retention_days       = var.log_retention_days
  tags                     = local.tags

  trust_statements = length(var.operator_principal_arns) == 0 ? [] : [
    # People, on a machine of their own. The account as principal, narrowed to those who are named, as in hub-member.
    {
      Sid       = "Operators"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = "sts:AssumeRole"
      Condition = { ArnLike = { "aws:PrincipalArn" = var.operator_principal_arns } }
    }
  ]
  statements = concat([
    {
      Sid      = "ActInTheHub"
      Effect   = "Allow"
      Action   = "sts:AssumeRole"
      Resource = [var.hub_role_arn]
    },
    {
      Sid      = "TakeMessages"
      Effect   = "Allow"
      Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      Resource = [aws_sqs_queue.snapshots.arn]
    },
    {
      Sid      = "SetAsideWhatIsNotUnderstood"
      Effect   = "Allow"
      Action   = "sqs:SendMessage"
      Resource = [aws_sqs_queue.dead_letters.arn]
    },
    # AWS has no resource for these two.
    {
      Sid      = "FindExperiencesAndChangeSets"
      Effect   = "Allow"
      Action   = ["aws-marketplace:ListChangeSets", "aws-marketplace:ListEntities"]
      Resource = ["*"]
    },
    {
      Sid      = "FollowChangeSets"
      Effect   = "Allow"
      Action   = "aws-marketplace:DescribeChangeSet"
      Resource = local.change_sets
    },
    {
      Sid      = "ReadExperiences"
      Effect   = "Allow"
      Action   = "aws-marketplace:DescribeEntity"
      Resource = ["${local.entities}/Experience/*", "${local.entities}/ProcurementPolicy/*"]
    },
    # Whatever else this role is given some day: who sees an experience, how it looks, and whether it is in force, is not a spoke's to
    # say. Every type but those above, whichever AWS has or will have; AWS sends the type with each of these requests.
    {
      Sid       = "NeverTheExperienceItself"
      Effect    = "Deny"
      Action    = "aws-marketplace:StartChangeSet"
      Resource  = ["*"]
      Condition = { StringNotEquals = { "catalog:ChangeType" = local.change_types } }
    }
    # What only observes may start nothing.
    ], var.mode == "observe" ? [] : [
    {
      Sid       = "ChangeExperiences"
      Effect    = "Allow"
      Action    = "aws-marketplace:StartChangeSet"
      Resource  = local.experiences
      Condition = { StringEquals = { "catalog:ChangeType" = local.change_types } }
    },
    {
      Sid       = "StartChangeSets"
      Effect    = "Allow"
      Action    = "aws-marketplace:StartChangeSet"
      Resource  = local.change_sets
      Condition = { StringEquals = { "catalog:ChangeType" = local.change_types } }
    }
    ], var.mode != "observe" ? [] : [
    {
      Sid      = "NeverAnyChange"
      Effect   = "Deny"
      Action   = "aws-marketplace:StartChangeSet"
      Resource = ["*"]
    }
    ], var.filter_bucket == null ? [] : [
    {
      Sid      = "LoadTheFilter"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = ["arn:${local.partition}:s3:::${var.filter_bucket}/${coalesce(var.filter_key, "-")}"]
    }
    ], length(var.filter_object_arns) == 0 ? [] : [
    {
      Sid      = "LoadTheFiltersOfRules"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = var.filter_object_arns
    }
    ], var.filter_config_bucket == null ? [] : [
    {
      Sid      = "ReadTheFiltersSettings"
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = ["arn:${local.partition}:s3:::${var.filter_config_bucket}/${coalesce(var.filter_config_key, "-")}"]
    }
    ], var.kms_key_arn == null ? [] : [
    # SQS uses a key of one's own in the name of whoever calls it.
    {
      Sid       = "UseTheKey"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = [var.kms_key_arn]
      Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.amazonaws.com" } }
    }
    ], !contains(["true", "own"], var.product_attributes) ? [] : [
    # The patterns of AWS's own policies.
    {
      Sid      = "LookProductsUp"
      Effect   = "Allow"
      Action   = "aws-marketplace:GetProduct"
      Resource = ["arn:${local.partition}:aws-marketplace:::catalog/AWSMarketplace*/product/*"]
    },
    {
      Sid      = "SearchListings"
      Effect   = "Allow"
      Action   = "aws-marketplace:SearchListings"
      Resource = ["arn:${local.partition}:aws-marketplace:::catalog/AWSMarketplace*/listing/*"]
    }
  ])

  environment = {
    PMP_EXPERIENCE_ID = var.experience_id
    PMP_QUEUE_URL     = aws_sqs_queue.snapshots.id
    # Not for the function: for who runs `doctor` with its settings.
    PMP_TOPIC_ARN            = var.topic_arn
    PMP_SNAPSHOTS_TABLE      = var.snapshots_table_arn
    PMP_TIMESTAMPS_TABLE     = var.timestamps_table_arn
    PMP_HUB_ROLE_ARN         = var.hub_role_arn
    PMP_HUB_EXTERNAL_ID      = var.hub_external_id
    PMP_ORG_ID               = var.organization_id
    PMP_TRUSTED_KEYS         = var.trusted_keys == null ? "" : var.trusted_keys
    MEMBER_EXPERIENCE_IDS    = join(",", var.member_experience_ids)
    PMP_FILTER               = local.filter
    PMP_FILTER_DIGEST        = var.filter_digest == null ? "" : var.filter_digest
    PMP_FILTER_CONFIG        = local.filter_config
    PMP_FILTERS              = var.filters == null ? "" : var.filters
    PMP_PRODUCT_ATTRIBUTES   = var.product_attributes
    PMP_FILTER_SHARE         = var.filter_share
    PMP_MAX_REMOVED_PERCENT  = tostring(var.max_removed_percent)
    PMP_MAX_REMOVED_PRODUCTS = var.max_removed_products == null ? "" : tostring(var.max_removed_products)
    PMP_GUARD_WINDOW         = var.guard_window == null ? "" : var.guard_window
    PMP_SYNC_SETTINGS        = tostring(var.sync_settings)
    PMP_KEEP_DECISIONS       = tostring(var.keep_decisions)
    PMP_KEEP_DECISIONS_FOR   = var.keep_decisions_for == null ? "" : var.keep_decisions_for
    PMP_MODE                 = var.mode
    PMP_DRIFT                = var.drift
    PMP_CHANGE_WINDOWS       = var.change_windows
    PMP_METRICS              = var.metrics
    PMP_LOG                  = var.log_level
  }

  requirements = [
    {
      condition     = alltrue([for one in var.operator_principal_arns : split(":", one)[4] == local.account])
      error_message = "operator_principal_arns names a role or user of another account; only those of the spoke's own can act as its role."
    },
    {
      condition     = var.filter_name == null || (var.filter_layer_arn == null && var.filter_bucket == null)
      error_message = "The filter is built in, or comes from a layer or a bucket; only one of them."
    },
    {
      condition     = var.product_attributes != "false" || !contains(["exclude-vendors", "only-categories"], coalesce(var.filter_name, "-"))
      error_message = "This filter decides by vendors or categories, and needs product_attributes."
    },
    {
      condition     = length(var.filter_object_arns) == 0 || var.filters != null
      error_message = "filter_object_arns are what the rules of filters name; give filters, too."
    },
    {
      condition     = var.filter_bucket == null || (var.filter_layer_arn == null && var.filter_key != null && var.filter_digest != null)
      error_message = "The filter comes from a layer or from a bucket, not from both; filter_bucket needs filter_key and filter_digest."
    },
    {
      condition     = var.filter_config_bucket == null || (var.filter_config == null && var.filter_config_key != null)
      error_message = "The filter's settings stand in filter_config or come from a bucket, not both; filter_config_bucket needs filter_config_key."
    },
  ]
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
  from = aws_lambda_function.spoke
  to   = module.function.aws_lambda_function.function
}

resource "aws_lambda_event_source_mapping" "messages" {
  function_name           = module.function.arn
  event_source_arn        = aws_sqs_queue.snapshots.arn
  enabled                 = !var.paused
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = local.tags
  # The least that AWS takes. The organization's lease keeps two apart.
  scaling_config {
    maximum_concurrency = 2
  }
}
