variable "prefix" {
  type        = string
  default     = "pmp-sync"
  description = "Begins every name. Two hubs in one account need two prefixes. The spokes use the same one."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.prefix))
    error_message = "3 to 20 lower-case letters, digits and hyphens, beginning with a letter, not ending with a hyphen."
  }
}

variable "experience_id" {
  type        = string
  description = "The management experience, exp-…, or the first of several."

  validation {
    condition     = can(regex("^exp-[A-Za-z0-9-]{1,60}$", var.experience_id))
    error_message = "The id of an experience, such as exp-1234567890abc."
  }
}

variable "more_experience_ids" {
  type        = list(string)
  default     = []
  description = "Further management experiences of that account. The alarms are the first one's."

  validation {
    condition     = alltrue([for one in var.more_experience_ids : can(regex("^exp-[A-Za-z0-9-]{1,60}$", one))])
    error_message = "Ids such as exp-1234567890abc."
  }
}

variable "experiences" {
  type        = string
  default     = ""
  description = "What each management experience has of its own, as JSON or TOML: docs/operations.md. A table for each, the first included. It shares the 4 KB of the function's environment with the lists of organizations."
}

variable "catalog_account_id" {
  type        = string
  default     = null
  description = "The account that owns the management experience, which is the organization's management account. Null where that is this account. Where it is another one (this is a delegated administrator), it may forward change events: ../../cloudformation/change-events.yaml."

  validation {
    condition     = var.catalog_account_id == null || can(regex("^[0-9]{12}$", var.catalog_account_id))
    error_message = "A number of twelve digits."
  }
}

variable "change_event_account_ids" {
  type        = list(string)
  default     = []
  description = "Further accounts that may forward change events, each with a stack of ../../cloudformation/change-events.yaml, such as a delegated administrator from which people change the management experience."

  validation {
    condition     = alltrue([for one in var.change_event_account_ids : can(regex("^[0-9]{12}$", one))])
    error_message = "Numbers of twelve digits."
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
  description = "The zip in that bucket, such as 0.1.0/pmp-hub-arm64.zip. Give each version a key of its own: with the same key, Terraform sees no change."

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
  default     = 256
  description = "The function's memory, in MiB. It also sets its share of a processor."

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240
    error_message = "From 128 to 10240."
  }
}

variable "timeout" {
  type        = number
  default     = 60
  description = "The longest that one look at the management experience may take, in seconds."

  validation {
    condition     = var.timeout >= 15 && var.timeout <= 900
    error_message = "From 15 to 900."
  }
}

variable "reserved_concurrency" {
  type        = number
  default     = null
  description = "Null, or how many instances of the function are set aside and may run at once. A new account may be too small to set any aside. Several hubs at once are safe."

  validation {
    condition     = var.reserved_concurrency == null || coalesce(var.reserved_concurrency, 1) >= 1
    error_message = "A number from 1, or null."
  }
}

variable "interval" {
  type        = string
  default     = "1h"
  description = "How often an unchanged snapshot is announced again, so that spokes find and heal what others changed. Changes travel at once."

  validation {
    condition     = contains(["15m", "30m", "1h", "2h", "3h", "6h", "12h"], var.interval)
    error_message = "One of 15m, 30m, 1h, 2h, 3h, 6h, 12h."
  }
}

variable "stale_after" {
  type        = string
  default     = null
  description = "How long a spoke may be silent before an alarm says so. Longer than the interval. Null, three hours, or three intervals where that is longer."

  validation {
    condition     = var.stale_after == null || can(regex("^[1-9][0-9]*(s|m|h|d)$", var.stale_after))
    error_message = "A duration such as 90m, 3h or 2d."
  }
}

variable "max_hold" {
  type        = string
  default     = null
  description = "The longest that a member may hold by itself (`pmp-spoke hold`), from 1h to 30d. Null, seven days."

  validation {
    condition     = var.max_hold == null || can(regex("^[1-9][0-9]*(m|h|d)$", var.max_hold))
    error_message = "A duration such as 90m, 12h or 7d."
  }
}

variable "waves" {
  type        = string
  default     = null
  description = <<-EOT
    The waves in which organizations get a new version, as JSON or TOML: docs/steer.md. `none` ends them. Null, there never were any. It shares
    the function's environment (4 KB) with the list of members.
  EOT
}

variable "change_windows" {
  type        = string
  default     = ""
  description = "When members may change anything, as `Mon-Fri 22:00-04:00 Europe/Berlin`, or always. Blank, as it was set last."

  validation {
    condition     = length(var.change_windows) <= 256
    error_message = "At most 256 characters."
  }
}

variable "keep_versions" {
  type        = number
  default     = 50
  description = "How many versions of the snapshot are kept."

  validation {
    condition     = var.keep_versions >= 2 && var.keep_versions <= 10000
    error_message = "From 2 to 10000."
  }
}

variable "product_attributes" {
  type        = bool
  default     = true
  description = "Whether names, vendors, categories and fulfillment types of the products are looked up at AWS Marketplace, once for the filters of all members. It never delays a snapshot."
}

variable "member_organization_ids" {
  type        = list(string)
  default     = []
  description = "The organizations that are admitted: their accounts may subscribe their queues to the topic, and the hub misses those that do not report. A member needs this and a hub-member module. At most some 250, which fit into the function's environment (4 KB)."

  validation {
    condition     = alltrue([for one in var.member_organization_ids : can(regex("^o-[a-z0-9]{10,32}$", one))])
    error_message = "Ids of organizations such as o-a1b2c3d4e5."
  }
}

variable "second_member_organization_ids" {
  type        = list(string)
  default     = []
  description = "Further organizations whose accounts may subscribe their queues, where the first list is full. They are on the roster once they are admitted with `pmp-hub init --admit`: the function's environment holds no more."

  validation {
    condition     = alltrue([for one in var.second_member_organization_ids : can(regex("^o-[a-z0-9]{10,32}$", one))])
    error_message = "Ids of organizations such as o-a1b2c3d4e5."
  }
}

variable "third_member_organization_ids" {
  type        = list(string)
  default     = []
  description = "The same as the second list, as hub.yaml has it: a template's parameter ends at 4,096 characters."

  validation {
    condition     = alltrue([for one in var.third_member_organization_ids : can(regex("^o-[a-z0-9]{10,32}$", one))])
    error_message = "Ids of organizations such as o-a1b2c3d4e5."
  }
}

variable "fourth_member_organization_ids" {
  type        = list(string)
  default     = []
  description = "The same."

  validation {
    condition     = alltrue([for one in var.fourth_member_organization_ids : can(regex("^o-[a-z0-9]{10,32}$", one))])
    error_message = "Ids of organizations such as o-a1b2c3d4e5."
  }
}

variable "signing_key_arn" {
  type        = string
  default     = null
  description = "A KMS key that signs snapshots, of the spec ECC_NIST_P256 for SIGN_VERIFY. Null, they are not signed. Make it apart from this module, so that it outlives it."

  validation {
    condition     = var.signing_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,256}$", var.signing_key_arn))
    error_message = "The ARN of a key, not of an alias."
  }
}

variable "statement_lifetime" {
  type        = string
  default     = "168h"
  description = "How long a spoke may go by a signature that is not renewed. It is renewed with each announcement."

  validation {
    condition     = contains(["24h", "48h", "72h", "168h", "336h", "720h", "1440h", "2160h"], var.statement_lifetime)
    error_message = "One of 24h, 48h, 72h, 168h, 336h, 720h, 1440h, 2160h."
  }
}

variable "role_path" {
  type        = string
  default     = "/"
  description = "The path of the roles, where the organization asks for one."

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]{1,64}/){0,8}$", var.role_path))
    error_message = "A path such as /marketplace/, with a slash at both ends."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  default     = null
  description = "The permissions boundary of the roles, where the organization asks for one. Null, none."

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]{1,576}$", var.permissions_boundary_arn))
    error_message = "The ARN of a policy."
  }
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "A key of your own for the tables, the topic, the dead letters and the log. Its policy has to let their services use it, as docs/deploy.md says. Null, AWS's keys."

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

variable "notify_topic_arn" {
  type        = string
  default     = null
  description = "A topic that hears what changed in the fleet, once (docs/notifications.md), or null."

  validation {
    condition     = var.notify_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}$", var.notify_topic_arn))
    error_message = "The ARN of a topic."
  }
}

variable "notify_format" {
  type        = string
  default     = "json"
  description = "The form of what it hears."

  validation {
    condition     = contains(["json", "chatbot"], var.notify_format)
    error_message = "One of json, chatbot."
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
