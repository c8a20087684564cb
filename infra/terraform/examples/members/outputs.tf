# What each member needs, by its organization: variables of spoke, by the same names.

output "members" {
  description = "The variables of each member's spoke"
  value       = module.member
}

output "admit" {
  description = "Whom the function does not have in its environment: pmp-hub init --admit takes them, with commas"
  value       = join(",", flatten(slice(local.lists, 1, 4)))
}
