variable "experience_id" {
  type        = string
  description = "The management experience, exp-…"
}

variable "code_bucket" {
  type        = string
  description = "The bucket, in us-east-1, that holds the hub's zip."
}

variable "code_key" {
  type        = string
  description = "The zip in it, such as 0.1.0/pmp-hub-arm64.zip."
}

variable "members" {
  type = map(object({
    account_id  = string
    external_id = string
  }))
  description = "The member organizations by their ids: the account of each one's spoke, and an external id, different for each, such as a random UUID."

  validation {
    condition     = length(var.members) <= 1120
    error_message = "A topic's policy takes 1,120 organizations."
  }

  validation {
    condition     = length(distinct(values(var.members)[*].external_id)) == length(var.members)
    error_message = "Each member has an external id of its own."
  }
}
