variable "prefix" {
  type        = string
  default     = "pmp-sync"
  description = "Begins every name. Has to be the hub's, because the hub lets in the role PREFIX-spoke. Two management experiences in one account have two."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.prefix))
    error_message = "3 to 20 lower-case letters, digits and hyphens, beginning with a letter, not ending with a hyphen."
  }
}

variable "experience_id" {
  type        = string
  description = "The management experience to follow, exp-…"

  validation {
    condition     = can(regex("^exp-[A-Za-z0-9-]{1,60}$", var.experience_id))
    error_message = "The id of an experience, such as exp-1234567890abc."
  }
}

variable "snapshots_table_arn" {
  type        = string
  description = "The hub's table of snapshots."

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}$", var.snapshots_table_arn))
    error_message = "The ARN of a table."
  }
}

variable "timestamps_table_arn" {
  type        = string
  description = "The hub's table of receipts."

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[A-Za-z0-9_.-]{3,255}$", var.timestamps_table_arn))
    error_message = "The ARN of a table."
  }
}

variable "topic_arn" {
  type        = string
  description = "The hub's topic. The hub has to have this organization among its `member_organization_ids`."

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.topic_arn))
    error_message = "The ARN of a topic."
  }
}

variable "organization_id" {
  type        = string
  description = "This organization, o-…"

  validation {
    condition     = can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "The id of an organization, such as o-a1b2c3d4e5."
  }
}

variable "hub_role_arn" {
  type        = string
  description = "The role to assume for the hub's tables."

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}$", var.hub_role_arn))
    error_message = "The ARN of a role."
  }
}

variable "hub_external_id" {
  type        = string
  description = "What to say to assume it."

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]+$", var.hub_external_id))
    error_message = "16 to 1224 letters, digits and _+=,.@:/-"
  }

  validation {
    condition     = length(var.hub_external_id) >= 16 && length(var.hub_external_id) <= 1224
    error_message = "16 to 1224 characters."
  }
}

variable "trusted_keys" {
  type        = string
  default     = null
  description = "The hub's public key in PEM, from its operators by another way than this hub: `pmp-hub public-key` prints it. What it did not sign is refused. Two while keys change. Null: what the hub's ledger says is believed."

  validation {
    condition     = var.trusted_keys == null || can(regex("^(\\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\\s]+-----END PUBLIC KEY-----\\s*){1,2}$", var.trusted_keys))
    error_message = "One public key in PEM, or two while they change."
  }
}

variable "spoke_role_path" {
  type        = string
  default     = "/"
  description = "The path of the function's role, which the hub's module for this member names."

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]{1,64}/){0,8}$", var.spoke_role_path))
    error_message = "A path such as /marketplace/, with a slash at both ends."
  }
}

variable "member_experience_ids" {
  type        = list(string)
  default     = []
  description = "The experiences to keep in step, and the only ones that the function may change; at most 85. None: all live ones, however many. Where several spokes share the account, each needs its own. Ids, `filter_config`, `filters` and `trusted_keys` share the 4 KB of the function's environment."

  validation {
    condition     = alltrue([for one in var.member_experience_ids : can(regex("^exp-[A-Za-z0-9-]{1,60}$", one))])
    error_message = "Ids of experiences."
  }

  validation {
    condition     = length(join(",", var.member_experience_ids)) <= 1529
    error_message = "At most 85 ids of AWS's usual length, because a role's policy and a function's environment hold no more. For more, give none, and all live experiences are kept in step."
  }
}

variable "catalog_account_id" {
  type        = string
  default     = null
  description = "The account that owns the member experiences, which is this organization's management account. Null where that is this account."

  validation {
    condition     = var.catalog_account_id == null || can(regex("^[0-9]{12}$", var.catalog_account_id))
    error_message = "A number of twelve digits."
  }
}

variable "max_removed_percent" {
  type        = number
  default     = 50
  description = "A plan that removes more than this share of the approved products waits for an operator."

  validation {
    condition     = var.max_removed_percent >= 0 && var.max_removed_percent <= 100
    error_message = "From 0 to 100."
  }
}

variable "max_removed_products" {
  type        = number
  default     = null
  description = "A plan that removes more than this many products waits for an operator, too. Null, no such limit."

  validation {
    condition     = var.max_removed_products == null || coalesce(var.max_removed_products, 0) >= 0
    error_message = "A number from 0, or null."
  }
}

variable "guard_window" {
  type        = string
  default     = null
  description = "What was removed within this time counts together for both, so that many small steps wait like one blow. Null, 24 hours; 1s judges each plan by itself."

  validation {
    condition     = var.guard_window == null || can(regex("^[1-9][0-9]*(s|m|h|d)$", var.guard_window))
    error_message = "A duration such as 90m, 24h or 7d."
  }
}

variable "keep_decisions" {
  type        = number
  default     = 50
  description = "For how many snapshots the hub can be asked later what was decided here about each product."

  validation {
    condition     = var.keep_decisions >= 1 && var.keep_decisions <= 200
    error_message = "From 1 to 200."
  }
}

variable "keep_decisions_for" {
  type        = string
  default     = null
  description = "For how long decisions and outcomes are kept. Null, 400 days."

  validation {
    condition     = var.keep_decisions_for == null || can(regex("^[1-9][0-9]*(h|d)$", var.keep_decisions_for))
    error_message = "A duration such as 24h or 90d."
  }
}

variable "sync_settings" {
  type        = bool
  default     = false
  description = "Also copy the policy's settings, which is whether users may request products."
}

variable "mode" {
  type        = string
  default     = "apply"
  description = "With observe, the function tells what it would change and changes nothing: its role may not. With apply, it keeps the experiences in step."

  validation {
    condition     = contains(["apply", "observe"], var.mode)
    error_message = "One of apply and observe."
  }
}

variable "drift" {
  type        = string
  default     = "heal"
  description = "What becomes of what others change in an experience. With heal, it is brought back; with report, it stays and is told. Or rules by experience, as JSON: the first that names an experience counts, all others are healed."

  validation {
    condition     = contains(["heal", "report"], var.drift) || (can(regex("^\\s*\\[", var.drift)) && can(jsondecode(var.drift)))
    error_message = "One of heal and report, or a JSON list of rules."
  }

  validation {
    condition     = length(var.drift) <= 512
    error_message = "At most 512 characters."
  }
}

variable "change_windows" {
  type        = string
  default     = "always"
  description = "When this function may start change sets, as `Mon-Fri 22:00-04:00 Europe/Berlin`: several with `;` between them, or always. Where the hub's operators set change windows as well, both have to be open."

  validation {
    condition     = length(var.change_windows) <= 256
    error_message = "At most 256 characters."
  }
}

variable "filter_name" {
  type        = string
  default     = null
  description = "A filter that is built in and needs settings only, in `filter_config`. Null, none."

  validation {
    condition     = var.filter_name == null || contains(["exclude-ids", "exclude-vendors", "only-categories", "rules"], coalesce(var.filter_name, "-"))
    error_message = "One of exclude-ids, exclude-vendors, only-categories and rules."
  }
}

variable "filter_layer_arn" {
  type        = string
  default     = null
  description = "A layer that holds the filter. Null, none."

  validation {
    condition     = var.filter_layer_arn == null || can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:layer:[A-Za-z0-9_-]{1,140}:[0-9]+$", var.filter_layer_arn))
    error_message = "The ARN of a layer version."
  }
}

variable "filter_path" {
  type        = string
  default     = "/opt/filter.wasm"
  description = "The filter in that layer."

  validation {
    condition     = can(regex("^/opt/[A-Za-z0-9_./-]{1,200}$", var.filter_path))
    error_message = "A file below /opt."
  }
}

variable "filter_bucket" {
  type        = string
  default     = null
  description = "The bucket that holds the filter, instead of a layer. Null, none."

  validation {
    condition     = var.filter_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.filter_bucket))
    error_message = "The name of a bucket."
  }
}

variable "filter_key" {
  type        = string
  default     = null
  description = "The filter in that bucket."

  validation {
    condition     = var.filter_key == null || can(regex("^[A-Za-z0-9!_.'()/-]+$", var.filter_key))
    error_message = "The key of an object."
  }
}

variable "filter_digest" {
  type        = string
  default     = null
  description = "The filter's digest. Any other content is refused. Needed with `filter_bucket`."

  validation {
    condition     = var.filter_digest == null || can(regex("^sha256:[0-9a-f]{64}$", var.filter_digest))
    error_message = "sha256 and 64 hexadecimal digits, separated by a colon."
  }
}

variable "filter_config" {
  type        = string
  default     = null
  description = "The filter's settings, as JSON, or @ and a file below /opt. Null, none, or those of `filter_config_bucket`."

  validation {
    condition     = length(coalesce(var.filter_config, "-")) <= 2048
    error_message = "At most 2,048 characters, because they stand in the function's environment. Put longer settings into a bucket, and name it in filter_config_bucket and filter_config_key."
  }
}

variable "filter_config_bucket" {
  type        = string
  default     = null
  description = "The bucket that holds the filter's settings, instead of `filter_config`; at most 256 KiB. Null, none."

  validation {
    condition     = var.filter_config_bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.filter_config_bucket))
    error_message = "The name of a bucket."
  }
}

variable "filter_config_key" {
  type        = string
  default     = null
  description = "The settings in that bucket. Give each version a key of its own: the function reads them when it starts."

  validation {
    condition     = var.filter_config_key == null || can(regex("^[A-Za-z0-9!_.'()/-]+$", var.filter_config_key))
    error_message = "The key of an object."
  }
}

variable "filters" {
  type        = string
  default     = null
  description = "Rules for filters by experience, as JSON, or @ and a file below /opt. The first rule that names an experience counts; all others have the filter of the variables above, or none. Null, no rules. It shares the 4 KB of the function's environment with the rest."

  validation {
    condition     = var.filters == null || can(regex("^(@/opt/[A-Za-z0-9_./-]{1,200})$", var.filters)) || (can(regex("^\\s*\\[", var.filters)) && can(jsondecode(var.filters)))
    error_message = "A JSON list of rules, or @ and a file below /opt."
  }

  validation {
    condition     = var.filters == null || length(coalesce(var.filters, "-")) <= 2048
    error_message = "At most 2048 characters."
  }
}

variable "filter_object_arns" {
  type        = list(string)
  default     = []
  description = "The objects in S3 that the rules of `filters` name, arn:aws:s3:::BUCKET/KEY. None: no object."

  validation {
    condition     = alltrue([for one in var.filter_object_arns : can(regex("^arn:[a-z-]+:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[A-Za-z0-9!_.'()/-]+$", one))])
    error_message = "ARNs of objects in S3."
  }

  validation {
    condition     = length(join(",", var.filter_object_arns)) <= 800
    error_message = "At most 800 characters together, because a role's policy holds no more beside the rest."
  }
}

variable "product_attributes" {
  type        = string
  default     = "false"
  description = "Whether the filter is told names, vendors, categories and fulfillment types of products: true, as the hub looked them up, and by looking them up here where that has not; hub, as the hub looked them up; own, by looking them up here. exclude-vendors and only-categories need them."

  validation {
    condition     = contains(["false", "true", "hub", "own"], var.product_attributes)
    error_message = "One of false, true, hub, own."
  }
}

variable "filter_share" {
  type        = string
  default     = "digest"
  description = "What the hub is told of the filter besides its name, version and digest, so that its plan can foresee what the filter decides: none; digest, the digest of the settings and what else tells its input apart; settings, these themselves."

  validation {
    condition     = contains(["none", "digest", "settings"], var.filter_share)
    error_message = "One of none, digest, settings."
  }
}

variable "code_bucket" {
  type        = string
  description = "The bucket, in the region, that holds the function's zip."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.code_bucket))
    error_message = "The name of a bucket."
  }
}

variable "code_key" {
  type        = string
  description = "The zip in that bucket, such as 0.1.0/pmp-spoke-arm64.zip. Give each version a key of its own: with the same key, Terraform sees no change."

  validation {
    condition     = can(regex("^[A-Za-z0-9!_.*'()/-]+$", var.code_key))
    error_message = "The key of an object."
  }
}

variable "architecture" {
  type        = string
  default     = "arm64"
  description = "The architecture that the zip was built for."

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "One of arm64, x86_64."
  }
}

variable "memory_size" {
  type        = number
  default     = 512
  description = "The function's memory, in MiB. It also sets its share of a processor."

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "From 128 to 10240."
  }
}

variable "timeout" {
  type        = number
  default     = 900
  description = "The longest that one pass may take, in seconds. It stops before, writes down how far it got, and the next one goes on."

  validation {
    condition     = contains([60, 120, 300, 600, 900], var.timeout)
    error_message = "One of 60, 120, 300, 600, 900."
  }
}

variable "paused" {
  type        = bool
  default     = false
  description = "Whether the spoke rests. Messages wait in the queue for 14 days."
}

variable "operator_principal_arns" {
  type        = list(string)
  default     = []
  description = "Roles and users of this account who may act as the spoke's role, to run pmp-spoke plan, doctor and sync on a machine of their own; * and ? stand for any text and any character. None: nobody. They need sts:AssumeRole of their own, too."

  validation {
    condition     = alltrue([for one in var.operator_principal_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[A-Za-z0-9_+=,.@/*?-]{1,576}$", one))])
    error_message = "ARNs of roles and users."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  default     = null
  description = "The permissions boundary of the function's role, where the organization asks for one. Null, none."

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]{1,576}$", var.permissions_boundary_arn))
    error_message = "The ARN of a policy."
  }
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "A key of your own for the queues and the log. Its policy has to let SNS and CloudWatch Logs use it, as docs/deploy.md says. Null, AWS's keys."

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}$", var.kms_key_arn))
    error_message = "The ARN of a key."
  }
}

variable "alarm_topic_arn" {
  type        = string
  default     = null
  description = "A topic that hears of alarms, or null. If it is encrypted, then with a key of your own: CloudWatch cannot use alias/aws/sns."

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn))
    error_message = "The ARN of a topic."
  }
}

variable "oldest_message_seconds" {
  type        = number
  default     = 7200
  description = "How old a message may grow before an alarm says so, in seconds."

  validation {
    condition     = var.oldest_message_seconds >= 300 && var.oldest_message_seconds <= 1209600
    error_message = "From 300 to 1209600."
  }
}

variable "log_retention_days" {
  type        = number
  default     = 90
  description = "How long the function's log is kept, in days."

  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365, 400, 731, 1827, 3653], var.log_retention_days)
    error_message = "One of 7, 14, 30, 60, 90, 180, 365, 400, 731, 1827, 3653."
  }
}

variable "metrics" {
  type        = string
  default     = "none"
  description = "Which figures CloudWatch makes metrics of, at $0.30 each: none, so that alarms are on metrics that AWS gives away; those of further alarms (alarms); or all. The figures are in the log in any case. docs/metrics.md says more."

  validation {
    condition     = contains(["none", "alarms", "all"], var.metrics)
    error_message = "One of none, alarms, all."
  }
}

variable "make_dashboard" {
  type        = bool
  default     = false
  description = "Whether to make a dashboard, at $3.00. It shows what metrics = \"all\" has."
}

variable "log_level" {
  type        = string
  default     = "info"
  description = "How much the function's log says."

  validation {
    condition     = contains(["error", "warn", "info", "debug"], var.log_level)
    error_message = "One of error, warn, info, debug."
  }
}

variable "shared_topic" {
  type        = bool
  default     = false
  description = "Whether the topic carries further management experiences. Then a filter policy keeps them out of the spoke's queue; a topic takes two hundred of those."
}
