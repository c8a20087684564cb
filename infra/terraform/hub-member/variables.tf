variable "organization_id" {
  type        = string
  description = "The member organization, o-…"

  validation {
    condition     = can(regex("^o-[a-z0-9]{10,32}$", var.organization_id))
    error_message = "The id of an organization, such as o-a1b2c3d4e5."
  }
}

variable "spoke_account_id" {
  type        = string
  description = "The account of that organization in which the spoke runs: its management account, or its delegated administrator for private marketplaces."

  validation {
    condition     = can(regex("^[0-9]{12}$", var.spoke_account_id))
    error_message = "A number of twelve digits."
  }
}

variable "spoke_role_path" {
  type        = string
  default     = "/"
  description = "The path of the spoke's role in that account, where its organization asks for one."

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]{1,64}/){0,8}$", var.spoke_role_path))
    error_message = "A path such as /marketplace/, with a slash at both ends."
  }
}

variable "hub_external_id" {
  type        = string
  description = "What the spoke has to say to be let in, different for each member, such as a random UUID. It is no secret to those who administer either account."

  validation {
    condition     = can(regex("^[A-Za-z0-9_+=,.@:/-]+$", var.hub_external_id))
    error_message = "16 to 1224 letters, digits and _+=,.@:/-"
  }

  validation {
    condition     = length(var.hub_external_id) >= 16 && length(var.hub_external_id) <= 1224
    error_message = "16 to 1224 characters."
  }
}

variable "tables_key_arn" {
  type        = string
  default     = null
  description = "The key of the hub's tables, an output of its module where it has one of its own. Null, none."

  validation {
    condition     = var.tables_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,128}$", var.tables_key_arn))
    error_message = "The ARN of a key."
  }
}

variable "role_path" {
  type        = string
  default     = "/"
  description = "The path of the role, where the organization asks for one."

  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]{1,64}/){0,8}$", var.role_path))
    error_message = "A path such as /marketplace/, with a slash at both ends."
  }
}

variable "permissions_boundary_arn" {
  type        = string
  default     = null
  description = "The permissions boundary of the role, where the organization asks for one. Null, none."

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]{1,576}$", var.permissions_boundary_arn))
    error_message = "The ARN of a policy."
  }
}

variable "prefix" {
  type        = string
  default     = "pmp-sync"
  description = "As the hub module has it. The spoke module has to have the same, because it names the spoke's role."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.prefix))
    error_message = "3 to 20 lower-case letters, digits and hyphens, beginning with a letter, not ending with a hyphen."
  }
}

variable "experience_id" {
  type        = string
  description = "The management experience, exp-…"

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
  description = "The hub's topic."

  validation {
    condition     = can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.topic_arn))
    error_message = "The ARN of a topic."
  }
}

variable "shared_topic" {
  type        = bool
  default     = false
  description = "Whether the topic carries further management experiences. Then a filter policy keeps them out of the spoke's queue; a topic takes two hundred of those."
}
