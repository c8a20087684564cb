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
    list        = optional(number, 1)
  }))
  description = "The member organizations by their ids: the account of each one's spoke, and an external id, different for each, such as a random UUID. From 251 on, list = 2 for a new one, from 541 on 3, from 831 on 4."

  validation {
    condition     = alltrue([for one in values(var.members) : contains([1, 2, 3, 4], one.list)])
    error_message = "A topic's policy has the lists 1 to 4."
  }

  validation {
    condition     = alltrue([for number, most in [250, 290, 290, 290] : length([for one in values(var.members) : one if one.list == number + 1]) <= most])
    error_message = "List 1 takes 250 organizations, and the lists 2 to 4 take 290 each. Give new members the next list (list = 2), leave the others where they are, and admit the new ones with `pmp-hub init --admit`."
  }

  validation {
    condition     = length(distinct(values(var.members)[*].external_id)) == length(var.members)
    error_message = "Each member has an external id of its own."
  }
}
