# What each member needs, by its organization: variables of spoke, by the same names.

output "members" {
  description = "The variables of each member's spoke"
  value       = module.member
}
