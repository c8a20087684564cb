# Values come checked: the modules hub and spoke validate what their users give.

variable "name" {
  type        = string
  description = "The name of the function and of its role. The log group is named after it."
}

variable "description" {
  type        = string
  description = "The function's description."
}

variable "role_description" {
  type        = string
  description = "The description of its role."
}

variable "role_path" {
  type        = string
  description = "The path of its role."
}

variable "permissions_boundary_arn" {
  type        = string
  description = "The permissions boundary of its role, or null."
}

variable "trust_statements" {
  type        = any
  default     = []
  description = "Statements of the role's trust policy beside the one for Lambda."
}

variable "policy_name" {
  type        = string
  description = "The name of the role's inline policy."
}

variable "statements" {
  type        = any
  description = "Statements of that policy. The permission to write the log is added here."
}

variable "architecture" {
  type        = string
  description = "The architecture that the zip was built for."
}

variable "code_bucket" {
  type        = string
  description = "The bucket that holds the function's zip."
}

variable "code_key" {
  type        = string
  description = "The zip in that bucket."
}

variable "layers" {
  type        = list(string)
  default     = []
  description = "ARNs of layer versions."
}

variable "memory_size" {
  type        = number
  description = "The function's memory, in MiB."
}

variable "timeout" {
  type        = number
  description = "The longest that one invocation may take, in seconds."
}

variable "reserved_concurrency" {
  type        = number
  default     = -1
  description = "How many instances are set aside and may run at once; -1, none are."
}

variable "environment" {
  type        = map(string)
  description = "The function's environment variables. The programs treat an empty one as not set."
}

variable "requirements" {
  type        = list(object({ condition = bool, error_message = string }))
  default     = []
  description = "What has to hold among the caller's variables. Terraform refuses the plan with the messages of those that do not."
}

variable "kms_key_arn" {
  type        = string
  description = "A key of your own for the log, or null."
}

variable "log_retention_days" {
  type        = number
  description = "How long the log is kept, in days."
}

variable "tags" {
  type        = map(string)
  description = "Tags of all resources."
}
